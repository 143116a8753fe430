"""Writing with K configurations of the GPT at once, character after character, keys and values kept."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lab.bases.models import GPT, rms_norm
from lab.bases.models import Block as PlainBlock
from lab.sweep.batch import Batch


class Decoder:
    """Reads a character of each text and says what may come next, as the whole window would.

    Args:
        model: the base. batch: its configurations, with the weights that they have now.
        texts: N, of each configuration. length: characters that will be read at most.
    """

    def __init__(self, model: GPT, batch: Batch, texts: int, length: int) -> None:
        K, heads = len(batch.members), _heads(model)
        self._weights = batch.all_weights()
        like = self._weights["head"]
        self._embed, self._place = (table.weight.detach().to(like) for table in (model.embed, model.position))
        width = self._embed.shape[1]
        self._shape = (K, texts, heads, width // heads)
        self._kept = like.new_empty(len(model.blocks), 2, K, texts, heads, length, width // heads)
        self.read = 0  # characters so far

    @torch.no_grad()
    def step(self, characters: Tensor) -> Tensor:
        """Indices (K, N) of the next character of each text -> logits (K, N, V) of the one after it."""
        x = self._embed[characters] + self._place[self.read]  # (K, N, d)
        self.read += 1
        for index in range(len(self._kept)):
            block = f"blocks.{index}"
            mixed = self._attend(index, self._linear(f"{block}.attn.qkv", rms_norm(x)))
            x = x + self._linear(f"{block}.attn.proj", mixed)
            x = x + self._linear(f"{block}.mlp.down", F.gelu(self._linear(f"{block}.mlp.up", rms_norm(x))))
        return self._linear("head", rms_norm(x))

    def _attend(self, index: int, qkv: Tensor) -> Tensor:  # (K, N, 3 d) -> (K, N, d)
        K, texts, heads, d_head = self._shape
        q, k, v = qkv.view(K, texts, 3, heads, 1, d_head).unbind(2)
        keys, values = self._kept[index]
        keys[..., self.read - 1 : self.read, :], values[..., self.read - 1 : self.read, :] = k, v
        scores = q @ keys[..., : self.read, :].mT / math.sqrt(d_head)  # (K, N, heads, 1, read)
        mixed: Tensor = scores.softmax(-1) @ values[..., : self.read, :]
        return mixed.reshape(K, texts, heads * d_head)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        """x (K, N, d_in) through W (d_out, d_in) of all or (K, d_out, d_in) of each."""
        out: Tensor = x @ self._weights[name].mT
        return out


def _heads(model: GPT) -> int:
    block = model.blocks[0]
    assert isinstance(block, PlainBlock)
    return block.attn.heads
