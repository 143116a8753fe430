"""Encoded examples as tensors: batches filled up with padding, shuffled by a generator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lora_core.language.examples import Encoded

IGNORED = -100
"""The target where nothing is predicted, as torch and transformers have it."""


class Batch(NamedTuple):
    """Examples under each other. Padding stands at the end, where no token before sees it: it needs no mask.

    Attributes:
        ids: (B, T), what is read.
        targets: (B, T), of each place the token after it, or IGNORED where that does not train.
        tokens: how many of `ids` are not padding.
    """

    ids: Tensor
    targets: Tensor
    tokens: int

    def to(self, device: torch.device | str) -> Batch:
        """The same on a device."""
        return Batch(self.ids.to(device), self.targets.to(device), self.tokens)


def padded(examples: Sequence[Encoded], padding: int) -> Batch:
    """One batch of these examples; each example's last token is a target only.

    Args:
        examples: at least one, of two tokens at least.
        padding: id of a token to fill up with.
    """
    length = max(len(each.ids) for each in examples) - 1
    ids = torch.full((len(examples), length), padding)
    targets = torch.full((len(examples), length), IGNORED)
    for row, (tokens, trained) in enumerate(examples):
        end = len(tokens) - 1
        ids[row, :end] = torch.tensor(tokens[:-1])
        targets[row, :end] = torch.tensor(tokens[1:]).where(torch.tensor(trained[1:]), IGNORED)
    return Batch(ids, targets, sum(len(each.ids) - 1 for each in examples))


def batches(
    examples: Sequence[Encoded], size: int, padding: int, generator: torch.Generator
) -> Iterator[Batch]:
    """Batches without end: all examples once in random order, then all once more in another.

    A batch takes its last examples from the next round where a round does not fill it, so that all batches
    have `size` examples even if there are fewer.

    Raises:
        ValueError: there is no example, or `size` is below 1.
    """
    if not examples or size < 1:
        raise ValueError(f"{len(examples)} examples in batches of {size}, expected at least one of each")
    waiting: list[int] = []
    while True:
        while len(waiting) < size:
            waiting += torch.randperm(len(examples), generator=generator).tolist()
        yield padded([examples[place] for place in waiting[:size]], padding)
        del waiting[:size]
