"""Which configurations of a sweep are computed as one batch, and which wait. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

from lora_core.config import METHODS, AdapterConfig
from lora_core.methods import method

# What a method's layers come to when many are computed as one, where AdamW is all that moves them:
#   added       W + γ B A, of one W for all
#   quantised   the same, of what four bits leave of W
#   offset      W − γ B₀A₀ + γ B A, so each configuration has a frozen matrix of its own
#   decomposed  (m / ‖V‖) ∘ V of V = W + γ B A
FORMS: Mapping[str, str] = {name: form for name in METHODS if (form := method(name).form)}
# The others, and why.
LONE: Mapping[str, str] = {name: method(name).alone for name in METHODS if name not in FORMS}
# Bytes of activations up to which one more configuration makes a batch quicker: what a cache holds.
_ROOM = {"cpu": 8 * 2**20}
_ROOM_ELSEWHERE = 2**29
_COPIES = 3  # of a layer's input and output that a step goes through


class Kind(NamedTuple):
    """What decides who is computed with whom.

    form: see FORMS; "whole" is full fine-tuning. rank: of the adapter, 0 for full fine-tuning.
    """

    form: str
    rank: int
    seed: int

    @classmethod
    def of(cls, adapter: AdapterConfig | None, seed: int) -> Self:
        """Raises ValueError: the method is none of FORMS, or drops inputs; says why."""
        if adapter is None:
            return cls("whole", 0, seed)
        form = method(adapter.method).form
        if form is None:
            raise ValueError(
                f"method is {adapter.method!r}, and {method(adapter.method).alone}; "
                f"a batch takes one of: {', '.join(FORMS)}, or none"
            )
        if adapter.dropout:
            raise ValueError(f"dropout is {adapter.dropout}, expected 0: a batch has none")
        return cls(form, adapter.rank, seed)


def at_once(shapes: Mapping[str, tuple[int, int]], rows: int, itemsize: int, device: str = "cpu") -> int:
    """How many configurations a batch should have.

    Args:
        shapes: the model's linear layers, (d_out, d_in).
        rows: inputs of each layer in a step of one configuration.
        itemsize: bytes a number.
    """
    width = sum(d_out + d_in for d_out, d_in in shapes.values())
    return max(1, _ROOM.get(device, _ROOM_ELSEWHERE) // (_COPIES * width * rows * itemsize))


def batches(kinds: Sequence[Kind], most: int) -> list[list[int]]:
    """Places of configurations that are computed together: of one form, and of about one rank.

    At most `most`; with the same minibatches, as far as that does not leave a batch half empty.
    """
    found: list[list[int]] = []
    for place in sorted(range(len(kinds)), key=kinds.__getitem__):
        kind, last = kinds[place], found[-1] if found else []
        first = kinds[last[0]] if last else kind
        alike = first.form == kind.form and kind.rank <= max(8, 2 * first.rank)
        if last and alike and len(last) < (most if first.seed == kind.seed else most // 2):
            last.append(place)
        else:
            found.append([place])
    return found
