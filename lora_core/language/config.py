"""The shape of a Llama-like model, and what of Hugging Face's config.json it is read from. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KINDS = ("llama", "mistral", "qwen2", "qwen3")
"""config.json's `model_type` of what fits; SmolLM and SmolLM2 are of type llama."""


@dataclass(frozen=True)
class ModelConfig:
    """What the network is built from.

    Attributes:
        vocabulary: rows of the embedding.
        width: C, numbers a token carries from block to block.
        mlp_width: numbers inside a block's MLP.
        blocks: how many blocks follow each other.
        heads: H, query heads.
        kv_heads: K, key and value heads, a divisor of H.
        head_width: D, an even number.
        norm_eps: what RMSNorm adds to the mean square.
        rope_base: θ; the pair i of a head turns by position · θ^(-2i/D).
        context: tokens the model was trained to read at most.
        window: tokens a token looks back at, itself included; None is all.
        tied: the head is the embedding.
        qkv_bias, o_bias, mlp_bias: which products add a bias.
        qk_norm: queries and keys are normalised head by head before they are turned (Qwen3).
        rope_llama3: (factor, low, high, original context) of Llama 3.1's stretched positions, or None.
    """

    vocabulary: int
    width: int
    mlp_width: int
    blocks: int
    heads: int
    kv_heads: int
    head_width: int
    norm_eps: float = 1e-5
    rope_base: float = 10_000.0
    context: int = 2048
    window: int | None = None
    tied: bool = False
    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = False
    rope_llama3: tuple[float, float, float, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields of config.json, as transformers 4 and 5 read them."""
        kind = "qwen3" if self.qk_norm else "llama"
        if self.qkv_bias and not self.o_bias and kind == "llama":
            kind = "qwen2"
        rope: dict[str, Any] = {"rope_type": "default", "rope_theta": self.rope_base}
        if self.rope_llama3:
            factor, low, high, original = self.rope_llama3
            rope |= {
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": low,
                "high_freq_factor": high,
                "original_max_position_embeddings": original,
            }
        return {
            "architectures": [f"{kind.capitalize()}ForCausalLM"],
            "model_type": kind,
            "vocab_size": self.vocabulary,
            "hidden_size": self.width,
            "intermediate_size": self.mlp_width,
            "num_hidden_layers": self.blocks,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_width,
            "hidden_act": "silu",
            "rms_norm_eps": self.norm_eps,
            "rope_theta": self.rope_base,
            "rope_parameters": rope,
            "max_position_embeddings": self.context,
            "tie_word_embeddings": self.tied,
            "attention_bias": self.qkv_bias,
            "mlp_bias": self.mlp_bias,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ModelConfig:
        """Reads config.json.

        Raises:
            ValueError: the model is of another shape; the message says in what.
        """
        kind = fields.get("model_type")
        if kind not in KINDS:
            raise ValueError(f"the model is of type {kind!r}, expected one of {', '.join(KINDS)}")
        _refuse_others(fields, str(kind))
        try:
            width, heads = int(fields["hidden_size"]), int(fields["num_attention_heads"])
            bias = bool(fields.get("attention_bias", False))
            base, stretched = _rope(fields)
            config = cls(
                vocabulary=int(fields["vocab_size"]),
                width=width,
                mlp_width=int(fields["intermediate_size"]),
                blocks=int(fields["num_hidden_layers"]),
                heads=heads,
                kv_heads=int(fields.get("num_key_value_heads") or heads),
                head_width=int(fields.get("head_dim") or width // heads),
                norm_eps=float(fields.get("rms_norm_eps", 1e-6)),
                rope_base=base,
                context=int(fields.get("max_position_embeddings", 2048)),
                window=fields.get("sliding_window") if kind == "mistral" else None,
                tied=bool(fields.get("tie_word_embeddings", False)),
                qkv_bias=bias or kind == "qwen2",
                o_bias=bias and kind in ("llama", "qwen3"),
                mlp_bias=bool(fields.get("mlp_bias", False)),
                qk_norm=kind == "qwen3",
                rope_llama3=stretched,
            )
        except KeyError as error:
            raise ValueError(f"config.json lacks {error.args[0]!r}") from None
        if config.heads % config.kv_heads or config.head_width % 2:
            raise ValueError(
                f"{heads} query heads over {config.kv_heads} key heads of {config.head_width} numbers; "
                "expected a multiple, and an even number"
            )
        return config


def _refuse_others(fields: Mapping[str, Any], kind: str) -> None:
    """Raises ValueError: a switch of the family that is not built here is on."""
    if fields.get("hidden_act", "silu") not in ("silu", "swish"):
        raise ValueError(f"the MLP uses {fields['hidden_act']!r}, expected 'silu'")
    if fields.get("quantization_config"):
        raise ValueError("the weights are quantised; expected plain safetensors, or a GGUF file")
    if kind != "mistral" and (fields.get("use_sliding_window") or "sliding_attention" in _layers(fields)):
        raise ValueError("some blocks look back through a window, expected full attention in all")
    if float(fields.get("partial_rotary_factor") or 1) != 1:
        raise ValueError("positions turn a part of each head, expected all of it")


def _layers(fields: Mapping[str, Any]) -> list[str]:
    return list(fields.get("layer_types") or [])


def _rope(fields: Mapping[str, Any]) -> tuple[float, tuple[float, float, float, int] | None]:
    """The base θ, and Llama 3.1's stretching if there is one; transformers 4 and 5 differ in names."""
    rope = dict(fields.get("rope_scaling") or {}) | dict(fields.get("rope_parameters") or {})
    base = float(rope.get("rope_theta") or fields.get("rope_theta") or 10_000.0)
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "default":
        return base, None
    if kind != "llama3":
        raise ValueError(f"positions are stretched in the way {kind!r}, expected 'default' or 'llama3'")
    names = ("factor", "low_freq_factor", "high_freq_factor")
    factor, low, high = (float(rope[name]) for name in names)
    return base, (factor, low, high, int(rope["original_max_position_embeddings"]))
