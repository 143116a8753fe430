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

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from lora_core.config import AdapterConfig
from lora_core.formats import peft_adalora
from lora_core.linear import LoRALinear
from lora_core.methods.lora import LoRA

GUARD = 1e-5  # the authors' guard against r = 0


class AdaLoRALinear(LoRALinear):
    """A frozen linear layer with an update of r triplets, of which `kept`, bool (r,), are in the budget."""

    kept: Tensor

    def __init__(self, base: nn.Linear, *, generator: torch.Generator | None = None, **options: Any) -> None:
        super().__init__(base, generator=generator, **options)
        self.scale *= self.rank / (self.rank + GUARD)
        device = "cpu" if generator is None else generator.device
        with torch.no_grad():
            for factor in (self.A, self.B):
                factor.copy_(torch.randn(factor.shape, generator=generator, device=device) * 0.02)
        self.E = nn.Parameter(self.A.new_zeros(self.rank, 1))
        self.register_buffer("kept", torch.ones_like(self.E[:, 0], dtype=torch.bool))

    def factors(self) -> tuple[Tensor, Tensor]:
        """diag(E) A (r, d_in) and B (d_out, r)."""
        return self.A * self.E, self.B

    def tensors(self) -> dict[str, Tensor]:
        return {"lora_A": self.A.detach(), "lora_B": self.B.detach(), "lora_E": self.E.detach()}

    @staticmethod
    def shapes(d_out: int, d_in: int, rank: int) -> dict[str, tuple[int, ...]]:
        return {"lora_A": (rank, d_in), "lora_B": (d_out, rank), "lora_E": (rank, 1)}

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor]) -> None:
        for own, part in ((self.A, "lora_A"), (self.B, "lora_B"), (self.E, "lora_E")):
            own.copy_(tensors[part])
        self.kept.copy_(self.A.any(1))  # PEFT leaves out what was pruned, and reading puts zeros there


class AdaLoRA(LoRA):
    """Triplets instead of factors, and a budget that moves them to where they matter."""

    layer = AdaLoRALinear

    def optimizer(
        self,
        layers: Mapping[str, LoRALinear],
        config: AdapterConfig,
        *,
        lr: float,
        steps: int | None = None,
        **options: Any,
    ) -> torch.optim.Optimizer:
        return AdaLoRAAdamW(layers, lr=lr, steps=steps, **options)

    def entries(self, layers: Mapping[str, LoRALinear]) -> dict[str, Any]:
        kinds = {(each.rank, float(f"{each.scale * (each.rank + GUARD):.12g}")) for each in layers.values()}
        if len(kinds) > 1:
            raise ValueError(f"ranks and α are {sorted(kinds)}, but PEFT's AdaLoRA has one for all layers")
        return peft_adalora.entries(*kinds.pop())


def budget(t: int, start: int, target: int, last: int, warmup: int) -> int:
    """b(t), from b₀ = `start` triplets until `warmup` down to b_T = `target` from `last` = T − t_f on."""
    left = 1 - (min(max(t, warmup), last) - warmup) / (last - warmup)
    return int(target + (start - target) * left**3)


def penalty(layers: list[AdaLoRALinear]) -> Tensor:
    """R, how far rows of A and columns of B are from orthonormal, a scalar."""
    factors = [P for layer in layers for P in (layer.A, layer.B.mT)]  # each (r, …)
    return torch.stack([torch.linalg.matrix_norm(P @ P.mT - torch.eye(len(P)).to(P)) for P in factors]).mean()


class AdaLoRAAdamW(torch.optim.AdamW):
    """AdamW that adds R's gradient before each step and cuts the triplets down to the budget after it.

    Args:
        steps: T. None keeps all triplets for good.
        target: b_T a layer, two thirds of r unless given (the paper's b₀ is 1.5 b_T).
        warmup, final: tᵢ and t_f, T/10 and T/3 unless given.
        every: steps between two cuts.
        smoothing: β₁ and β₂. orthogonality: the weight of R.

    Raises:
        ValueError: `target` is not from 0 to r, or no step is left between `warmup` and `final`.
    """

    def __init__(
        self,
        layers: Mapping[str, LoRALinear],
        *,
        lr: float,
        steps: int | None,
        target: int | None = None,
        warmup: int | None = None,
        final: int | None = None,
        every: int = 1,
        smoothing: tuple[float, float] = (0.85, 0.85),
        orthogonality: float = 0.5,
        **options: Any,
    ) -> None:
        self.layers = list(cast(Mapping[str, AdaLoRALinear], layers).values())
        self.steps, self.every, self.smoothing, self.orthogonality = steps, every, smoothing, orthogonality
        self.start = sum(layer.rank for layer in self.layers)
        self.target = sum(round(each.rank * 2 / 3) if target is None else target for each in self.layers)
        self.warmup = (steps or 0) // 10 if warmup is None else warmup
        self.final = (steps or 0) // 3 if final is None else final
        if not 0 <= self.target <= self.start:
            raise ValueError(f"target is {target}, expected 0 to {self.start // len(self.layers)}")
        if steps is not None and self.warmup + self.final >= steps:
            raise ValueError(f"no step of {steps} is left between {self.warmup} first and {self.final} last")
        params = [p for layer in self.layers for p in (layer.A, layer.B, layer.E)]
        super().__init__(params, lr=lr, **{"weight_decay": 0.0, **options})
        self.param_groups[0]["taken"] = 0  # t, where state_dict() finds it

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        with torch.enable_grad():
            loss = None if closure is None else closure()
            (self.orthogonality * penalty(self.layers)).backward()  # type: ignore[no-untyped-call]
        super().step()
        self.param_groups[0]["taken"] += 1
        if self.steps is not None:
            self._allocate(self.param_groups[0]["taken"], self.steps - self.final)
        return loss

    def _allocate(self, t: int, last: int) -> None:
        if t < last or t == 1:
            self._watch()
        cut = t == last or (self.warmup < t < last and t % self.every == 0)
        if cut:
            scores = torch.cat([self._importance(layer) for layer in self.layers])
            best = scores.argsort(descending=True, stable=True)
            kept = torch.zeros_like(scores, dtype=torch.bool)
            kept[best[: budget(t, self.start, self.target, last, self.warmup)]] = True
            for layer in self.layers:
                layer.kept.copy_(kept[: layer.rank])
                kept = kept[layer.rank :]
        if cut or t > last:
            for layer in self.layers:
                layer.E[~layer.kept] = 0

    def _watch(self) -> None:
        """Ī and Ū of every entry, kept beside Adam's moments of it."""
        for p in (p for p in self.param_groups[0]["params"] if p.grad is not None):
            state, zero, (beta1, beta2) = self.state[p], torch.zeros_like(p), self.smoothing
            now = (p * p.grad).abs()
            mean = state["importance"] = beta1 * state.get("importance", zero) + (1 - beta1) * now
            off = (now - mean).abs()
            spread = state["uncertainty"] = beta2 * state.get("uncertainty", zero) + (1 - beta2) * off
            state["score"] = mean * spread

    def _importance(self, layer: AdaLoRALinear) -> Tensor:
        """Of each triplet (r,); E of a layer that the loss does not reach counts nothing."""
        A, B, E = (self.state[p].get("score", torch.zeros_like(p)) for p in (layer.A, layer.B, layer.E))
        importance: Tensor = E[:, 0] + A.mean(1) + B.mean(0)
        return importance


METHOD = AdaLoRA()
