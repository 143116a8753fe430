"""The toy models: a character GPT and an MLP, small enough to fine-tune while a reader watches.

Every matrix inside is an ``nn.Linear`` without bias, W of shape (d_out, d_in), and takes an adapter.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from lab.bases.registry import base_called
from lab.bases.vocabulary import INDEX as INDEX
from lab.bases.vocabulary import VOCABULARY as VOCABULARY
from lab.data import CHECKPOINTS

M = TypeVar("M", bound=nn.Module)


def encode(text: str) -> Tensor:
    """Text to indices, int64 (n,). Characters outside the vocabulary are left out."""
    return torch.tensor([INDEX[character] for character in text if character in INDEX], dtype=torch.int64)


def decode(indices: Tensor) -> str:
    """Indices (n,) to text."""
    return "".join(VOCABULARY[index] for index in indices.tolist())


def rms_norm(x: Tensor) -> Tensor:
    """x / √(mean x² + 1e-5) over the last dimension, without parameters."""
    return F.rms_norm(x, x.shape[-1:], eps=1e-5)


class Attention(nn.Module):
    """Causal self-attention; queries, keys and values come from one matrix, ``qkv``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (n, T, d) -> (n, T, d)
        n, length, width = x.shape
        q, k, v = (
            self.qkv(x).view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (n, heads, T, d / heads)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(n, length, width))
        return out


class FeedForward(nn.Module):
    """Two matrices with a GELU between them, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (n, T, d) -> (n, T, d)
        out: Tensor = self.down(F.gelu(self.up(x)))
        return out


class Block(nn.Module):
    """A transformer block: attention, then the feed-forward part, each added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = Attention(width, heads)
        self.mlp = FeedForward(width)

    def forward(self, x: Tensor) -> Tensor:  # (n, T, d) -> (n, T, d)
        x = x + self.attn(rms_norm(x))
        x = x + self.mlp(rms_norm(x))
        return x


class GPT(nn.Module):
    """A character-level language model in the manner of nanoGPT: 2 blocks, 4 heads, d = 64, T = 64.

    Args:
        generator: source of the random start.
    """

    def __init__(
        self,
        *,
        vocabulary: int = len(VOCABULARY),
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        context: int = 64,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.context = context
        self.embed = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.head = nn.Linear(width, vocabulary, bias=False)
        # Variance 1/d_in keeps the scale through a layer; the 2 additions a block makes share one unit of it.
        for name, parameter in self.named_parameters():
            scale = 1 / math.sqrt(parameter.shape[1])
            if name.endswith(("proj.weight", "down.weight")):
                scale /= math.sqrt(2 * layers)
            scale = {"embed.weight": 1.0, "position.weight": 0.3, "head.weight": 0.5 * scale}.get(name, scale)
            nn.init.normal_(parameter, std=scale, generator=generator)

    def forward(self, indices: Tensor) -> Tensor:  # (n, T) -> logits (n, T, V)
        x = self.embed(indices) + self.position.weight[: indices.shape[1]]
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(rms_norm(x))
        return logits


class MLP(nn.Module):
    """196 -> H -> H -> 10 with ReLU and no biases: pictures of 14 x 14 to ten classes.

    Args:
        generator: source of the random start, He et al. 2015 (arXiv:1502.01852): N(0, 2/d_in).
    """

    def __init__(
        self,
        *,
        inputs: int = 196,
        width: int = 128,
        classes: int = 10,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [nn.Linear(inputs, width, bias=False), nn.Linear(width, width, bias=False)]
        )
        self.head = nn.Linear(width, classes, bias=False)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=math.sqrt(2 / parameter.shape[1]), generator=generator)

    def forward(self, images: Tensor) -> Tensor:  # (n, 196) -> logits (n, 10)
        x = images
        for layer in self.blocks:
            x = F.relu(layer(x))
        logits: Tensor = self.head(x)
        return logits


def trained(maker: type[M], name: str) -> M:
    """A shipped model with the weights of a checkpoint, on the CPU."""
    with torch.device("meta"):  # shapes alone: no random start to be thrown away
        model = maker()
    model.load_state_dict(load_file(CHECKPOINTS / f"{name}.safetensors"), assign=True)
    return model


def load_base(name: str) -> nn.Module:
    """A base model with its trained weights, on the CPU.

    Raises:
        ConfigError: (a ValueError) there is no base of this name; lists those that exist.
    """
    return base_called(name).load()
