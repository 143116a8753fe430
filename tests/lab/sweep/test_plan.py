"""What is computed as one batch, what waits, and what is in no batch at all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.bases.registry import BASES
from lab.sweep import sweep
from lab.sweep.plan import FORMS, LONE, Kind, at_once, batches
from lora_core.config import METHODS
from tests.lab.sweep.common import FASHION


@given(
    st.lists(
        st.builds(
            Kind,
            st.sampled_from(["added", "offset"]),
            st.sampled_from([1, 2, 4, 8, 9, 40, 64]),
            st.integers(0, 3),
        )
        | st.builds(Kind, st.just("whole"), st.just(0), st.integers(0, 3))
    ),
    st.integers(1, 9),
)
def test_every_configuration_is_in_one_batch_with_its_likes(kinds: list[Kind], most: int) -> None:
    found = batches(kinds, most)
    assert sorted(place for places in found for place in places) == list(range(len(kinds)))
    for places in found:
        ranks = [kinds[place].rank for place in places]
        assert 1 <= len(places) <= most
        assert len({kinds[place].form for place in places}) == 1
        assert ranks[0] <= ranks[-1] <= max(8, 2 * ranks[0])
        assert {kinds[place].seed for place in places[most // 2 :]} <= {kinds[places[0]].seed}


def test_a_batch_has_as_many_as_the_cache_has_room_for() -> None:
    assert at_once(BASES["gpt-en"].layers, 16 * 64, 4) == 1
    assert 4 < at_once(BASES["mlp-mnist"].layers, 64, 4) < 64
    assert at_once(BASES["gpt-en"].layers, 16 * 64, 4, "cuda") > 8


def test_every_method_is_in_a_batch_or_is_said_why_not() -> None:
    assert FORMS.keys().isdisjoint(LONE)
    assert {*FORMS, *LONE} == set(METHODS)
    assert FASHION.adapter is not None
    with pytest.raises(ValueError, match="'adalora'"):
        next(sweep([replace(FASHION, adapter=replace(FASHION.adapter, method="adalora"))]))
