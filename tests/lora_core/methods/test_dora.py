from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn

from lora_core import AdapterConfig, attach, load_adapter, merge, optimizer_for, save_adapter
from lora_core.formats.peft import TENSOR_FILE
from lora_core.linear import LoRALinear
from lora_core.methods.dora import METHOD
from tests.lora_core.methods.common import LAYERS, Problem, disturb, layers

CONFIG = AdapterConfig(method="dora", rank=3, alpha=5)


def theirs(problem: Problem, **options: object) -> nn.Module:
    config = LoraConfig(r=3, lora_alpha=5, target_modules="all-linear", use_dora=True, **options)
    return get_peft_model(copy.deepcopy(problem.model), config, autocast_adapter_dtype=False)


def test_twenty_steps_are_pefts(problem: Problem, generator: torch.Generator) -> None:
    ours, peft = problem.attached(CONFIG, generator), theirs(problem)
    with torch.no_grad():
        for name in LAYERS:
            layer = peft.get_submodule(f"base_model.model.{name}")
            layer.lora_A["default"].weight.copy_(layers(ours)[name].A)  # type: ignore[index]
    adamw = torch.optim.AdamW([p for p in peft.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.0)
    assert torch.equal(ours(problem.x), problem.model(problem.x))
    torch.testing.assert_close(peft(problem.x), ours(problem.x))
    expected = problem.losses(peft, adamw)
    assert problem.losses(ours, optimizer_for(ours, CONFIG, lr=1e-2)) == pytest.approx(expected, rel=1e-9)
    torch.testing.assert_close(ours(problem.x), peft(problem.x))


@pytest.mark.parametrize("use_rslora", [False, True])
@pytest.mark.parametrize("suffix", ["", ".weight"])
def test_what_peft_saves_we_load_and_save_again(
    use_rslora: bool, suffix: str, tmp_path: Path, generator: torch.Generator
) -> None:
    problem = Problem(generator, torch.float32)
    peft = theirs(problem, use_rslora=use_rslora)
    disturb(peft, generator)
    peft.save_pretrained(tmp_path / "theirs")
    file = tmp_path / "theirs" / TENSOR_FILE
    tensors = load_file(file)
    assert "base_model.model.0.lora_magnitude_vector" in tensors
    save_file({n + suffix if "magnitude" in n else n: t for n, t in tensors.items()}, file)
    ours = load_adapter(copy.deepcopy(problem.model), tmp_path / "theirs")
    torch.testing.assert_close(ours(problem.x), peft(problem.x), rtol=1e-5, atol=1e-6)
    save_adapter(ours, tmp_path / "ours")
    again = load_file(tmp_path / "ours" / TENSOR_FILE)
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)


def test_the_magnitude_is_the_length_of_a_row() -> None:
    """Rows (3, 4) and (0, 2): lengths 5 and 2. Doubling m doubles the output, doubling V does not."""
    base = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        base.weight.copy_(torch.tensor([[3.0, 4.0], [0.0, 2.0]]))
    layer = LoRALinear(base, rank=1, scale=1.0, method=METHOD)
    assert layer.m.tolist() == [5.0, 2.0]
    x = torch.tensor([1.0, 1.0])
    assert layer(x).tolist() == [7.0, 2.0]
    with torch.no_grad():
        layer.A.copy_(torch.tensor([[3.0, 4.0]]))
        layer.B.copy_(torch.tensor([[1.0], [0.0]]))  # V's first row is (6, 8)
    assert layer(x).tolist() == pytest.approx([7.0, 2.0])
    with torch.no_grad():
        layer.m.mul_(2)
    assert layer(x).tolist() == pytest.approx([14.0, 4.0])
    assert layer.merged_weight()[0].tolist() == pytest.approx([6.0, 8.0])


def test_a_row_of_zeros_stays_finite_and_can_train(problem: Problem, generator: torch.Generator) -> None:
    with torch.no_grad():
        problem.model[2].weight[1] = 0
    model = problem.attached(CONFIG, generator)
    assert torch.equal(model(problem.x), problem.model(problem.x))
    found = problem.losses(model, optimizer_for(model, CONFIG, lr=1e-2))
    assert found[-1] < found[0] < float("inf")
    assert all(p.isfinite().all() for p in model.parameters())
    assert layers(model)["2"].weight[1].any()
    torch.testing.assert_close(merge(model)(problem.x), model(problem.x))


def test_a_file_without_magnitudes_is_refused(
    problem: Problem, tmp_path: Path, generator: torch.Generator
) -> None:
    save_adapter(problem.attached(CONFIG, generator), tmp_path)
    tensors = load_file(tmp_path / TENSOR_FILE)
    del tensors["base_model.model.0.lora_magnitude_vector"]
    save_file(tensors, tmp_path / TENSOR_FILE)
    with pytest.raises(ValueError, match=r"tensor base_model\.model\.0\.lora_magnitude_vector is missing"):
        load_adapter(problem.model, tmp_path)
    attach(problem.model, CONFIG)  # nothing was changed
