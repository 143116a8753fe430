"""How each method starts, from its own code: ``python -m lab.data.checkpoints.build starts``.

One layer of the English GPT, about to learn Python, in float64. For each method, on the same minibatch:

    held    γ B A (PiSSA, LoRA-GA: γ B₀A₀), or what four bits have changed in W (QLoRA)
    first   how W + ΔW begins to move, −dW/dt, when its parameters follow their gradients: plain gradient
            descent; of LoRA-Pro, its own ĝA and ĝB

and full fine-tuning's gradient g of the same matrix. `first` is scaled to a Frobenius norm of 1, as g is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from lab.bases.models import load_base
from lab.bases.tasks import load_task, loss_of
from lab.runs.fine_tune import ADAPTER_STREAM, first_gradients
from lab.runs.defaults import default
from lab.runs.starts import ALPHA, BASE, LAYER, RANK, SEED, TASK
from lora_core.adapter import adapted_layers, attach
from lora_core.config import METHODS, AdapterConfig
from lora_core.linear import LoRALinear
from lora_core.methods.lora_pro import Adjustment

STEP = 1e-6  # of the parameters along their gradients, to see how W moves


def starts() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Arrays "<method>.held", "<method>.first" and "full.first" (d_out, d_in); and what is said of them."""
    batch = load_task(TASK).batch(default(BASE, TASK).batch, torch.Generator().manual_seed(SEED))
    model = load_base(BASE).double()
    W = model.get_parameter(f"{LAYER}.weight")
    (g,) = torch.autograd.grad(loss_of(model, batch), [W])
    arrays, about = {"full.first": g / g.norm()}, {}
    for method in METHODS:
        layer = _trained_once(method, batch)
        moved = _first(layer, method)
        A, B = layer.factors() if method == "adalora" else (layer.A, layer.B)
        arrays[f"{method}.held"] = layer.base.weight - W if method == "qlora" else layer.scale * (B @ A)
        arrays[f"{method}.first"] = moved / moved.norm()
        about[method] = {
            "cosine": round(float((moved * g).sum() / (moved.norm() * g.norm())), 6),
            "rank": int(torch.linalg.matrix_rank(moved, rtol=1e-4)),
        }
    return {name: array.detach().float() for name, array in arrays.items()}, about


def _trained_once(method: str, batch: tuple[Tensor, Tensor]) -> LoRALinear:
    """The layer of a fresh adapter, with gradients in place."""
    model = load_base(BASE).double()
    config = default(BASE, TASK)
    config = replace(config, adapter=AdapterConfig(method, RANK, ALPHA, "blocks"))
    generator = torch.Generator().manual_seed(SEED + ADAPTER_STREAM)
    gradients = first_gradients(model, config, generator)
    assert config.adapter is not None
    attach(model, config.adapter, generator=generator, gradients=gradients)
    loss_of(model, batch).backward()  # type: ignore[no-untyped-call]
    return adapted_layers(model)[LAYER]


@torch.no_grad()
def _first(layer: LoRALinear, method: str) -> Tensor:
    """−dW/dt (d_out, d_in) as the parameters leave along their gradients, by a central difference."""
    ways = {p: p.grad for p in layer.parameters() if p.requires_grad and p.grad is not None}
    if method == "lora-pro":
        adjusted = Adjustment(layer.A, layer.B, layer.scale)(ways[layer.A], ways[layer.B])
        ways = dict(zip((layer.A, layer.B), adjusted, strict=True))
    found = []
    for way in (STEP, -2 * STEP):
        _move(ways, way)
        found.append(layer.weight.clone())
    _move(ways, STEP)
    return (found[0] - found[1]) / (2 * STEP)


def _move(ways: Mapping[nn.Parameter, Tensor], step: float) -> None:
    for p, way in ways.items():
        p.add_(way, alpha=step)
