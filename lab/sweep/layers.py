"""Linear layers of K configurations at once, forward and backward written out, in buffers made beforehand.

    x (k, n, d_in) -> y (K, n, d_out);  k = 1 when all configurations have the same input, else K
    A (K, r, d_in),  Bᵀ (K, r, d_out),  γ (K, 1, 1);  ranks below r are padded with zeros, which stay zero

B is kept transposed and the products with it and with A come out as (r, many) rather than (many, r): the
same numbers, two to ten times faster, for a matrix product works along rows.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from lab.sweep.parameters import Trained


class Workspace:
    """Buffers by name, handed to one batch of configurations after another: they do not hold what lasts."""

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self.dtype, self.device = dtype, device
        self._buffers: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int) -> Tensor:
        size = torch.Size(shape).numel()
        if name not in self._buffers or self._buffers[name].numel() < size:
            self._buffers[name] = torch.empty(size, dtype=self.dtype, device=self.device)
        return self._buffers[name][:size].view(shape)


class Layer(Protocol):
    """y = x Wᵀ for K configurations.

    k: the leading size of y, 1 or K.
    x: the input of the last forward pass.
    """

    k: int
    x: Tensor

    def forward(self, x: Tensor) -> Tensor: ...

    def backward(self, dy: Tensor) -> Tensor | None:
        """Leaves the gradients of what trains, and returns that of the input; None from the first
        layer that trains, as nobody needs it."""
        ...


class Frozen:
    """W (d_out, d_in), the same for all; an input that all share gives an output that all share."""

    def __init__(self, W: Tensor, workspace: Workspace, name: str, role: str, k: int, n: int, K: int) -> None:
        d_out, d_in = W.shape
        self.W, self.k = W, k
        self._y = workspace(f"{name}.y", k, n, d_out)
        self._dx = workspace(f"{role}.dx", K, n, d_in)
        self._y_rows, self._dx_rows = self._y.flatten(0, 1), self._dx.flatten(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        torch.mm(x.flatten(0, 1), self.W.mT, out=self._y_rows)
        return self._y

    def backward(self, dy: Tensor) -> Tensor | None:
        torch.mm(dy.flatten(0, 1), self.W, out=self._dx_rows)
        return self._dx


class Whole:
    """Full fine-tuning: each configuration has a matrix of its own, W (K, d_out, d_in)."""

    def __init__(
        self, W: Trained, workspace: Workspace, name: str, role: str, n: int, *, first: bool
    ) -> None:
        K, d_out, d_in = W.value.shape
        self.W, self.first, self.k = W, first, K
        self._y = workspace(f"{name}.y", K, n, d_out)
        self._dx = workspace(f"{role}.dx", K, n, d_in)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return torch.bmm(x.expand(len(self._y), -1, -1), self.W.value.mT, out=self._y)

    def backward(self, dy: Tensor) -> Tensor | None:
        torch.bmm(dy.mT, self.x.expand(len(dy), -1, -1), out=self.W.gradient)
        return None if self.first else torch.bmm(dy, self.W.value, out=self._dx)

    def weight(self, k: int) -> Tensor:
        """The matrix (d_out, d_in) of configuration k."""
        return self.W.value[k]


class Adapted:
    """LoRA: W + γ B A, of one W (d_out, d_in) for all or of a W (K, d_out, d_in) for each.

    With few rows a layer computes x Wᵀ for all configurations in one product and adds γ (x Aᵀ) Bᵀ. With many
    rows it forms W + γ B A of each and saves the passes over y; unless the input is shared, when the product
    with W is made only once. Where each has its own W there is nothing to share.
    """

    def __init__(
        self,
        W: Tensor,
        A: Trained,
        Bt: Trained,
        scale: Tensor,
        workspace: Workspace,
        name: str,
        role: str,
        k: int,
        n: int,
        *,
        first: bool,
    ) -> None:
        d_out, d_in = W.shape[-2:]
        K, r, _ = A.value.shape
        self.W, self.A, self.Bt, self.scale = W, A, Bt, scale
        self.first, self.k, self.shared = first, K, k < K
        self.merged = W.dim() == 3 or (not self.shared and n * (d_in + d_out) > d_in * d_out)
        self.dense = self.merged and 2 * r * (d_in + d_out) > d_in * d_out  # dW is cheaper than xAᵀ and dyB
        self._y = workspace(f"{name}.y", K, n, d_out)
        self._y0 = workspace(f"{role}.y0", k, n, d_out) if self.shared and not self.merged else self._y
        self._dx = workspace(f"{role}.dx", K, n, d_in)
        self._y_rows, self._dx_rows = self._y0.flatten(0, 1), self._dx.flatten(0, 1)
        self._xa = workspace(f"{name}.xa", K, r, n)
        self._dya = workspace(f"{role}.dya", K, r, n)
        if self.merged:
            self._W = workspace(f"{name}.W", K, d_out, d_in)
            self._dW = workspace(f"{role}.dW", K, d_out, d_in)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        if self.merged:
            torch.baddbmm(self.W, (self.scale * self.Bt.value).mT, self.A.value, out=self._W)
            return torch.bmm(x.expand(self.k, -1, -1), self._W.mT, out=self._y)
        torch.mm(x.flatten(0, 1), self.W.mT, out=self._y_rows)
        self._thin(x)
        return torch.baddbmm(self._y0, self._xa.mT, self.Bt.value, out=self._y)

    def _thin(self, x: Tensor) -> None:
        """γ A xᵀ (K, r, n)."""
        if self.shared:
            torch.mm(self.A.value.flatten(0, 1), x[0].mT, out=self._xa.flatten(0, 1))
        else:
            torch.bmm(self.A.value, x.mT, out=self._xa)
        self._xa.mul_(self.scale)

    def backward(self, dy: Tensor) -> Tensor | None:
        if self.dense:
            torch.bmm(dy.mT, self.x.expand(self.k, -1, -1), out=self._dW)  # (K, d_out, d_in)
            torch.bmm(self.A.value, self._dW.mT, out=self.Bt.gradient).mul_(self.scale)
            torch.bmm(self.Bt.value, self._dW, out=self.A.gradient).mul_(self.scale)
        else:
            if self.merged:
                self._thin(self.x)
            torch.bmm(self._xa, dy, out=self.Bt.gradient)
            torch.bmm(self.Bt.value, dy.mT, out=self._dya).mul_(self.scale)  # γ Bᵀ dyᵀ (K, r, n)
            if self.shared:
                torch.mm(self._dya.flatten(0, 1), self.x[0], out=self.A.gradient.flatten(0, 1))
            else:
                torch.bmm(self._dya, self.x, out=self.A.gradient)
        if self.first:
            return None
        if self.merged:
            return torch.bmm(dy, self._W, out=self._dx)
        torch.mm(dy.flatten(0, 1), self.W, out=self._dx_rows)
        return self._dx.baddbmm_(self._dya.mT, self.A.value)

    def weight(self, k: int) -> Tensor:
        """W + γ B A (d_out, d_in) of configuration k."""
        W = self.W[k] if self.W.dim() == 3 else self.W
        return W + self.scale[k] * (self.Bt.value[k].mT @ self.A.value[k])


class Decomposed:
    """DoRA: (m / ‖V‖) ∘ V of V = W + γ B A, where ‖V‖, the norms of its rows, counts as a constant.

    m (K, d_out, 1). Its gradient needs dL/dW of each configuration, and then A's and B's come from that too.
    """

    def __init__(
        self,
        W: Tensor,
        A: Trained,
        Bt: Trained,
        m: Trained,
        scale: Tensor,
        workspace: Workspace,
        name: str,
        role: str,
        n: int,
        *,
        first: bool,
    ) -> None:
        d_out, d_in = W.shape
        self.k = K = len(A.value)
        self.W, self.A, self.Bt, self.m, self.scale, self.first = W, A, Bt, m, scale, first
        self._V, self._U = (workspace(f"{name}.{matrix}", K, d_out, d_in) for matrix in "VU")
        self._dU = workspace(f"{role}.dU", K, d_out, d_in)
        self._y = workspace(f"{name}.y", K, n, d_out)
        self._dx = workspace(f"{role}.dx", K, n, d_in)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        torch.baddbmm(self.W, (self.scale * self.Bt.value).mT, self.A.value, out=self._V)
        norm = torch.linalg.vector_norm(self._V, dim=2, keepdim=True)  # (K, d_out, 1)
        self._inverse = torch.where(norm > 0, 1 / norm, 0)
        self._ratio = torch.where(norm > 0, self.m.value * self._inverse, 1)  # a row of zeros stays
        torch.mul(self._V, self._ratio, out=self._U)
        return torch.bmm(x.expand(self.k, -1, -1), self._U.mT, out=self._y)

    def backward(self, dy: Tensor) -> Tensor | None:
        dU = torch.bmm(dy.mT, self.x.expand(self.k, -1, -1), out=self._dU)
        torch.sum(dU * self._V, 2, keepdim=True, out=self.m.gradient).mul_(self._inverse)
        dV = dU.mul_(self._ratio)
        torch.bmm(self.A.value, dV.mT, out=self.Bt.gradient).mul_(self.scale)
        torch.bmm(self.Bt.value, dV, out=self.A.gradient).mul_(self.scale)
        return None if self.first else torch.bmm(dy, self._U, out=self._dx)

    def weight(self, k: int) -> Tensor:
        """(m / ‖V‖) ∘ V (d_out, d_in) of configuration k."""
        V = self.W + self.scale[k] * (self.Bt.value[k].mT @ self.A.value[k])
        norm = torch.linalg.vector_norm(V, dim=1, keepdim=True)
        return V * torch.where(norm > 0, self.m.value[k] / norm, 1)
