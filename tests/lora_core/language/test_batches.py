"""Batches laid out by hand, and their order."""

from __future__ import annotations

import itertools

import pytest
import torch

from lora_core.language.batches import IGNORED, batches, padded
from lora_core.language.examples import Encoded
from tests.lora_core.language.tiny import examples

SHORT = Encoded((7, 8, 9), (False, False, True))
LONG = Encoded((1, 2, 3, 4, 5), (False, True, False, True, True))


def test_a_batch_by_hand() -> None:
    batch = padded([SHORT, LONG], padding=99)
    assert batch.ids.tolist() == [[7, 8, 99, 99], [1, 2, 3, 4]]
    assert batch.targets.tolist() == [[IGNORED, 9, IGNORED, IGNORED], [2, IGNORED, 4, 5]]
    assert batch.tokens == 6


def test_all_examples_come_before_any_comes_again() -> None:
    found = examples(5)
    order = batches(found, 2, 0, torch.Generator().manual_seed(3))
    rows = [row for batch in itertools.islice(order, 5) for row in batch.ids.tolist()]
    firsts = [each.ids[0] for each in found]
    for turn in (rows[:5], rows[5:]):
        assert sorted(row[0] for row in turn) == sorted(firsts)
    assert [row[0] for row in rows[:5]] != firsts


def test_the_order_is_the_generators() -> None:
    def order(seed: int) -> list[list[list[int]]]:
        found = batches(examples(6), 3, 0, torch.Generator().manual_seed(seed))
        return [batch.ids.tolist() for batch in itertools.islice(found, 4)]

    assert order(1) == order(1) != order(2)


def test_a_batch_larger_than_the_lesson_holds_examples_twice() -> None:
    batch = next(batches(examples(2), 5, 0, torch.Generator().manual_seed(0)))
    assert len(batch.ids) == 5


@pytest.mark.parametrize(("count", "size"), [(0, 2), (3, 0)])
def test_nothing_to_batch_is_refused(count: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"{count} examples in batches of {size}"):
        next(batches(examples(count), size, 0, torch.Generator()))
