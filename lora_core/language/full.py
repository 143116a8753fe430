"""Full fine-tuning: every weight of the blocks trains; the embedding, and with it a tied head, stays.

Weights of a half type are moved in float32 beside them: steps of training are too small for half types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim.adamw import adamw

from lora_core.language.model import LanguageModel


def full_optimizer(model: LanguageModel, *, lr: float, **options: Any) -> torch.optim.Optimizer:
    """Lets the blocks' weights train, and nothing else, and makes their AdamW, without weight decay.

    Args:
        model: without an adapter.
        lr: learning rate.
        options: `betas` and `eps`, as in torch.optim.AdamW.

    Raises:
        ValueError: the weights are of a type that does not train.
    """
    model.requires_grad_(False)
    trained = [*model.model.layers.parameters(), *model.model.norm.parameters()]
    for parameter in trained:
        if not parameter.is_floating_point() or parameter.dtype.itemsize < 2:
            raise ValueError(f"weight is {parameter.dtype}, expected float16, bfloat16 or float32")
        parameter.requires_grad_()
    if all(parameter.dtype.itemsize >= 4 for parameter in trained):
        return torch.optim.AdamW(trained, lr=lr, weight_decay=0.0, fused=True, **options)
    return WideAdamW(trained, lr=lr, **options)


class WideAdamW(torch.optim.Optimizer):
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) of weights in half types, moved in float32.

    One weight is moved after the other, so that the gradients are never all in float32 at once. The state of
    each: `master`, the weight in float32, its two moments and the number of its steps.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps})
        for p in parameters:
            master = p.detach().float()
            moments = {"exp_avg": torch.zeros_like(master), "exp_avg_sq": torch.zeros_like(master)}
            step = torch.zeros((), device=p.device)
            self.state[p] = {"master": master, "step": step, **moments}
        # For one gradient in float32 at a time: memory asked for anew would be paged in anew.
        self._wide = master.new_empty(max(p.numel() for p in parameters))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves every weight that has a gradient; returns the closure's loss."""
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                adamw(
                    [state["master"]],
                    [self._wide[: p.numel()].view_as(p).copy_(p.grad)],
                    [state["exp_avg"]],
                    [state["exp_avg_sq"]],
                    [],
                    [state["step"]],
                    fused=True,
                    amsgrad=False,
                    beta1=beta1,
                    beta2=beta2,
                    lr=group["lr"],
                    weight_decay=0.0,
                    eps=group["eps"],
                    maximize=False,
                )
                p.copy_(state["master"])
        return loss

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes a state as it was saved; torch's own would round it to the weights' type."""
        super().load_state_dict(dict(state_dict))
        parameters = [p for group in self.param_groups for p in group["params"]]
        for place, kept in state_dict["state"].items():
            p = parameters[place]
            self.state[p] = {name: value.detach().clone().to(p.device) for name, value in kept.items()}
