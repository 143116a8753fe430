"""What a choice costs is what trains."""

from dataclasses import replace

import pytest
import torch

from lab.bases.models import load_base
from lab.bases.registry import BASES
from lab.runs.defaults import default
from lora_core import attach
from lora_core.config import METHODS
from web.fine_tune import cost, experiment


def test_costs_are_counted_against_full_fine_tuning() -> None:
    config = default("gpt-en", "python")
    assert config.adapter is not None
    shapes = BASES["gpt-en"].layers
    blocks = [shape for name, shape in shapes.items() if name.startswith("blocks")]
    config = replace(config, adapter=replace(config.adapter, targets="blocks"))
    assert cost.trained(config) == 8 * sum(d_out + d_in for d_out, d_in in blocks)
    assert cost.trained(experiment.yardstick_of(config)) == sum(d_out * d_in for d_out, d_in in blocks)
    everything = replace(experiment.yardstick_of(config), targets=BASES["gpt-en"].everything)
    assert cost.trained(everything) == sum(a * b for a, b in shapes.values()) + 192 * 64 + 64 * 64


@pytest.mark.parametrize("base", ["gpt-en", "mlp-mnist"])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_counted_is_what_the_attached_adapter_trains(base: str, method: str) -> None:
    config = default(base, next(iter(BASES[base].lessons)))
    assert config.adapter is not None
    config = replace(config, adapter=replace(config.adapter, method=method, rank=4))
    assert config.adapter is not None
    model = load_base(base)
    shapes = BASES[base].layers
    start = torch.Generator().manual_seed(0)
    gradients = {name: torch.randn(shape, generator=start) for name, shape in shapes.items()}
    attach(model, config.adapter, generator=start, gradients=gradients)
    assert cost.trained(config) == sum(each.numel() for each in model.parameters() if each.requires_grad)
