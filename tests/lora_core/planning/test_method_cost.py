"""The costs of the methods, against what real layers, optimisers and torch's counter say."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lora_core import AdapterConfig, attach, estimate_gradients, optimizer_for
from lora_core.adapter import adapted_layers
from lora_core.config import METHODS
from lora_core.planning.method_cost import method_cost

WIDTHS, ROWS, RANK = (24, 40, 32, 16), 12, 3
LAYERS = {str(2 * i): (d_out, d_in) for i, (d_in, d_out) in enumerate(pairwise(WIDTHS))}


def net() -> nn.Sequential:
    return nn.Sequential(
        *(m for d_in, d_out in pairwise(WIDTHS) for m in (nn.Linear(d_in, d_out, bias=False), nn.ReLU()))
    )


@pytest.mark.parametrize("trained", [("0", "2", "4"), ("2", "4")], ids=["all", "not the first"])
@pytest.mark.parametrize("method", METHODS)
def test_counts_are_those_of_real_steps(
    method: str, trained: tuple[str, ...], generator: torch.Generator
) -> None:
    model, x = net(), torch.randn(ROWS, WIDTHS[0], generator=generator)

    def loss(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = model(batch).square().sum()
        return found

    config = AdapterConfig(method, rank=RANK, alpha=6, targets=trained)
    gradients = estimate_gradients(model, loss, [x])
    attach(model, config, generator=generator, gradients=gradients)
    optimizer = optimizer_for(model, config, lr=1e-3, steps=20)
    loss(model, x).backward()  # type: ignore[no-untyped-call]
    optimizer.step()  # makes the state
    optimizer.zero_grad()
    with FlopCounterMode(display=False) as step:
        loss(model, x).backward()  # type: ignore[no-untyped-call]
    with FlopCounterMode(display=False) as update:
        optimizer.step()

    counted = method_cost(method, LAYERS, trained, rank=RANK, rows=ROWS)
    assert counted.trained == sum(p.numel() for p in model.parameters() if p.requires_grad)
    kept = [t for state in optimizer.state.values() for t in state.values()]
    tensors = [t for t in kept if isinstance(t, torch.Tensor) and t.dim() > 0]
    assert counted.optimizer_bytes == sum(t.nbytes for t in tensors)
    assert counted.step == step.get_total_flops()
    assert counted.update == update.get_total_flops()
    assert counted.flops == counted.step + counted.update
    frozen = 0
    for layer in adapted_layers(model).values():
        held = [layer.base.weight] if method != "qlora" else [b for b in layer.base.buffers() if b.numel()]
        held += [getattr(layer, name) for name in ("A0", "B0") if hasattr(layer, name)]
        frozen += sum(t.nbytes for t in held)
    assert counted.frozen_bytes == frozen


def test_every_method_differs_from_lora_where_its_file_says() -> None:
    found = {each: method_cost(each, LAYERS, ("2",), rank=RANK, rows=ROWS) for each in METHODS}
    assert {each for each in METHODS if found[each] == found["lora"]} == {"lora", "rslora", "lora+"}
