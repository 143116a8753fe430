"""AdaLoRA in PEFT's files, which may leave out pruned triplets: `rank_pattern` says which. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def entries(rank: int, alpha: float) -> dict[str, Any]:
    """What adapter_config.json says of an AdaLoRA, which has one rank and one α for all layers in PEFT.

    The file holds all triplets, pruned ones with E = 0: PEFT warns of its own files that leave some out.
    """
    return {
        "peft_type": "ADALORA",
        "init_r": rank,
        "lora_alpha": alpha,
        "rank_pattern": None,
        "alpha_pattern": {},
        "use_rslora": False,
        "r": 8,  # of no use, but PEFT warns of any other
        "total_step": 1,  # of no use in a finished adapter, but PEFT asks for one
    }


def whole(name: str, arrays: Mapping[str, Array], pattern: Mapping[str, Any]) -> dict[str, Array]:
    """All triplets of a layer: those of the file, and zeros in the place of those that were left out.

    Raises:
        ValueError: the layer's entry is not a list of true and false, or does not fit its arrays:
            lora_A (r, d_in), lora_B (d_out, r) and lora_E (r, 1).
    """
    kept = next((pattern[key] for key in pattern if key.startswith(f"{name}.lora_E")), None)
    if not (isinstance(kept, list) and all(isinstance(each, bool) for each in kept)):
        raise ValueError(f"rank_pattern has {kept!r} for {name}, expected a list of true and false")
    found = {}
    for part, array in arrays.items():
        rows = array.T if part == "lora_B" else array  # one row a triplet
        if rows.ndim != 2 or len(rows) != sum(kept):
            raise ValueError(f"{part} of {name} has shape {array.shape}, but rank_pattern keeps {sum(kept)}")
        spread = np.zeros((len(kept), rows.shape[1]), rows.dtype)
        spread[np.array(kept, dtype=bool)] = rows
        found[part] = spread.T if part == "lora_B" else spread
    return found
