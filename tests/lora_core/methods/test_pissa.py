from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from lora_core import AdapterConfig, delta_weights, load_adapter, optimizer_for, save_adapter
from lora_core.formats.peft import CONFIG_FILE, read
from lora_core.methods.pissa import METHOD, principal_factors
from tests.lora_core.methods.common import LAYERS, Problem, disturb, layers

CONFIG = AdapterConfig(method="pissa", rank=3, alpha=5)


def theirs(problem: Problem, **options: object) -> nn.Module:
    """PEFT's decomposition wants float32."""
    config = LoraConfig(r=3, lora_alpha=5, target_modules="all-linear", init_lora_weights="pissa", **options)
    return get_peft_model(copy.deepcopy(problem.model), config)


def test_the_factors_are_the_principal_part_of_w(generator: torch.Generator) -> None:
    W = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    A, B = principal_factors(W, 2, 3.0)
    U, S, Vh = np.linalg.svd(W.numpy())
    np.testing.assert_allclose((3 * B @ A).numpy(), U[:, :2] * S[:2] @ Vh[:2], atol=1e-12)
    torch.testing.assert_close(A @ A.T, B.T @ B)  # equally large, and orthogonal
    torch.testing.assert_close(torch.diag(A @ A.T), torch.from_numpy(S[:2] / 3))


def test_twenty_steps_are_pefts(generator: torch.Generator) -> None:
    problem = Problem(generator, torch.float32)
    ours, peft = problem.attached(CONFIG), theirs(problem)
    for name in LAYERS:  # the same start, found apart
        layer = peft.get_submodule(f"base_model.model.{name}")
        torch.testing.assert_close(layer.lora_A["default"].weight, layers(ours)[name].A)  # type: ignore[index]
        torch.testing.assert_close(layer.lora_B["default"].weight, layers(ours)[name].B)  # type: ignore[index]
    assert torch.equal(ours(problem.x), problem.model(problem.x))
    adamw = torch.optim.AdamW([p for p in peft.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.0)
    expected = problem.losses(peft, adamw)
    assert problem.losses(ours, optimizer_for(ours, CONFIG, lr=1e-2)) == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(ours(problem.x), peft(problem.x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("gamma_rule", ["alpha/r", "alpha/sqrt(r)", "constant"])
def test_the_export_is_a_plain_lora_of_rank_2r(
    gamma_rule: str, tmp_path: Path, generator: torch.Generator
) -> None:
    problem = Problem(generator, torch.float32)
    config = AdapterConfig(method="pissa", rank=3, alpha=5, gamma_rule=gamma_rule)
    model = problem.attached(config)
    problem.losses(model, optimizer_for(model, config, lr=1e-2))
    save_adapter(model, tmp_path)
    entries = json.loads((tmp_path / CONFIG_FILE).read_text())
    alpha = {"alpha/r": 10, "alpha/sqrt(r)": pytest.approx(5 * 2**0.5), "constant": 30}[gamma_rule]
    assert (entries["peft_type"], entries["r"], entries["lora_alpha"]) == ("LORA", 6, alpha)
    assert entries["init_lora_weights"] is True
    saved = read(tmp_path).layers["0"]
    layer = layers(model)["0"]
    assert np.array_equal(saved["lora_A.weight"], torch.cat([layer.A, layer.A0]).detach())
    assert np.array_equal(saved["lora_B.weight"], torch.cat([layer.B, -layer.B0], dim=1).detach())
    peft = PeftModel.from_pretrained(copy.deepcopy(problem.model), tmp_path).eval()
    torch.testing.assert_close(peft(problem.x), model(problem.x), rtol=1e-5, atol=1e-6)
    plain = load_adapter(copy.deepcopy(problem.model), tmp_path)  # above min(d_out, d_in) for layer 2
    assert layers(plain)["2"].rank == 6
    torch.testing.assert_close(plain(problem.x), model(problem.x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("use_rslora", [False, True])
def test_what_peft_saves_we_load(use_rslora: bool, tmp_path: Path, generator: torch.Generator) -> None:
    """PEFT saves A and B and takes the rest from W again, so it goes on training as PiSSA."""
    problem = Problem(generator, torch.float32)
    peft = theirs(problem, use_rslora=use_rslora)
    disturb(peft, generator, size=0.1)
    peft.save_pretrained(tmp_path / "theirs")
    ours = load_adapter(copy.deepcopy(problem.model), tmp_path / "theirs")
    torch.testing.assert_close(ours(problem.x), peft(problem.x), rtol=1e-4, atol=1e-5)
    assert layers(ours)["0"].method is METHOD
    save_adapter(ours, tmp_path / "ours")
    again = PeftModel.from_pretrained(copy.deepcopy(problem.model), tmp_path / "ours").eval()
    torch.testing.assert_close(again(problem.x), peft(problem.x), rtol=1e-4, atol=1e-5)


def test_a_full_rank_start_is_all_of_w(problem: Problem) -> None:
    """At r = min(d_out, d_in) the residual is zero: training moves all of W."""
    model = problem.attached(AdapterConfig(method="pissa", rank=4, alpha=3, targets=("2",)))
    layer = layers(model)["2"]
    torch.testing.assert_close(layer.scale * layer.B @ layer.A, problem.model[2].weight)
    assert not delta_weights(model)["2"].any()


def test_w_of_zeros(problem: Problem) -> None:
    with torch.no_grad():
        problem.model[0].weight.zero_()
    model = problem.attached(CONFIG)
    assert torch.equal(model(problem.x), problem.model(problem.x))
