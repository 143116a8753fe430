"""The two toys of `models`, forward and backward written out for K configurations at once.

Activations are (k, n, d): k is 1 as long as all configurations see the same numbers and K from the first
layer that trains, n the rows of one configuration. What `models` computes through autograd is the reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from lab.bases.models import GPT
from lab.bases.models import Block as PlainBlock
from lab.sweep.layers import Layer, Workspace

_relu_backward = torch.ops.aten.threshold_backward.grad_input
_gelu = torch.ops.aten.gelu.out
_gelu_backward = torch.ops.aten.gelu_backward.grad_input
_softmax_backward = torch.ops.aten._softmax_backward_data.out
# name, role, k, n -> layer. Layers of one role share the buffers that a backward pass needs for a moment.
Maker = Callable[[str, str, int, int], Layer]


class BatchedMLP:
    """x (k, n, 196) -> logits (K, n, 10)."""

    def __init__(self, depth: int, make: Maker, k: int, n: int) -> None:
        self.layers: list[Layer] = []
        for name in (*(f"blocks.{index}" for index in range(depth)), "head"):
            self.layers.append(make(name, name, k, n))
            k = self.layers[-1].k

    def forward(self, x: Tensor) -> Tensor:
        *blocks, head = self.layers
        for layer in blocks:
            x = layer.forward(x).relu_()
        return head.forward(x)

    def backward(self, dy: Tensor) -> None:
        for layer, after in zip(reversed(self.layers), (None, *reversed(self.layers)), strict=False):
            if after is not None:  # its input is this layer's output after the ReLU
                _relu_backward(dy, after.x, 0, grad_input=dy)
            dx = layer.backward(dy)
            if dx is None:
                return
            dy = dx


class Norm:
    """y = x / √(mean x² + 1e-5)."""

    def __init__(self, workspace: Workspace, name: str, k: int, n: int, d: int) -> None:
        self._y = workspace(f"{name}.y", k, n, d)
        self._scale = workspace(f"{name}.scale", k, n, 1)
        self._product = workspace("norm.product", k, n, d)
        self._mean = workspace("norm.mean", k, n, 1)

    def forward(self, x: Tensor) -> Tensor:
        torch.linalg.vector_norm(x, dim=-1, keepdim=True, out=self._scale)
        self._scale.square_().div_(x.shape[-1]).add_(1e-5).rsqrt_()
        return torch.mul(x, self._scale, out=self._y)

    def backward(self, dy: Tensor) -> Tensor:
        """dx = (dy − y mean(dy · y)) / √(mean x² + 1e-5), written over dy."""
        torch.mul(dy, self._y, out=self._product)
        torch.mean(self._product, -1, keepdim=True, out=self._mean)
        return dy.addcmul_(self._y, self._mean, value=-1).mul_(self._scale)


class Attention:
    """softmax(q kᵀ / √d_h + mask) v in each head; q, k, v stand beside each other in x (k, n, 3 d).

    For texts as short as the toys' this is quicker than the fused kernel: whole matrices, nothing recomputed.
    """

    def __init__(
        self, workspace: Workspace, name: str, k: int, n: int, d: int, heads: int, length: int
    ) -> None:
        self._split = (k * n // length, length, 3, heads, d // heads)
        texts = k * n // length * heads
        self._qkv = workspace(f"{name}.heads", 3, texts, length, d // heads)
        self._weights = workspace(f"{name}.weights", texts, length, length)
        self._mixed = workspace(f"{name}.mixed", texts, length, d // heads)
        self._y = workspace(f"{name}.y", k, n, d)
        self._scores = workspace("attn.scores", texts, length, length)
        self._dqkv = workspace("attn.dheads", 3, texts, length, d // heads)
        self._dx = workspace("attn.dx", k, n, 3 * d)
        self._mask = torch.full((length, length), -math.inf).triu(1).to(self._y)
        self._scale = 1 / math.sqrt(d // heads)

    def forward(self, x: Tensor) -> Tensor:  # (k, n, 3 d) -> (k, n, d)
        parts, length, _, heads, d_head = self._split
        self._qkv.view(3, parts, heads, length, d_head).copy_(x.view(self._split).permute(2, 0, 3, 1, 4))
        q, k, v = self._qkv
        torch.baddbmm(self._mask, q, k.mT, alpha=self._scale, out=self._scores)
        torch.softmax(self._scores, -1, out=self._weights)
        torch.bmm(self._weights, v, out=self._mixed)
        mixed = self._mixed.view(parts, heads, length, d_head).transpose(1, 2)
        self._y.view(parts, length, heads, d_head).copy_(mixed)
        return self._y

    def backward(self, dy: Tensor) -> Tensor:  # (k, n, d) -> (k, n, 3 d)
        parts, length, _, heads, d_head = self._split
        q, k, v = self._qkv
        dq, dk, dv = self._dqkv
        dmixed = self._mixed.view(parts, heads, length, d_head)
        dmixed.copy_(dy.view(parts, length, heads, d_head).transpose(1, 2))
        torch.bmm(self._weights.mT, self._mixed, out=dv)
        torch.bmm(self._mixed, v.mT, out=self._scores)
        _softmax_backward(self._scores, self._weights, -1, self._scores.dtype, grad_input=self._scores)
        torch.baddbmm(dq, self._scores, k, beta=0, alpha=self._scale, out=dq)
        torch.baddbmm(dk, self._scores.mT, q, beta=0, alpha=self._scale, out=dk)
        merged = self._dqkv.view(3, parts, heads, length, d_head).permute(1, 3, 0, 2, 4)
        self._dx.view(self._split).copy_(merged)
        return self._dx


class Block:
    """x + attention of its norm, then the same with two matrices and a GELU between them."""

    def __init__(
        self, make: Maker, workspace: Workspace, name: str, k: int, n: int, d: int, heads: int, length: int
    ) -> None:
        def layer(part: str, k: int) -> Layer:
            return make(f"{name}.{part}", part, k, n)

        self.norms = [Norm(workspace, f"{name}.norm", k, n, d)]
        self.qkv = layer("attn.qkv", k)
        k = self.qkv.k
        self.attention = Attention(workspace, f"{name}.attn", k, n, d, heads, length)
        self.proj = layer("attn.proj", k)
        k = self.proj.k
        self._middle = workspace(f"{name}.middle", k, n, d)
        self.norms.append(Norm(workspace, f"{name}.norm2", k, n, d))
        self.up = layer("mlp.up", k)
        k = self.up.k
        self._wide = workspace(f"{name}.gelu", k, n, 4 * d)
        self.down = layer("mlp.down", k)
        self.k = self.down.k
        self._out = workspace(f"{name}.out", self.k, n, d)

    def forward(self, x: Tensor) -> Tensor:  # (k, n, d) -> (k', n, d)
        y = self.proj.forward(self.attention.forward(self.qkv.forward(self.norms[0].forward(x))))
        x = torch.add(x, y, out=self._middle)
        self._narrow = self.up.forward(self.norms[1].forward(x))
        y = self.down.forward(_gelu(self._narrow, out=self._wide))
        return torch.add(x, y, out=self._out)

    def backward(self, dy: Tensor) -> Tensor | None:
        """Adds to dy (K, n, d) and returns it; None once the first layer that trains has been reached."""
        d = self.down.backward(dy)
        if d is None:
            return None
        d = self.up.backward(_gelu_backward(d, self._narrow, grad_input=d))
        if d is None:
            return None
        dy += self.norms[1].backward(d)
        d = self.proj.backward(dy)
        if d is None:
            return None
        d = self.qkv.backward(self.attention.backward(d))
        return None if d is None else dy.add_(self.norms[0].backward(d))


class BatchedGPT:
    """The character GPT: indices (k, texts, T) -> logits (K, texts · T, V)."""

    def __init__(
        self, model: GPT, make: Maker, workspace: Workspace, k: int, texts: int, length: int
    ) -> None:
        d, n = model.embed.weight.shape[1], texts * length
        self._embed = model.embed.weight.detach().to(workspace.dtype)
        self._position = model.position.weight.detach().to(workspace.dtype)[:length]
        self.blocks: list[Block] = []
        for index, block in enumerate(model.blocks):
            assert isinstance(block, PlainBlock)
            heads = block.attn.heads
            self.blocks.append(Block(make, workspace, f"blocks.{index}", k, n, d, heads, length))
            k = self.blocks[-1].k
        self.norm = Norm(workspace, "norm", k, n, d)
        self.head = make("head", "head", k, n)

    def forward(self, indices: Tensor) -> Tensor:
        x = (F.embedding(indices, self._embed) + self._position).flatten(1, 2)
        for block in self.blocks:
            x = block.forward(x)
        return self.head.forward(self.norm.forward(x))

    def backward(self, dy: Tensor) -> None:
        d = self.head.backward(dy)
        if d is None:
            return
        d = self.norm.backward(d)
        for block in reversed(self.blocks):
            d = block.backward(d)
            if d is None:
                return
