"""A base in half precision: factors are float32, outputs have the base's type, and small steps count."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from peft import AdaLoraConfig, LoraConfig, LoraGAConfig, get_peft_model
from peft.tuners.lora import preprocess_loraga
from torch import Tensor, nn

from lora_core import AdapterConfig, attach, delta_weights, load_adapter, merge, optimizer_for, save_adapter
from lora_core.compose import Adapters
from lora_core.config import METHODS
from lora_core.methods.lora_ga import METHOD as LORA_GA
from lora_core.serving import Server, factors_of
from tests.lora_core.methods.common import LAYERS, Problem, disturb, layers
from tests.lora_core.methods.test_family import base_of

HALVES = [torch.bfloat16, torch.float16]
# What PEFT calls them; of LoRA-Pro it has nothing.
OPTIONS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "lora+": {},
    "dora": {"use_dora": True},
    "pissa": {"init_lora_weights": "pissa"},
    "lora-ga": {"init_lora_weights": "lora_ga", "lora_ga_config": LoraGAConfig(direction="ArB2r")},
    "qlora": {},
}


@pytest.fixture(params=METHODS)
def config(request: pytest.FixtureRequest) -> AdapterConfig:
    return AdapterConfig(request.param, rank=2, alpha=5)


class Half(Problem):
    """The problem in bfloat16 but for its loss, whose own steps in bfloat16 would be 0.4%."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(generator, torch.bfloat16)

    def loss(self, model: nn.Module, _: Any = None) -> Tensor:
        return F.mse_loss(model(self.x).float(), self.y.float())


def pefts(problem: Problem, config: AdapterConfig) -> nn.Module:
    """PEFT's model on the same base, its factors in float32 by its own default."""
    model = copy.deepcopy(base_of(problem, config))
    targets = list(LAYERS)
    if config.method == "adalora":
        adalora = AdaLoraConfig(init_r=2, lora_alpha=5, target_modules=targets, total_step=1000)
        return get_peft_model(model, adalora)
    options = LoraConfig(r=2, lora_alpha=5, target_modules=targets, **OPTIONS[config.method])
    if config.method == "lora-ga":
        with warnings.catch_warnings(action="ignore"):  # of PEFT's own hooks
            preprocess_loraga(model, options, lambda: problem.loss(model).backward())
    return get_peft_model(model, options)


def same_start(model: nn.Module, theirs: nn.Module) -> None:
    for name, layer in layers(model).items():
        other = theirs.get_submodule(f"base_model.model.{name}")
        A, B = (getattr(other, part)["default"] for part in ("lora_A", "lora_B"))
        with torch.no_grad():
            if layer.method is LORA_GA:
                LORA_GA.begin(layer, A.weight, B.weight)
            elif layer.method.name == "adalora":
                A.copy_(layer.A)
                B.copy_(layer.B)
            elif layer.method.name != "pissa":  # which both find for themselves
                A.weight.copy_(layer.A)


@pytest.mark.parametrize("lr", [1e-3, 2e-4, 5e-5])
def test_a_hundred_steps_on_bfloat16_are_pefts(
    config: AdapterConfig, lr: float, generator: torch.Generator
) -> None:
    if config.method == "lora-pro":
        pytest.skip("PEFT has no LoRA-Pro")
    problem = Half(generator)
    model, theirs = problem.attached(config, generator), pefts(problem, config)
    same_start(model, theirs)
    trained = {n: p for n, p in theirs.named_parameters() if p.requires_grad and "ranknum" not in n}
    assert {p.dtype for p in trained.values()} == {torch.float32}
    fast = [p for n, p in trained.items() if config.method == "lora+" and "lora_B" in n]
    slow = [p for p in trained.values() if not any(p is each for each in fast)]
    groups = [{"params": slow}, {"params": fast, "lr": 16 * lr}][: 1 + bool(fast)]
    adamw = torch.optim.AdamW(groups, lr=lr, weight_decay=0.0)
    options: dict[str, Any] = {"orthogonality": 0.0} if config.method == "adalora" else {}
    found = problem.losses(model, optimizer_for(model, config, lr=lr, **options), steps=100)
    expected = problem.losses(theirs, adamw, steps=100)
    # PEFT rounds DoRA's magnitudes and W − γB₀A₀ to bfloat16, and so does not start from the base; here only
    # outputs are rounded.
    rounds = config.method in ("dora", "pissa", "lora-ga")
    assert found[0] == problem.loss(base_of(problem, config)).item()
    assert (found[0] != expected[0]) == rounds
    assert found == pytest.approx(expected, abs=1e-2 if rounds else 1e-3)


