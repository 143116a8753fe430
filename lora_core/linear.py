"""A frozen linear layer with a trainable update: h = W x + ΔW x, ΔW = γ B A in plain LoRA.

The layer holds the base, A and B; its method (see `methods`) says how they start, what they compute and what
else trains. A and B are float32 at least: steps of training are too small for half types, which would round
them away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lora_core.methods import lora

if TYPE_CHECKING:
    from lora_core.config import AdapterConfig
    from lora_core.methods.lora import LoRA


def conv1d_of(kind: type) -> type[nn.Module] | None:
    """Transformers' Conv1D among a class and its bases, known by its name: transformers need not be there."""
    names = ((each, each.__name__, each.__module__.partition(".")[0]) for each in kind.__mro__)
    return next((each for each, name, home in names if (name, home) == ("Conv1D", "transformers")), None)


def weight_of(layer: nn.Module) -> Tensor:
    """W (d_out, d_in) of a linear layer; Conv1D holds its transpose."""
    W = layer.weight
    assert isinstance(W, Tensor)
    return W if conv1d_of(type(layer)) is None else W.mT


def laid_out(W: Tensor, kind: type) -> Tensor:
    """W (d_out, d_in) as a layer of this class holds it."""
    return W if conv1d_of(kind) is None else W.mT.contiguous()


