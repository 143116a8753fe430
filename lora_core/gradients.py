"""Estimates of dL/dW of a model's linear layers, for the methods that start from them (LoRA-GA)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from lora_core.adapter import linear_layers, refuse_unready
from lora_core.config import Targets, select
from lora_core.linear import laid_out


def estimate_gradients(
    model: nn.Module,
    loss: Callable[[nn.Module, Any], Tensor],
    batches: Iterable[Any],
    *,
    targets: Targets = "all-linear",
) -> dict[str, Tensor]:
    """Module name -> dL/dW (d_out, d_in), the mean over `batches`, of the linear layers `targets` selects.

    The model, its parameters' `.grad` and their flags are as before; so is its mode, training or not.

    Args:
        model: without an adapter.
        loss: of the model on a batch, a scalar.
        batches: each is given to `loss` as it comes.
        targets: which layers, as in `AdapterConfig`.

    Raises:
        ValueError: no module matches, an adapter is attached already, or there is no batch.
    """
    refuse_unready(model)
    linear = linear_layers(model)
    weights = {name: linear[name].weight for name in select(linear, targets)}
    totals = {
        name: torch.zeros_like(W, dtype=torch.promote_types(W.dtype, torch.float32))
        for name, W in weights.items()
    }
    trained = {W: W.requires_grad for W in weights.values()}
    count = 0
    try:
        for W in weights.values():
            W.requires_grad_()
        for batch in batches:
            with torch.enable_grad():
                value = loss(model, batch)
            found = torch.autograd.grad(value, list(weights.values()), allow_unused=True)
            for total, gradient in zip(totals.values(), found, strict=True):
                if gradient is not None:  # None: a layer that this batch did not reach
                    total += gradient
            count += 1
    finally:
        for W, flag in trained.items():
            W.requires_grad_(flag)
    if count == 0:
        raise ValueError("no batch to estimate gradients from, expected at least one")
    return {name: laid_out(total / count, type(linear[name])) for name, total in totals.items()}
