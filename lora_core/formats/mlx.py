"""An adapter as mlx-lm reads it: a folder of adapters.safetensors and adapter_config.json. No torch here.

    y = W x + scale (x A') B'  with  A' = Aᵀ (d_in, r),  B' = Bᵀ (r, d_out),  scale = γ, here 1: it is in B'

mlx-lm adapts in each of the last `num_layers` blocks the modules that `keys` names, and then loads the
tensors by name: a module that the file does not have keeps a B' of zeros, and does nothing.

    mlx_lm.generate --model BASE --adapter-path FOLDER --prompt "…"
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from lora_core.formats.folded import Factors, rank_of
from lora_core.formats.peft import write_together

TENSOR_FILE = "adapters.safetensors"
CONFIG_FILE = "adapter_config.json"


def write(folder: str | os.PathLike[str], factors: Factors, *, blocks: int) -> None:
    """Writes the folder's two files whole, then puts both in place.

    Args:
        folder: made if it is missing.
        factors: in float32, as they are written.
        blocks: how many the model has.

    Raises:
        ValueError: a layer stands outside the blocks, ranks differ, or `folder` is a file.
    """
    keys, first = set(), blocks
    for module in factors:
        found = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", module)
        if found is None or int(found[1]) >= blocks:
            raise ValueError(f"{module} is in none of the {blocks} blocks; expected model.layers.N.…")
        keys.add(found[2])
        first = min(first, int(found[1]))
    rank = rank_of(factors)
    described = {
        "fine_tune_type": "lora",
        "num_layers": blocks - first,
        "lora_parameters": {"rank": rank, "scale": 1.0, "dropout": 0.0, "keys": sorted(keys)},
    }
    arrays = {}
    for module, (A, B) in factors.items():
        arrays[f"{module}.lora_a"] = np.ascontiguousarray(A.T)
        arrays[f"{module}.lora_b"] = np.ascontiguousarray(B.T)
    write_together(
        Path(folder),
        {
            TENSOR_FILE: save(arrays, metadata={"format": "mlx"}),
            CONFIG_FILE: (json.dumps(described, indent=2) + "\n").encode(),
        },
    )
