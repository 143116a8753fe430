"""An adapter as bare factors with γ inside B: ΔW = B A. No torch here.

Readers of adapters disagree about α: some know α / r only, some want it whole, some have a scale of their own
whose default is 20. Where γ is folded into B and the rank is one for all, each of them computes 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lora_core.formats.peft import SavedAdapter

Matrix = npt.NDArray[np.float32]
Factors = Mapping[str, tuple[Matrix, Matrix]]
"""Module name -> A (r, d_in) and B (d_out, r), r the same for all."""


def folded(saved: SavedAdapter) -> dict[str, tuple[Matrix, Matrix]]:
    """The factors of what PEFT's format holds; lower ranks are filled up with zeros.

    Raises:
        ValueError: the update is no product of two thin matrices (DoRA), or weights of the base were
            trained beside it.
    """
    if saved.beside:
        raise ValueError(
            f"the adapter holds {next(iter(saved.beside))} of the base beside its factors, which only "
            "PEFT's format has a place for; merge it into the base instead (pradit merge)"
        )
    found = {name: _factors(name, parts, saved.scale_of(name)) for name, parts in saved.layers.items()}
    rank = max(len(A) for A, _ in found.values())
    return {name: _padded(A, B, rank) for name, (A, B) in found.items()}


def rank_of(factors: Factors) -> int:
    """r, the same for all.

    Raises:
        ValueError: there is no layer, or ranks differ.
    """
    ranks = {len(A) for A, _ in factors.values()}
    if len(ranks) != 1:
        raise ValueError(f"the ranks are {sorted(ranks)}, expected one for all layers")
    return ranks.pop()


def _factors(name: str, parts: Mapping[str, npt.NDArray[Any]], scale: float) -> tuple[Matrix, Matrix]:
    """AdaLoRA's ΔW = γ B diag(E) A is one of them, plain LoRA's γ B A the others."""
    arrays = {part.removesuffix(".weight"): np.asarray(array, np.float64) for part, array in parts.items()}
    if others := sorted(arrays.keys() - {"lora_A", "lora_B", "lora_E"}):
        raise ValueError(
            f"{name} has a {others[0]}: its update is no product of two thin matrices, and this format "
            "holds nothing else; merge it into the base instead (pradit merge)"
        )
    A, B = arrays["lora_A"], arrays["lora_B"]
    if "lora_E" in arrays:
        B = B * arrays["lora_E"].reshape(-1)
    return A.astype(np.float32), (scale * B).astype(np.float32)


def _padded(A: Matrix, B: Matrix, rank: int) -> tuple[Matrix, Matrix]:
    more = rank - len(A)
    return np.pad(A, ((0, more), (0, 0))), np.pad(B, ((0, 0), (0, more)))
