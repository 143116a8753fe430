"""How each method starts on one layer, as `checkpoints.starts` has computed it. No torch here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from lab.data import CHECKPOINTS

FOLDER = CHECKPOINTS / "starts"
ARRAYS, RECORD = FOLDER / "starts.safetensors", FOLDER / "record.json"
BASE, TASK, LAYER = "gpt-en", "python", "blocks.1.attn.proj"
RANK, ALPHA, SEED = 8, 32.0, 0


@dataclass(frozen=True)
class Start:
    """One method before its first step.

    held: γ B A as it starts (d_out, d_in); of QLoRA what four bits have changed in W.
    first: the way in which W + ΔW begins to move under gradient descent, of norm 1.
    cosine: of `first` with full fine-tuning's gradient. rank: of `first`.
    """

    held: NDArray[np.float32]
    first: NDArray[np.float32]
    cosine: float
    rank: int


@cache
def read() -> tuple[dict[str, Start], NDArray[np.float32]]:
    """Method -> how it starts, and full fine-tuning's gradient, of norm 1."""
    arrays = {name: array.astype(np.float32) for name, array in load_file(ARRAYS).items()}
    about = json.loads(RECORD.read_text("utf-8"))["methods"]
    found = {
        method: Start(arrays[f"{method}.held"], arrays[f"{method}.first"], told["cosine"], told["rank"])
        for method, told in about.items()
    }
    return found, arrays["full.first"]
