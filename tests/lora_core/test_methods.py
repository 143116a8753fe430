"""The files of the methods; LoRA, rsLoRA and LoRA+. What every method promises: methods/test_family.py."""

from __future__ import annotations

import copy
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

import lora_core.methods
from lora_core import AdapterConfig, attach, optimizer_for
from lora_core.config import METHODS
from lora_core.methods import method

FILES = {path.stem for path in Path(lora_core.methods.__file__).parent.glob("[!_]*.py")}


def teacher(generator: torch.Generator) -> tuple[nn.Sequential, Tensor, Tensor]:
    """A small network in float64, its input (16, 6) and the output it is asked for (16, 4)."""
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    x = torch.randn(16, 6, generator=generator, dtype=torch.float64)
    return model, x, torch.randn(16, 4, generator=generator, dtype=torch.float64)


def losses(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, steps: int = 20
) -> list[float]:
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def test_each_method_is_a_file_and_each_file_a_method() -> None:
    assert {name.replace("+", "_plus").replace("-", "_") for name in METHODS} == FILES


@pytest.mark.parametrize("name", METHODS)
def test_each_file_is_short_and_names_its_paper(name: str) -> None:
    method(name)
    module = sys.modules[f"lora_core.methods.{name.replace('+', '_plus').replace('-', '_')}"]
    assert module.__doc__ is not None
    assert "arXiv:" in module.__doc__
    assert module.__file__ is not None
    assert len(Path(module.__file__).read_text().splitlines()) <= 200


def test_an_unknown_method_is_refused_with_the_list() -> None:
    with pytest.raises(
        ValueError, match=f"method is 'lore', expected one of: {', '.join(METHODS).replace('+', '.')}"
    ):
        method("lore")


PEFT_OPTIONS: dict[str, dict[str, Any]] = {"lora": {}, "rslora": {"use_rslora": True}}


@pytest.mark.parametrize("name", PEFT_OPTIONS)
def test_twenty_steps_are_pefts_twenty_steps(name: str, generator: torch.Generator) -> None:
    model, x, y = teacher(generator)
    options = LoraConfig(r=3, lora_alpha=5, target_modules="all-linear", **PEFT_OPTIONS[name])
    theirs = get_peft_model(copy.deepcopy(model), options, autocast_adapter_dtype=False)
    config = AdapterConfig(method=name, rank=3, alpha=5)
    attach(model, config, generator=generator)
    with torch.no_grad():
        for key in ("0", "2"):
            layer = theirs.get_submodule(f"base_model.model.{key}")
            layer.lora_A["default"].weight.copy_(model.get_submodule(key).A)  # type: ignore[index]
    adamw = torch.optim.AdamW([p for p in theirs.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.0)
    assert losses(model, optimizer_for(model, config, lr=1e-2), x, y) == pytest.approx(
        losses(theirs, adamw, x, y), rel=1e-9
    )
    torch.testing.assert_close(model(x), theirs(x))


def test_rslora_is_lora_with_another_alpha(generator: torch.Generator) -> None:
    model, x, y = teacher(generator)
    twin = copy.deepcopy(model)
    rslora = AdapterConfig(method="rslora", rank=4, alpha=3)
    lora = AdapterConfig(method="lora", rank=4, alpha=3 * math.sqrt(4))
    for each, config in ((model, rslora), (twin, lora)):
        attach(each, config, generator=torch.Generator().manual_seed(0))
    assert losses(model, optimizer_for(model, rslora, lr=1e-2), x, y) == losses(
        twin, optimizer_for(twin, lora, lr=1e-2), x, y
    )


def test_lora_plus_gives_b_its_own_rate(generator: torch.Generator) -> None:
    model, x, y = teacher(generator)
    config = AdapterConfig(method="lora+", rank=2)
    attach(model, config, generator=generator)
    optimizer = optimizer_for(model, config, lr=1e-3, ratio=4.0)
    A, B = model[0].A.detach().clone(), model[0].B.detach().clone()  # type: ignore[union-attr,operator]
    losses(model, optimizer, x, y, steps=1)
    # Adam's first step moves an entry by the learning rate, whatever its gradient; A has none while B is 0.
    torch.testing.assert_close((model[0].B - B).abs(), torch.full_like(B, 4e-3), rtol=1e-3, atol=0)
    assert torch.equal(model[0].A, A)
    losses(model, optimizer, x, y, steps=1)
    assert (model[0].A - A).abs().max() <= 1.001e-3


def test_lora_plus_is_lora_at_ratio_one(generator: torch.Generator) -> None:
    model, x, y = teacher(generator)
    attach(model, AdapterConfig(rank=2), generator=generator)
    twin = copy.deepcopy(model)
    plus = optimizer_for(model, AdapterConfig(method="lora+"), lr=1e-2, ratio=1.0)
    assert losses(model, plus, x, y) == losses(twin, optimizer_for(twin, AdapterConfig(), lr=1e-2), x, y)


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.nan])
def test_lora_plus_refuses_a_ratio_that_is_none(ratio: float, generator: torch.Generator) -> None:
    model, _, _ = teacher(generator)
    attach(model, AdapterConfig(rank=2), generator=generator)
    with pytest.raises(ValueError, match=r"ratio is .*, expected a number above 0"):
        optimizer_for(model, AdapterConfig(method="lora+"), lr=1e-2, ratio=ratio)