class LoRALinear(nn.Module):
    """A frozen linear layer with a trainable low-rank update.

    Whatever reads `.weight` instead of calling the layer (nn.MultiheadAttention does) finds W + ΔW there, so
    that no adapter is silently ignored; dropout alone has no effect there.

    Args:
        base: the frozen layer, nn.Linear or transformers' Conv1D; see `weight_of`. It is never
            changed, merged or not.
        rank: r, from 1 to min(d_out, d_in) for `attach`; a file may hold more.
        scale: γ, the factor on B A.
        dropout: probability of dropping an entry of A's input while training.
        generator: source of A's random start, on any device; None is torch's global one.
        method: plain LoRA unless given.
        gradient: estimate of dL/dW (d_out, d_in), for the methods that start from it.

    Raises:
        ValueError: rank is below 1, or W is of a type that does not train.
    """

    base: Any  # a linear layer: weight, bias
    A: nn.Parameter  # (r, d_in)
    B: nn.Parameter  # (d_out, r)
    merged: Tensor | None

    def __init__(
        self,
        base: Any,
        *,
        rank: int,
        scale: float,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
        method: LoRA = lora.METHOD,
        gradient: Tensor | None = None,
    ) -> None:
        super().__init__()
        W = weight_of(base)  # (d_out, d_in)
        if rank < 1:
            raise ValueError(f"rank is {rank}, expected at least 1")
        if not W.is_floating_point() or W.dtype.itemsize < 2:
            raise ValueError(f"weight is {W.dtype}, expected float16, bfloat16, float32 or float64")
        d_out, d_in = W.shape
        wide = torch.promote_types(W.dtype, torch.float32)
        self.method = method
        self.base = method.hold(base)
        self.scale = scale
        self.dropout = dropout
        self.A = nn.Parameter(W.new_empty(rank, d_in, dtype=wide))
        self.B = nn.Parameter(W.new_zeros(d_out, rank, dtype=wide))
        self.register_buffer("merged", None, persistent=False)  # W + ΔW (d_out, d_in) while merged
        self.register_load_state_dict_post_hook(_merge_again)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            method.start(self, generator, gradient)
        self.train(base.training)

    @classmethod
    def of(
        cls,
        base: nn.Module,
        config: AdapterConfig,
        *,
        method: LoRA,
        generator: torch.Generator | None = None,
        gradient: Tensor | None = None,
    ) -> LoRALinear:
        """The layer that a configuration describes, around `base`, which is not changed."""
        return cls(
            base,
            rank=config.rank,
            scale=config.gamma,
            dropout=config.dropout,
            generator=generator,
            method=method,
            gradient=gradient,
        )

    if TYPE_CHECKING:  # what a method adds to its layers

        def __getattr__(self, name: str) -> Any: ...

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets the base's weight or bias, as tying a model's weights does; all else is the layer's own."""
        if name in ("weight", "bias"):
            setattr(self.base, name, value)
            _merge_again(self, None)
        else:
            super().__setattr__(name, value)

    def forward(self, x: Tensor) -> Tensor:  # (..., d_in) -> (..., d_out)
        """As the method computes it, or with W + ΔW while merged."""
        if self.merged is None:
            return self.method.forward(self, x)
        if self.base_is_plain:
            return F.linear(x, self.merged, self.bias)
        base: Tensor = self.base(x)
        wide = self.A.dtype
        update = F.linear(x.to(wide), self.merged.to(wide) - self.W.to(wide))
        return (base + update).to(base.dtype)

    def dropped(self, x: Tensor) -> Tensor:
        """A's input: x (..., d_in) in A's type, entries dropped while training."""
        x = x.to(self.A.dtype)
        return F.dropout(x, self.dropout, self.training) if self.dropout else x

    def factors(self) -> tuple[Tensor, Tensor]:
        """A (k, d_in) and B (d_out, k) with ΔW = γ B A, where the method is additive."""
        return self.method.factors(self)

    @property
    def base_is_plain(self) -> bool:
        """Whether base(x) is W x + b and nothing else: no hook, and its class's own forward."""
        base = self.base
        hooks = (
            base._forward_hooks,
            base._forward_pre_hooks,
            base._backward_hooks,
            base._backward_pre_hooks,
        )
        return "forward" not in vars(base) and not any(hooks)

    @property
    def rank(self) -> int:
        """The number r of A's rows."""
        return self.A.shape[0]

    @property
    def in_features(self) -> int:
        """The number d_in of inputs."""
        return self.A.shape[1]

    @property
    def out_features(self) -> int:
        """The number d_out of outputs."""
        return self.B.shape[0]

    @property
    def W(self) -> Tensor:
        """The base's weight (d_out, d_in)."""
        return weight_of(self.base)

    @property
    def weight(self) -> Tensor:
        """W + ΔW in the base's type and layout; gradients reach A and B through it."""
        W = self.whole()
        return W if conv1d_of(type(self.base)) is None else W.mT

    @property
    def bias(self) -> Tensor | None:
        """The base's bias (d_out,)."""
        bias: Tensor | None = self.base.bias
        return bias

    def whole(self) -> Tensor:
        """W + ΔW (d_out, d_in) in the base's type."""
        return self._sum() if self.merged is None else self.merged

    def _sum(self) -> Tensor:
        W = self.W
        return (W + self.update()).to(W.dtype)

    def update(self) -> Tensor:
        """ΔW (d_out, d_in), in float32 at least, to be rounded once at the end."""
        return self.method.update(self)

    @torch.no_grad()
    def delta(self) -> Tensor:
        """ΔW (d_out, d_in), what training has added to W, in the base's type."""
        return self.update().to(self.W.dtype)

    @torch.no_grad()
    def merged_weight(self) -> Tensor:
        """W + ΔW (d_out, d_in) from A and B as they are now, in the base's type."""
        return self._sum()

    @property
    def delta_rank(self) -> int:
        """The highest rank that ΔW can have."""
        return self.method.delta_rank(self)

    def tensors(self) -> dict[str, Tensor]:
        """What a saved adapter holds of this layer, under the names PEFT gives them."""
        return self.method.tensors(self)

    @torch.no_grad()
    def rebase(self, base: nn.Module) -> None:
        """Takes another layer as its base, frozen, of as many outputs as the one before or of others."""
        self.base = base.requires_grad_(False)
        d_out = len(weight_of(base))
        if d_out != self.out_features:
            self.method.resize(self, d_out)
        _merge_again(self, None)

    def extra_repr(self) -> str:
        """What print(model) shows of the layer."""
        merged = self.merged is not None
        return f"rank={self.rank}, scale={self.scale:g}, dropout={self.dropout:g}, merged={merged}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> LoRALinear:
        """Moves or converts the layer; A, B and the like stay float32 at least under `model.half()`."""

        def wide(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            if tensor is self.merged or not moved.is_floating_point() or moved.dtype.itemsize >= 4:
                return moved
            return tensor.to(moved.device, torch.promote_types(moved.dtype, torch.float32))

        if recurse:
            for child in self.children():
                child._apply(fn)  # type: ignore[no-untyped-call]
        super()._apply(wide, recurse=False)  # type: ignore[no-untyped-call]
        return self


class DerivedLinear(nn.Module):
    """A frozen linear layer whose weight is computed from buffers when it is asked for.

    Args:
        base: the layer it takes the place of; its bias is shared.
        held: name -> buffer.
        weight: of this layer, W (d_out, d_in), in any type.
    """

    like: Tensor  # has the type that W gets
    kind: type[nn.Module]  # the base's class

    def __init__(
        self, base: Any, held: Mapping[str, Tensor], *, weight: Callable[[DerivedLinear], Tensor]
    ) -> None:
        super().__init__()
        W = weight_of(base)
        self.out_features, self.in_features = W.shape
        self.bias = base.bias
        self.kind, self._weight = type(base), weight
        for name, buffer in held.items():
            self.register_buffer(name, buffer)
        self.register_buffer("like", W.new_empty(0), persistent=False)

    @property
    def weight(self) -> Tensor:
        """W (d_out, d_in)."""
        return self._weight(self).to(self.like.dtype)

    def forward(self, x: Tensor) -> Tensor:  # (..., d_in) -> (..., d_out)
        """W x + b."""
        return F.linear(x, self.weight, self.bias)

    def plain(self, W: Tensor) -> nn.Module:
        """A layer of the base's class with this weight (d_out, d_in)."""
        conv1d = conv1d_of(self.kind)
        with torch.device("meta"):  # so that nothing is drawn
            layer: Any = (
                nn.Linear(self.in_features, self.out_features)
                if conv1d is None
                else conv1d(self.out_features, self.in_features)
            )
        layer.weight = nn.Parameter(laid_out(W, type(layer)))
        layer.bias = self.bias
        plain: nn.Module = layer.train(self.training)
        return plain


def uniform(rank: int, d_in: int, *, dtype: torch.dtype, generator: torch.Generator | None) -> Tensor:
    """A's start (r, d_in), uniform in ±1/√d_in, drawn on the generator's device in float32 at least."""
    device = "cpu" if generator is None else generator.device
    A = torch.empty(rank, d_in, dtype=torch.promote_types(dtype, torch.float32), device=device)
    bound = 1 / math.sqrt(d_in)
    return A.uniform_(-bound, bound, generator=generator)


def _merge_again(layer: nn.Module, _: Any) -> None:
    """A state dictionary loaded into a merged layer brings other factors: the merged weight must follow."""
    assert isinstance(layer, LoRALinear)
    if layer.merged is not None:
        layer.merged = layer.merged_weight()
