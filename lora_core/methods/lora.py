"""LoRA: Hu et al. 2021, "Low-Rank Adaptation of Large Language Models", arXiv:2106.09685.

    h = W x + γ B A x,  γ = α / r          (eq. 3)
    W (d_out, d_in) frozen;  A (r, d_in) uniform in ±1/√d_in;  B (d_out, r) zero
    merge: W <- W + γ B A

One AdamW for A and B alike, without weight decay. The paper draws A from a normal distribution; its authors'
code, PEFT and "LoRA Without Regret" from this uniform one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lora_core.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from lora_core import linear
    from lora_core.config import AdapterConfig
    from lora_core.linear import LoRALinear
    from lora_core.planning.method_cost import MethodCost, Shape
else:
    torch, linear = LazyModule("torch"), LazyModule("lora_core.linear")


class LoRA:
    """Plain LoRA, and what the rest of the family starts from.

    A method is one object for all layers: what is a layer's own is held by its `LoRALinear`, which asks the
    method for everything in which methods differ.

    Attributes:
        name: in `AdapterConfig.method`. place: its rank in the order of the library's own.
        parts: names of the parameters and buffers that its layers hold in addition to the base.
        form: how many of its layers are computed as one (lab.sweep): "added" W + γ B A, "quantised" the same
            on a base of four bits, "offset" W − γ B₀A₀ + γ B A, "decomposed" (m / ‖V‖) ∘ V; None: not at all,
            and `alone` says why.
        additive: whether ΔW is γ B A of `factors`.
        needs_gradients: whether `start` cannot do without `gradient`.
        keeps_base: whether the layer computes with the very base that other adapters may share.
        rank_stabilised: whether γ is α / √r whatever the configuration's rule.
    """

    name = "lora"
    place = 0
    parts: tuple[str, ...] = ("A", "B")
    form: str | None = "added"
    alone = ""
    additive = True
    needs_gradients = False
    keeps_base = True
    rank_stabilised = False

    def __reduce__(self) -> tuple[Any, ...]:
        from lora_core.methods import method  # a copy, or what was pickled, is the registered one again

        return method, (self.name,)

    # The layer

    def hold(self, base: nn.Module) -> nn.Module:
        """The frozen layer in the form in which it is kept."""
        return base

    def start(self, layer: LoRALinear, generator: torch.Generator | None, gradient: Tensor | None) -> None:
        """Gives A (r, d_in) its start, B (d_out, r) being zero, and adds what else the method holds.

        gradient: estimate of dL/dW (d_out, d_in); None unless `needs_gradients`.
        """
        r, d_in = layer.A.shape
        layer.A.copy_(linear.uniform(r, d_in, dtype=layer.A.dtype, generator=generator))

    def forward(self, layer: LoRALinear, x: Tensor) -> Tensor:  # (..., d_in) -> (..., d_out)
        A, B = self.factors(layer)
        update = layer.dropped(x) @ A.mT @ B.mT  # (..., d_in) -> (..., r) -> (..., d_out)
        base: Tensor = layer.base(x)
        return (base + layer.scale * update).to(base.dtype)

    def factors(self, layer: LoRALinear) -> tuple[Tensor, Tensor]:
        """A (k, d_in) and B (d_out, k) with ΔW = γ B A, where `additive` is true."""
        return layer.A, layer.B

    def update(self, layer: LoRALinear) -> Tensor:
        """ΔW (d_out, d_in), in float32 at least, to be rounded once at the end."""
        A, B = self.factors(layer)
        wide = torch.promote_types(A.dtype, torch.float32)
        return layer.scale * (B.to(wide) @ A.to(wide))

    def delta_rank(self, layer: LoRALinear) -> int:
        """The highest rank that ΔW can have."""
        return min(layer.rank, layer.in_features, layer.out_features)

    def restored(self, layer: LoRALinear) -> nn.Module:
        """The layer that `detach` puts back."""
        base: nn.Module = layer.base
        return base

    def plain(self, layer: LoRALinear, W: Tensor) -> nn.Module:
        """The layer that `unload` puts back: the base with this weight (d_out, d_in)."""
        layer.base.weight = torch.nn.Parameter(linear.laid_out(W, type(layer.base)))
        return self.restored(layer)

    def resize(self, layer: LoRALinear, d_out: int) -> None:
        """Follows a base that has got more or fewer outputs; new ones start as the base's own."""
        for part in (part for part in self.parts if part.startswith("B")):
            held = getattr(layer, part)
            rows = held.new_zeros(max(0, d_out - len(held)), held.shape[1])
            held.data = torch.cat([held[:d_out], rows])

    # Training

    def optimizer(
        self,
        layers: Mapping[str, LoRALinear],
        config: AdapterConfig,
        *,
        lr: float,
        steps: int | None = None,
        **options: Any,
    ) -> torch.optim.Optimizer:
        """An optimiser of the layers' trainable parameters; options are the method's own and then AdamW's.

        What a method does besides following gradients, it does in the optimiser's `step`.
        """
        parameters = [p for layer in layers.values() for p in layer.parameters() if p.requires_grad]
        return torch.optim.AdamW(parameters, lr=lr, **{"weight_decay": 0.0, **options})

    def cost(self, plain: MethodCost, shapes: Sequence[Shape], *, rank: int, rows: int) -> MethodCost:
        """What a step costs, `plain` being LoRA's; shapes (d_out, d_in) are those of the adapted layers."""
        return plain

    # Files

    def tensors(self, layer: LoRALinear) -> dict[str, Tensor]:
        """What a saved adapter holds of a layer, under the names PEFT gives them."""
        A, B = self.factors(layer)
        return {"lora_A.weight": A.detach(), "lora_B.weight": B.detach()}

    def shapes(self, d_out: int, d_in: int, rank: int) -> dict[str, tuple[int, ...]]:
        """The shapes that `load` takes for an adapter of this rank."""
        return {"lora_A.weight": (rank, d_in), "lora_B.weight": (d_out, rank)}

    def load(self, layer: LoRALinear, tensors: Mapping[str, Tensor]) -> None:
        """Takes what a file holds of a layer; the shapes are those of `shapes`."""
        layer.A.copy_(tensors["lora_A.weight"])
        layer.B.copy_(tensors["lora_B.weight"])

    def entries(self, layers: Mapping[str, LoRALinear]) -> dict[str, Any]:
        """What adapter_config.json says beyond plain LoRA, `{"use_dora": True}` for instance."""
        return {}

    def wrote(self, entries: Mapping[str, Any]) -> bool:
        """Whether this method wrote an adapter_config.json; of several that say so the last counts."""
        return type(self) is LoRA and entries.get("peft_type") == "LORA"


METHOD = LoRA()
