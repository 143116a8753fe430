"""What llama.cpp calls the tensors of a Llama-shaped model, and how it orders the rows of q and k. No torch.

llama.cpp turns neighbouring numbers of a head where transformers turns those half a head apart, so that in
files of architecture `llama` (not in Qwen's) the rows of each head of q and k stand in pairs.
"""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from lora_core.language.config import ModelConfig

ARCHITECTURES = ("llama", "qwen2", "qwen3")
WHOLE = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
IN_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_TO_GGUF = {module: name for name, module in {**WHOLE, **IN_BLOCK}.items()}


def package() -> ModuleType:
    """The package `gguf`.

    Raises:
        ValueError: it is not installed; the message says how to get it.
    """
    try:
        import gguf
    except ModuleNotFoundError as error:
        raise ValueError(
            f"GGUF files need the package {error.name}; get it with: pip install {error.name}"
        ) from None
    return gguf


def module_of(name: str) -> str | None:
    """("blk.3.attn_q") -> "model.layers.3.self_attn.q_proj", as transformers calls it; None is no module."""
    found = re.fullmatch(r"blk\.(\d+)\.(\w+)", name)
    if found is None:
        return WHOLE.get(name)
    return f"model.layers.{found[1]}.{IN_BLOCK[found[2]]}" if found[2] in IN_BLOCK else None


def name_of(module: str) -> str:
    """("model.layers.3.self_attn.q_proj") -> "blk.3.attn_q".

    Raises:
        ValueError: a Llama-shaped model has no such module.
    """
    found = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", module)
    inner = found[2] if found else module
    if inner not in _TO_GGUF or (found is None) == (inner in IN_BLOCK.values()):
        raise ValueError(
            f"llama.cpp has no name for {module}; expected names as model.layers.0.self_attn.q_proj"
        )
    return f"blk.{found[1]}.{_TO_GGUF[inner]}" if found else _TO_GGUF[inner]


def architecture(config: ModelConfig) -> str:
    """What llama.cpp calls a model of this shape.

    Raises:
        ValueError: it has no name for it.
    """
    if config.window is not None:
        raise ValueError("the model looks back through a window, which llama.cpp's `llama` does not")
    return str(config.to_json()["model_type"])


def heads_in_pairs(name: str, config: ModelConfig, architecture: str) -> int:
    """How many heads of a tensor's rows stand in pairs, as its name says; 0 if they stand as in transformers.

    Args:
        name: llama.cpp's, without its last part.
        config: of the model.
        architecture: of the file.
    """
    heads = {"attn_q": config.heads, "attn_k": config.kv_heads}.get(name.rpartition(".")[2], 0)
    return heads if architecture == "llama" else 0


def in_pairs(rows: npt.NDArray[Any], heads: int) -> npt.NDArray[Any]:
    """Each head's rows (0, 1, 2, …) to (0, D/2, 1, D/2 + 1, …), D a head; the shape stays, (d_out, …)."""
    half = len(rows) // heads // 2
    return np.ascontiguousarray(rows.reshape(heads, 2, half, -1).swapaxes(1, 2)).reshape(rows.shape)


def in_halves(rows: npt.NDArray[Any], heads: int) -> npt.NDArray[Any]:
    """What `in_pairs` does, undone."""
    half = len(rows) // heads // 2
    return np.ascontiguousarray(rows.reshape(heads, half, 2, -1).swapaxes(1, 2)).reshape(rows.shape)