@pytest.mark.parametrize("lr", [1e-3, 2e-4, 5e-5])
def test_small_steps_do_not_vanish(config: AdapterConfig, lr: float, generator: torch.Generator) -> None:
    """W moves on bfloat16 as on float32: rounded to half types, steps of a small rate are lost."""
    moved = []
    for dtype in (torch.bfloat16, torch.float32):
        problem = Half(torch.Generator().manual_seed(1))
        problem.model.to(dtype)
        problem.x, problem.y = problem.x.to(dtype), problem.y.to(dtype)
        model = problem.attached(config, torch.Generator().manual_seed(2))
        problem.losses(model, optimizer_for(model, config, lr=lr), steps=100)
        moved.append(torch.cat([layer.update().flatten() for layer in layers(model).values()]).detach())
    assert (moved[0] - moved[1]).norm() < 0.15 * moved[1].norm()


@pytest.mark.parametrize("dtype", HALVES)
def test_types_of_factors_and_of_outputs(
    config: AdapterConfig, dtype: torch.dtype, tmp_path: Path, generator: torch.Generator
) -> None:
    problem = Problem(generator, dtype)
    model = problem.attached(config, generator)
    disturb(model, generator, size=0.1)
    save_adapter(model, tmp_path)
    loaded = load_adapter(copy.deepcopy(problem.model), tmp_path, quantised=config.method == "qlora")
    for each in (model, loaded):
        assert {p.dtype for p in each.parameters() if p.requires_grad} == {torch.float32}
        assert each(problem.x).dtype == dtype
        assert merge(each)(problem.x).dtype == dtype
        assert {delta.dtype for delta in delta_weights(each).values()} == {dtype}
    torch.testing.assert_close(loaded(problem.x), model(problem.x))


@pytest.mark.parametrize("dtype", HALVES)
def test_the_factors_stay_single_when_the_model_is_cast(
    config: AdapterConfig, dtype: torch.dtype, generator: torch.Generator
) -> None:
    problem = Problem(generator, torch.float32)
    model = problem.attached(config, generator)
    disturb(model, generator)
    before = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    problem.loss(model).backward()
    model.to(dtype)
    assert {name: p for name, p in model.named_parameters() if p.requires_grad}.keys() == before.keys()
    assert all(torch.equal(model.get_parameter(name), value) for name, value in before.items())
    assert all(p.grad is None or p.grad.dtype == p.dtype for p in model.parameters())
    assert model(problem.x.to(dtype)).dtype == dtype


def test_adapters_that_take_turns_keep_their_precision(generator: torch.Generator) -> None:
    problem = Problem(generator, torch.bfloat16)
    adapters = Adapters(copy.deepcopy(problem.model))
    for name in ("one", "two"):
        adapters.add(name, AdapterConfig(rank=2), generator=generator)
        disturb(adapters.model, generator)
    fine = [p.detach().clone() for p in adapters.model.parameters() if p.requires_grad]
    adapters.use("one")
    adapters.use("two")
    again = [p for p in adapters.model.parameters() if p.requires_grad]
    assert all(torch.equal(a, b) for a, b in zip(fine, again, strict=True))
    adapters.combine("both", {"one": 1.0, "two": 1.0})
    assert {p.dtype for p in adapters.model.parameters() if p.requires_grad} == {torch.float32}
    assert adapters.model(problem.x).dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("repeats", [1, 12])
def test_a_server_adds_what_attached_adapters_add(
    dtype: torch.dtype, repeats: int, generator: torch.Generator
) -> None:
    problem = Problem(generator, dtype)
    x = problem.x[:, None].expand(16, repeats, 6)
    expected: dict[str | None, Tensor] = {None: problem.model(x)}
    factors = {}
    for name in ("one", "two"):
        model = attach(copy.deepcopy(problem.model), AdapterConfig(rank=2), generator=generator)
        disturb(model, generator)
        expected[name], factors[name] = model(x), factors_of(model)
    server = Server(problem.model)
    for name, each in factors.items():
        server.add(name, each)
    asked = (["one", None, "two", "two"] * 4)[:16]
    answers = server(x, asked)
    assert answers.dtype == dtype
    for row, name in enumerate(asked):
        torch.testing.assert_close(answers[row], expected[name][row], rtol=1e-2, atol=1e-2)
        assert torch.equal(answers[row], expected[name][row]) or name is not None
