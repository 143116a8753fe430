"""What every method promises, whatever it does."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor, nn

from lora_core import (
    AdapterConfig,
    attach,
    delta_weights,
    detach,
    load_adapter,
    merge,
    optimizer_for,
    save_adapter,
    unmerge,
)
from lora_core.config import METHODS
from lora_core.formats.peft import TENSOR_FILE
from tests.lora_core.methods.common import LAYERS, Problem, disturb, layers

RANK = 3
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.fixture(params=METHODS)
def config(request: pytest.FixtureRequest) -> AdapterConfig:
    return AdapterConfig(method=request.param, rank=RANK, alpha=5)


def base_of(problem: Problem, config: AdapterConfig) -> nn.Module:
    """What the adapter starts from: the model, or for QLoRA its four-bit approximation."""
    return taken_off(problem.attached(config), config) if config.method == "qlora" else problem.model


def taken_off(model: nn.Module, config: AdapterConfig) -> nn.Module:
    """`detach`, which warns for QLoRA and for no other."""
    if config.method == "qlora":
        with pytest.warns(UserWarning, match="the base was quantised"):
            return detach(model)
    return detach(model)


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_start_is_the_base_bit_for_bit(
    config: AdapterConfig, dtype: torch.dtype, generator: torch.Generator
) -> None:
    problem = Problem(generator, dtype)
    model = problem.attached(config, generator)
    assert torch.equal(model(problem.x), base_of(problem, config)(problem.x))
    assert not any(delta.any() for delta in delta_weights(model).values())
    assert model(problem.x).dtype == dtype


def test_twenty_steps_lower_the_loss(
    config: AdapterConfig, problem: Problem, generator: torch.Generator
) -> None:
    model = problem.attached(config, generator)
    found = problem.losses(model, optimizer_for(model, config, lr=1e-2, steps=20))
    assert found[-1] < 0.98 * found[0]  # AdaLoRA, from factors of 0.02, is slow to start


def test_only_the_adapter_trains(config: AdapterConfig, problem: Problem, generator: torch.Generator) -> None:
    model = problem.attached(config, generator)
    optimizer = optimizer_for(model, config, lr=1e-2)
    trained = {id(p) for p in model.parameters() if p.requires_grad}
    assert {id(p) for group in optimizer.param_groups for p in group["params"]} == trained
    before = state(model)
    problem.losses(model, optimizer, steps=2)
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {name for name, p in model.named_parameters() if p.requires_grad}
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)


def test_the_optimizer_takes_adamws_options(
    config: AdapterConfig, problem: Problem, generator: torch.Generator
) -> None:
    model = problem.attached(config, generator)
    options: dict[str, Any] = {"betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1, "fused": True}
    for group in optimizer_for(model, config, lr=1e-3, **options).param_groups:
        assert (group["betas"], group["eps"], group["weight_decay"]) == ((0.8, 0.95), 1e-6, 0.1)


def test_weight_decay_is_decoupled(
    config: AdapterConfig, problem: Problem, generator: torch.Generator
) -> None:
    """With and without, one step differs by η λ p."""
    plain = problem.attached(config, generator)
    disturb(plain, generator)
    decayed = copy.deepcopy(plain)
    before = {name: p.detach().clone() for name, p in plain.named_parameters() if p.requires_grad}
    problem.losses(plain, optimizer_for(plain, config, lr=1e-3), steps=1)
    problem.losses(decayed, optimizer_for(decayed, config, lr=1e-3, weight_decay=0.5), steps=1)
    for name, start in before.items():
        rate = 16e-3 if config.method == "lora+" and name.endswith(".B") else 1e-3
        torch.testing.assert_close(
            plain.get_parameter(name) - decayed.get_parameter(name), rate * 0.5 * start, rtol=1e-6, atol=1e-12
        )


def test_merging(config: AdapterConfig, problem: Problem, generator: torch.Generator) -> None:
    model = problem.attached(config, generator)
    disturb(model, generator)
    plain, before = model(problem.x), state(model)
    deltas = delta_weights(model)
    torch.testing.assert_close(merge(model)(problem.x), plain)
    assert equal(delta_weights(model), deltas)
    assert equal(state(model), before)
    assert torch.equal(unmerge(model)(problem.x), plain)
    assert equal(state(model), before)


def test_delta_is_what_a_dense_layer_lacks(
    config: AdapterConfig, problem: Problem, generator: torch.Generator
) -> None:
    model = problem.attached(config, generator)
    disturb(model, generator)
    dense = copy.deepcopy(base_of(problem, config))
    with torch.no_grad():
        for name, delta in delta_weights(model).items():
            dense.get_parameter(f"{name}.weight").add_(delta)
    torch.testing.assert_close(model(problem.x), dense(problem.x))
    for name in LAYERS:
        torch.testing.assert_close(layers(model)[name].weight, dense.get_parameter(f"{name}.weight"))


def test_the_rank_of_delta_is_no_higher_than_promised(
    config: AdapterConfig, problem: Problem, generator: torch.Generator
) -> None:
    model = problem.attached(AdapterConfig(method=config.method, rank=1), generator)
    disturb(model, generator)
    for name, delta in delta_weights(model).items():
        assert torch.linalg.matrix_rank(delta) == layers(model)[name].delta_rank


def test_weight_passes_gradients_on(
    config: AdapterConfig, problem: Problem, generator: torch.Generator
) -> None:
    """Whoever reads `.weight` instead of calling the layer trains the same."""
    model = problem.attached(config, generator)
    disturb(model, generator)
    layer = layers(model)["0"]
    trained = [p for p in layer.parameters() if p.requires_grad]
    g = torch.randn(16, 8, generator=generator, dtype=torch.float64)
    called = torch.autograd.grad(layer(problem.x), trained, g)
    read = torch.autograd.grad(torch.nn.functional.linear(problem.x, layer.weight, layer.bias), trained, g)
    for a, b in zip(called, read, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("merged", [False, True])
def test_detach_gives_the_base_back(
    config: AdapterConfig, dtype: torch.dtype, merged: bool, generator: torch.Generator
) -> None:
    problem = Problem(generator, dtype)
    problem.model[0].weight.requires_grad_(False)
    base = base_of(problem, config)
    model = problem.attached(config, generator)
    disturb(model, generator)
    if merged:
        merge(model)
    taken_off(model, config)
    assert equal(state(model), state(base))
    assert [type(module) for module in model.modules()] == [type(module) for module in base.modules()]
    assert [p.requires_grad for p in model.parameters()] == [False, True, True, True]
    assert torch.equal(model(problem.x), base(problem.x))


def test_a_state_dict_moves_an_adapter(
    config: AdapterConfig, problem: Problem, generator: torch.Generator
) -> None:
    model, other = problem.attached(config, generator), problem.attached(config, generator)
    disturb(model, generator)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(problem.x), model(problem.x))
    disturb(model, generator)
    merge(other).load_state_dict(model.state_dict())  # a merged layer follows
    torch.testing.assert_close(other(problem.x), model(problem.x))


def test_training_goes_on_from_saved_states(
    config: AdapterConfig, problem: Problem, generator: torch.Generator
) -> None:
    model = problem.attached(config, generator)
    optimizer = optimizer_for(model, config, lr=1e-2, steps=20)
    problem.losses(model, optimizer, steps=8)
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    expected = problem.losses(model, optimizer, steps=12)
    again = problem.attached(config, generator)
    again.load_state_dict(saved[0])
    resumed = optimizer_for(again, config, lr=1e-2, steps=20)
    resumed.load_state_dict(saved[1])
    assert problem.losses(again, resumed, steps=12) == expected


def test_dropout_is_for_training(config: AdapterConfig, problem: Problem, generator: torch.Generator) -> None:
    model = problem.attached(AdapterConfig(method=config.method, rank=RANK, dropout=0.5), generator)
    disturb(model, generator)
    model.eval()
    with torch.random.fork_rng():
        calm = model(problem.x)
        assert torch.equal(model(problem.x), calm)
        model.train()
        torch.manual_seed(1)
        assert not torch.allclose(model(problem.x), calm)
        one_layer = layers(model)["0"]
        drawn = torch.stack([one_layer(problem.x).detach() for _ in range(1000)])
        expected = one_layer.eval()(problem.x)
        spread = drawn.std(0).max().item() / 1000**0.5
        assert (drawn.mean(0) - expected).abs().max() < 6 * spread  # on average dropout changes nothing


def test_what_is_saved_comes_back(
    config: AdapterConfig, problem: Problem, tmp_path: Path, generator: torch.Generator
) -> None:
    model = problem.attached(config, generator)
    disturb(model, generator)
    save_adapter(model, tmp_path / "first")
    quantised = config.method == "qlora"
    loaded = load_adapter(copy.deepcopy(problem.model), tmp_path / "first", quantised=quantised)
    torch.testing.assert_close(loaded(problem.x), model(problem.x))
    save_adapter(merge(loaded), tmp_path / "second")
    first, second = ((tmp_path / name / TENSOR_FILE).read_bytes() for name in ("first", "second"))
    assert first == second


def test_what_is_saved_peft_loads(config: AdapterConfig, tmp_path: Path, generator: torch.Generator) -> None:
    problem = Problem(generator, torch.float32)
    model = problem.attached(config, generator)
    disturb(model, generator)
    save_adapter(model, tmp_path)
    with warnings.catch_warnings(action="error"):
        theirs = PeftModel.from_pretrained(copy.deepcopy(base_of(problem, config)), tmp_path).eval()
    torch.testing.assert_close(theirs(problem.x), model(problem.x), atol=2e-6, rtol=2e-6)


def test_ranks_of_their_own(config: AdapterConfig, problem: Problem, generator: torch.Generator) -> None:
    gradients = {name: torch.ones_like(problem.model.get_parameter(f"{name}.weight")) for name in LAYERS}
    model = attach(
        copy.deepcopy(problem.model), config, generator=generator, gradients=gradients, ranks={"2": 4}
    )
    assert {name: layer.rank for name, layer in layers(model).items()} == {"0": RANK, "2": 4}
    gammas = [AdapterConfig(method=config.method, rank=rank, alpha=5).gamma for rank in (RANK, 4)]
    assert [layer.scale for layer in layers(model).values()] == pytest.approx(gammas, rel=1e-5)
    disturb(model, generator)
    torch.testing.assert_close(merge(model)(problem.x), unmerge(model)(problem.x))


def test_numbers_that_are_none_are_refused_or_stay_where_they_are(
    config: AdapterConfig, problem: Problem, generator: torch.Generator
) -> None:
    """A broken weight is an error for those that decompose it, and changes nothing."""
    with torch.no_grad():
        problem.model[2].weight[1, 1] = torch.nan
    before = state(problem.model)
    if config.method in ("pissa", "qlora"):
        with pytest.raises(ValueError, match="weight holds a NaN or an infinity"):
            attach(problem.model, config, generator=generator)
        assert all(p.requires_grad for p in problem.model.parameters())
    elif config.method != "lora-ga":
        detach(attach(problem.model, config, generator=generator))
    assert all(
        torch.equal(t.nan_to_num(), before[n].nan_to_num()) for n, t in problem.model.state_dict().items()
    )
