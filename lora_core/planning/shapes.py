"""The linear layers of well-known models, as published, to count what LoRA costs on them. No torch here.

    cost(LLAMA_3_1_8B.layers, LLAMA_3_1_8B.choose("mlp"), rank=256).trained

Names and shapes (d_out, d_in) are those of the checkpoints; biases, norms and embeddings are not among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from lora_core.config import select
from lora_core.planning.cost import Shape

Part = Literal["attn", "mlp", "all", "q_proj", "k_proj", "v_proj", "o_proj", "lm_head"]

_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_MLP = ("gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Published:
    """A decoder-only transformer.

    Args:
        blocks: how many. width: d, of what passes between them. hidden: of the feed-forward part.
        keys: width of keys and of values, below `width` where heads share them.
        gated: whether the feed-forward part has a gate, a third matrix.
        tied: whether the head is the embedding, and so not counted twice.
        positions: vectors of a learned position embedding.
        source: where the numbers are published.
    """

    name: str
    blocks: int
    width: int
    hidden: int
    keys: int
    vocabulary: int
    source: str
    gated: bool = True
    tied: bool = False
    positions: int = 0

    @cached_property
    def layers(self) -> Mapping[str, Shape]:
        """Every linear layer in the order of computation, the head last."""
        d, hidden = self.width, self.hidden
        attention = {"q_proj": (d, d), "k_proj": (self.keys, d), "v_proj": (self.keys, d), "o_proj": (d, d)}
        feed_forward = {"gate_proj": (hidden, d)} if self.gated else {}
        feed_forward |= {"up_proj": (hidden, d), "down_proj": (d, hidden)}
        block = {f"self_attn.{name}": shape for name, shape in attention.items()}
        block |= {f"mlp.{name}": shape for name, shape in feed_forward.items()}
        every = {
            f"model.layers.{index}.{name}": shape
            for index in range(self.blocks)
            for name, shape in block.items()
        }
        return every | {"lm_head": (self.vocabulary, d)}

    @property
    def parameters(self) -> int:
        """All of the model's matrices, embeddings included; within a thousandth of the published total."""
        embeddings = (self.positions + (0 if self.tied else self.vocabulary)) * self.width
        return embeddings + sum(d_out * d_in for d_out, d_in in self.layers.values())

    def choose(self, part: Part, *, head: bool = True) -> list[str]:
        """Names of the layers of a part: "attn", "mlp", "all", or one matrix of each block.

        head: adapt `lm_head` as well, as "LoRA Without Regret" does.
        """
        suffixes = {"attn": _ATTENTION, "mlp": _MLP, "all": _ATTENTION + _MLP}.get(part, (part,))
        return select(self.layers, (*suffixes, "lm_head") if head else suffixes)


_LLAMA_3 = "Grattafiori et al. 2024, arXiv:2407.21783, table 3; vocabulary with special tokens: config.json"

GPT_3_175B = Published(
    "GPT-3 175B",
    blocks=96,
    width=12288,
    hidden=4 * 12288,
    keys=12288,
    vocabulary=50257,
    gated=False,
    tied=True,
    positions=2048,
    source="Brown et al. 2020, arXiv:2005.14165, table 2.1; tokenizer and positions as in section 2.1",
)
LLAMA_3_1_8B = Published(
    "Llama-3.1-8B",
    blocks=32,
    width=4096,
    hidden=14336,
    keys=1024,
    vocabulary=128256,
    source=_LLAMA_3,
)
LLAMA_3_1_70B = Published(
    "Llama-3.1-70B",
    blocks=80,
    width=8192,
    hidden=28672,
    keys=1024,
    vocabulary=128256,
    source=_LLAMA_3,
)
QWEN3_8B = Published(
    "Qwen3-8B",
    blocks=36,
    width=4096,
    hidden=12288,
    keys=1024,
    vocabulary=151936,
    source="Yang et al. 2025, arXiv:2505.09388, table 1; widths and vocabulary from config.json",
)

PUBLISHED = {model.name: model for model in (GPT_3_175B, LLAMA_3_1_8B, LLAMA_3_1_70B, QWEN3_8B)}
