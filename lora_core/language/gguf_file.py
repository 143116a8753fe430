"""llama.cpp's model file made into Hugging Face's layout: config, tokens, chat template and weights.

Weights are dequantised by the `gguf` package in numpy and kept as bfloat16; the rows of q and k are put in
transformers' order (`lora_core.formats.gguf_names`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from lora_core.formats.gguf_names import ARCHITECTURES, heads_in_pairs, in_halves, module_of
from lora_core.language.config import ModelConfig
from lora_core.language.tokens import SPECIAL, tokenizer_of


def unpack(path: Path, folder: Path) -> None:
    """Writes config.json, tokenizer.json, tokenizer_config.json, model.safetensors and the chat template.

    Raises:
        ValueError: the file is no GGUF, or its model or tokens are of a kind that does not fit.
    """
    try:
        file = gguf.GGUFReader(path)
    except (ValueError, IndexError, KeyError) as error:
        raise ValueError(f"{path.name} cannot be read as GGUF: {error}") from None
    fields = {name: field.contents() for name, field in file.fields.items()}
    config = config_of(fields, {tensor.name for tensor in file.tensors})
    _write_tokens(fields, folder)
    (folder / "config.json").write_text(json.dumps(config.to_json(), indent=1), "utf-8")
    save_file(dict(_weights(file, config, fields["general.architecture"])), folder / "model.safetensors")


def config_of(fields: dict[str, Any], tensors: set[str]) -> ModelConfig:
    """The shape, from the file's fields and the names of its tensors.

    Raises:
        ValueError: the model is of another shape, or a field is missing.
    """
    kind = fields.get("general.architecture")
    if kind not in ARCHITECTURES or fields.get("general.type", "model") != "model":
        raise ValueError(f"the file holds {kind!r}, expected a model of {', '.join(ARCHITECTURES)}")
    if (
        any(name.startswith("rope_") for name in tensors)
        or fields.get(f"{kind}.rope.scaling.type", "none") != "none"
    ):
        raise ValueError("the file stretches its positions; take the model's folder with config.json instead")
    if fields.get(f"{kind}.expert_count"):
        raise ValueError("the model is a mixture of experts, expected one MLP a block")
    try:
        width, heads = (
            int(fields[f"{kind}.{name}"]) for name in ("embedding_length", "attention.head_count")
        )
        head_width = int(fields.get(f"{kind}.attention.key_length", width // heads))
        if int(fields.get(f"{kind}.rope.dimension_count", head_width)) != head_width:
            raise ValueError("positions turn a part of each head, expected all of it")
        return ModelConfig(
            vocabulary=len(fields["tokenizer.ggml.tokens"]),
            width=width,
            mlp_width=int(fields[f"{kind}.feed_forward_length"]),
            blocks=int(fields[f"{kind}.block_count"]),
            heads=heads,
            kv_heads=int(fields.get(f"{kind}.attention.head_count_kv", heads)),
            head_width=head_width,
            norm_eps=_decimal(fields[f"{kind}.attention.layer_norm_rms_epsilon"]),
            rope_base=_decimal(fields.get(f"{kind}.rope.freq_base", 10_000.0)),
            context=int(fields[f"{kind}.context_length"]),
            tied="output.weight" not in tensors,
            qkv_bias="blk.0.attn_q.bias" in tensors,
            o_bias="blk.0.attn_output.bias" in tensors,
            mlp_bias="blk.0.ffn_down.bias" in tensors,
            qk_norm="blk.0.attn_q_norm.weight" in tensors,
        )
    except KeyError as error:
        raise ValueError(f"the file lacks {error.args[0]!r}") from None


def _decimal(number: float) -> float:
    """The short decimal that a float32 stands for: 9.999999747378752e-06 is 1e-05."""
    return float(str(np.float32(number)))


def _weights(file: gguf.GGUFReader, config: ModelConfig, kind: str) -> Iterator[tuple[str, Tensor]]:
    """Hugging Face's name and tensor of each, (d_out, d_in); raises ValueError for a name without one."""
    for tensor in file.tensors:
        name, _, part = tensor.name.rpartition(".")
        module = module_of(name)
        if module is None or part not in ("weight", "bias"):
            raise ValueError(f"the file holds {tensor.name}, which a model of this shape has not")
        try:
            W = np.array(gguf.dequantize(tensor.data, tensor.tensor_type), np.float32)
        except NotImplementedError:
            raise ValueError(
                f"{tensor.name} is quantised as {tensor.tensor_type.name}, which is unknown"
            ) from None
        if heads := heads_in_pairs(name, config, kind):
            W = in_halves(W, heads)
        yield f"{module}.{part}", torch.from_numpy(W).bfloat16()


def _write_tokens(fields: dict[str, Any], folder: Path) -> None:
    tokens = fields["tokenizer.ggml.tokens"]
    tokenizer_of(
        fields.get("tokenizer.ggml.model", ""),
        fields.get("tokenizer.ggml.pre", "default"),
        tokens,
        fields.get("tokenizer.ggml.merges", []),
        [place for place, kind in enumerate(fields["tokenizer.ggml.token_type"]) if kind == SPECIAL],
    ).save(str(folder / "tokenizer.json"))
    about: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": fields.get(f"{fields['general.architecture']}.context_length"),
        "clean_up_tokenization_spaces": False,
        "add_bos_token": bool(fields.get("tokenizer.ggml.add_bos_token", False)),
    }
    for ours, theirs in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
        place = fields.get(f"tokenizer.ggml.{theirs}_token_id")
        if place is not None and place < len(tokens):
            about[f"{ours}_token"] = tokens[place]
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=1), "utf-8")
    if template := fields.get("tokenizer.chat_template"):
        (folder / "chat_template.jinja").write_text(template, "utf-8", newline="")
