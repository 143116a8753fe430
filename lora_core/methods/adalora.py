"""AdaLoRA: Zhang et al. 2023, "Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning",
arXiv:2303.10512.

    h = W x + s B diag(E) A x,  s = γ r / (r + 1e-5)             (eq. 3; PEFT's s at γ = α/r)
    W (d_out, d_in) frozen;  A (r, d_in), B (d_out, r) from N(0, 0.02²);  E (r, 1) zero
    R = mean over all A and B of ‖A Aᵀ − I‖_F and ‖BᵀB − I‖_F,  added to the loss with weight 0.5
    merge: W <- W + s B diag(E) A

Like an SVD of ΔW, in triplets (an entry of E with its row of A and column of B). After each step t of T:
    I = |p · ∂L/∂p|;  Ī <- β₁ Ī + (1 − β₁) I;  Ū <- β₂ Ū + (1 − β₂) |I − Ī|          for every entry p
    importance of triplet i = s(Eᵢ) + mean s(row i of A) + mean s(column i of B),  s = Ī Ū
    the b(t) most important triplets of all layers keep their Eᵢ, the others' become 0
    b(t) = b_T + (b₀ − b_T)(1 − (t − tᵢ) / (T − tᵢ − t_f))³  between tᵢ and T − t_f; b₀ before, b_T after

As in the authors' code and PEFT, unlike the paper: R is a mean of norms, not a sum of their squares, and the
importance takes p after the update. Unlike theirs: the optimiser does all of it (R's gradient joins the
task's; a loss that is printed stays the task's own), exactly b(t) triplets stay even among ties, a budget
that prunes nothing is safe (PEFT 0.21 fails on it), and the r of s is constant (PEFT 0.21 lets it train).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lora_core.formats import peft_adalora
from lora_core.lazy import LazyModule
from lora_core.methods.lora import LoRA

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from lora_core.config import AdapterConfig
    from lora_core.linear import LoRALinear
    from lora_core.planning.method_cost import MethodCost, Shape
else:
    torch, nn = LazyModule("torch"), LazyModule("torch.nn")

GUARD = 1e-5  # the authors' guard against r = 0


class AdaLoRA(LoRA):
    """An update of r triplets, of which `kept`, bool (r,), are in a budget shared by all layers."""

    name = "adalora"
    place = 5
    parts = ("A", "B", "E", "kept")
    form = None
    alone = "its budget moves rank between layers after every step"

    def start(self, layer: LoRALinear, generator: torch.Generator | None, gradient: Tensor | None) -> None:
        super().start(layer, generator, gradient)
        layer.scale *= layer.rank / (layer.rank + GUARD)
        device = "cpu" if generator is None else generator.device
        for factor in (layer.A, layer.B):
            factor.copy_(torch.randn(factor.shape, generator=generator, device=device) * 0.02)
        layer.E = nn.Parameter(layer.A.new_zeros(layer.rank, 1))
        layer.register_buffer("kept", torch.ones_like(layer.E[:, 0], dtype=torch.bool))

    def factors(self, layer: LoRALinear) -> tuple[Tensor, Tensor]:
        """diag(E) A (r, d_in) and B (d_out, r)."""
        return layer.A * layer.E, layer.B

    def optimizer(
        self,
        layers: Mapping[str, LoRALinear],
        config: AdapterConfig,
        *,
        lr: float,
        steps: int | None = None,
        target: int | None = None,
        warmup: int | None = None,
        final: int | None = None,
        every: int = 1,
        smoothing: tuple[float, float] = (0.85, 0.85),
        orthogonality: float = 0.5,
        **options: Any,
    ) -> torch.optim.Optimizer:
        """AdamW that adds R's gradient before each step and cuts the triplets down to the budget after it.

        Args:
            steps: T. None never prunes.
            target: b_T a layer, two thirds of r unless given (the paper's b₀ is 1.5 b_T).
            warmup, final: tᵢ and t_f, T/10 and T/3 unless given. every: steps between two cuts.
            smoothing: β₁ and β₂. orthogonality: the weight of R.

        Raises:
            ValueError: `target` is not from 0 to r, or no step is left between `warmup` and `final`.
        """
        held, start = list(layers.values()), sum(layer.rank for layer in layers.values())
        least = sum(round(each.rank * 2 / 3) if target is None else target for each in held)
        warmup = (steps or 0) // 10 if warmup is None else warmup
        final = (steps or 0) // 3 if final is None else final
        if not 0 <= least <= start:
            raise ValueError(f"target is {target}, expected 0 to {start // len(held)}")
        if steps is not None and warmup + final >= steps:
            raise ValueError(f"no step of {steps} is left between {warmup} first and {final} last")
        parameters = [p for layer in held for p in (layer.A, layer.B, layer.E)]
        adamw = torch.optim.AdamW(parameters, lr=lr, **{"weight_decay": 0.0, **options})
        adamw.param_groups[0]["taken"] = 0  # t, where state_dict() finds it
        last = 0 if steps is None else steps - final

        def before(_: Any, args: tuple[Any, ...], values: dict[str, Any]) -> Any:
            closure = values.get("closure", args[1] if len(args) > 1 else None)

            def with_penalty() -> Any:
                loss = None if closure is None else closure()
                (orthogonality * penalty(held)).backward()  # type: ignore[no-untyped-call]
                return loss

            return args[:1], {"closure": with_penalty}

        def after(*_: Any) -> None:
            t = adamw.param_groups[0]["taken"] = adamw.param_groups[0]["taken"] + 1
            if steps is None:
                return
            if t < last or t == 1:
                watch(adamw, smoothing)
            cut = t == last or (warmup < t < last and t % every == 0)
            if cut:
                keep(held, adamw, budget(t, start, least, last, warmup))
            for layer in held if cut or t > last else ():
                layer.E.data[~layer.kept] = 0

        adamw.register_step_pre_hook(before)
        adamw.register_step_post_hook(after)
        return adamw

    def cost(self, plain: MethodCost, shapes: Sequence[Shape], *, rank: int, rows: int) -> MethodCost:
        """E (r,) trains; Ī, Ū and their product beside Adam's moments; R's A Aᵀ, BᵀB and gradients: 3 r P."""
        trained = plain.trained + rank * len(shapes)
        return replace(plain, trained=trained, optimizer_bytes=20 * trained, update=6 * rank * plain.trained)

    def tensors(self, layer: LoRALinear) -> dict[str, Tensor]:
        return {"lora_A": layer.A.detach(), "lora_B": layer.B.detach(), "lora_E": layer.E.detach()}

    def shapes(self, d_out: int, d_in: int, rank: int) -> dict[str, tuple[int, ...]]:
        return {"lora_A": (rank, d_in), "lora_B": (d_out, rank), "lora_E": (rank, 1)}

    def load(self, layer: LoRALinear, tensors: Mapping[str, Tensor]) -> None:
        for own, part in ((layer.A, "lora_A"), (layer.B, "lora_B"), (layer.E, "lora_E")):
            own.copy_(tensors[part])
        layer.kept.copy_(layer.A.any(1))  # PEFT leaves out what was pruned, and reading puts zeros there

    def entries(self, layers: Mapping[str, LoRALinear]) -> dict[str, Any]:
        kinds = {(each.rank, float(f"{each.scale * (each.rank + GUARD):.12g}")) for each in layers.values()}
        if len(kinds) > 1:
            raise ValueError(f"ranks and α are {sorted(kinds)}, but PEFT's AdaLoRA has one for all layers")
        return peft_adalora.entries(*kinds.pop())

    def wrote(self, entries: Mapping[str, Any]) -> bool:
        return entries.get("peft_type") == "ADALORA"


def budget(t: int, start: int, target: int, last: int, warmup: int) -> int:
    """b(t), from b₀ = `start` triplets until `warmup` down to b_T = `target` from `last` = T − t_f on."""
    left = 1 - (min(max(t, warmup), last) - warmup) / (last - warmup)
    return int(target + (start - target) * left**3)


def penalty(layers: Sequence[LoRALinear]) -> Tensor:
    """R, how far rows of A and columns of B are from orthonormal, a scalar."""
    factors = [P for layer in layers for P in (layer.A, layer.B.mT)]  # each (r, …)
    return torch.stack([torch.linalg.matrix_norm(P @ P.mT - torch.eye(len(P)).to(P)) for P in factors]).mean()


def watch(adamw: torch.optim.Optimizer, smoothing: tuple[float, float]) -> None:
    """Ī and Ū of every entry, kept beside Adam's moments of it."""
    for p in (p for p in adamw.param_groups[0]["params"] if p.grad is not None):
        state, zero, (beta1, beta2) = adamw.state[p], torch.zeros_like(p), smoothing
        now = (p.detach() * p.grad).abs()
        mean = state["importance"] = beta1 * state.get("importance", zero) + (1 - beta1) * now
        off = (now - mean).abs()
        spread = state["uncertainty"] = beta2 * state.get("uncertainty", zero) + (1 - beta2) * off
        state["score"] = mean * spread


def keep(layers: Sequence[LoRALinear], adamw: torch.optim.Optimizer, count: int) -> None:
    """Marks the most important triplets; E of a layer that the loss does not reach counts nothing."""
    scores = []
    for layer in layers:
        A, B, E = (adamw.state[p].get("score", torch.zeros_like(p)) for p in (layer.A, layer.B, layer.E))
        scores.append(E[:, 0] + A.mean(1) + B.mean(0))  # (r,)
    best = torch.cat(scores).argsort(descending=True, stable=True)
    kept = torch.zeros_like(best, dtype=torch.bool)
    kept[best[:count]] = True
    for layer in layers:
        layer.kept.copy_(kept[: layer.rank])
        kept = kept[layer.rank :]


METHOD = AdaLoRA()
