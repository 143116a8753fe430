"""Several adapters on one model: switched, scaled, added up."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn

from lora_core import AdapterConfig, attach, delta_weights, merge, optimizer_for, save_adapter, unmerge
from lora_core.adapter import adapted_layers
from lora_core.compose import Adapters, scale
from lora_core.config import METHODS
from tests.lora_core.methods.common import Problem, disturb

SHARED = [name for name in METHODS if name != "qlora"]
SUMMED = [name for name in SHARED if name != "dora"]


@pytest.fixture
def problem(generator: torch.Generator) -> Problem:
    return Problem(generator)


@pytest.fixture
def adapters(problem: Problem, generator: torch.Generator) -> Adapters:
    """Three of them: "first" on both layers, "second" on layer 2 alone, "third" AdaLoRA."""
    found = Adapters(copy.deepcopy(problem.model))
    found.add("first", AdapterConfig(rank=2, alpha=3), generator=generator)
    disturb(found.model, generator)
    found.add("second", AdapterConfig(method="rslora", rank=3, targets=("2",)), generator=generator)
    disturb(found.model, generator)
    found.add("third", AdapterConfig(method="adalora", rank=1, targets=("0",)), generator=generator)
    disturb(found.model, generator)
    return found


def deltas(adapters: Adapters, name: str) -> dict[str, Tensor]:
    adapters.use(name)
    return delta_weights(adapters.model)


# Switching


@pytest.mark.parametrize("method", SHARED)
def test_switching_is_exact_and_copies_nothing(
    method: str, problem: Problem, generator: torch.Generator
) -> None:
    model = copy.deepcopy(problem.model)
    weight = model[0].weight
    adapters = Adapters(model)
    config = AdapterConfig(method=method, rank=2)
    gradients = {"0": torch.ones(8, 6), "2": torch.ones(4, 8)}
    adapters.add("a", config, generator=generator, gradients=gradients)
    disturb(model, generator)
    with_a, factors = model(problem.x), [id(p) for p in model.parameters() if p.requires_grad]
    adapters.add("b", AdapterConfig(rank=3, targets=("2",)), generator=generator)
    disturb(model, generator)
    with_b = model(problem.x)
    for _ in range(2):
        adapters.use("a")
        assert torch.equal(model(problem.x), with_a)
        assert [id(p) for p in model.parameters() if p.requires_grad] == factors
        adapters.use("b")
        assert torch.equal(model(problem.x), with_b)
        adapters.use(None)
        assert torch.equal(model(problem.x), problem.model(problem.x))
        assert model[0].weight is weight
        assert all(p.requires_grad for p in model.parameters())


def test_training_goes_on_after_another_was_in_use(problem: Problem) -> None:
    config = AdapterConfig(rank=2)
    model = problem.attached(config, torch.Generator().manual_seed(1))
    expected = problem.losses(model, optimizer_for(model, config, lr=1e-2), steps=10)

    adapters = Adapters(copy.deepcopy(problem.model))
    adapters.add("a", config, generator=torch.Generator().manual_seed(1))
    optimizer = optimizer_for(adapters.model, config, lr=1e-2)
    found = problem.losses(adapters.model, optimizer, steps=5)
    adapters.add("b", config)
    problem.losses(adapters.model, optimizer_for(adapters.model, config, lr=0.1), steps=5)
    adapters.use("a")
    assert found + problem.losses(adapters.model, optimizer, steps=5) == expected


def test_names_and_what_is_in_use(adapters: Adapters) -> None:
    assert (adapters.names, adapters.in_use) == (["first", "second", "third"], "third")
    adapters.use(None)
    assert adapters.in_use is None
    adapters.use("first")
    adapters.remove("second")
    assert (adapters.names, adapters.in_use) == (["first", "third"], "first")
    adapters.remove("first")
    assert (adapters.names, adapters.in_use) == (["third"], None)
    assert not any(name.endswith(".A") for name in adapters.model.state_dict())


def test_a_merged_adapter_comes_back_unmerged(adapters: Adapters, problem: Problem) -> None:
    adapters.use("first")
    before = adapters.model(problem.x)
    merge(adapters.model)
    adapters.use("second")
    adapters.use("first")
    assert torch.equal(adapters.model(problem.x), before)
    unmerge(merge(adapters.model))


def test_an_adapter_follows_the_model_to_another_type_and_mode(adapters: Adapters, problem: Problem) -> None:
    adapters.use("second")
    adapters.model.to(torch.float32).eval()
    adapters.use("first")
    assert adapters.model(problem.x.float()).dtype == torch.float32
    assert not any(module.training for module in adapters.model.modules())


def test_adapters_are_saved_and_loaded_by_name(adapters: Adapters, problem: Problem, tmp_path: Path) -> None:
    outputs = {}
    for name in adapters.names:
        adapters.use(name)
        outputs[name] = adapters.model(problem.x)
        save_adapter(adapters.model, tmp_path / name)
    other = Adapters(copy.deepcopy(problem.model))
    for name in adapters.names:
        other.load(name, tmp_path / name)
    for name, expected in outputs.items():
        other.use(name)
        torch.testing.assert_close(other.model(problem.x), expected)


# Adding up


@pytest.mark.parametrize("method", SUMMED)
def test_a_sum_is_exact(method: str, problem: Problem, generator: torch.Generator) -> None:
    adapters = Adapters(copy.deepcopy(problem.model))
    gradients = {"0": torch.ones(8, 6), "2": torch.ones(4, 8)}
    configs = {
        "a": AdapterConfig(method=method, rank=2, alpha=3),
        "b": AdapterConfig(rank=3, alpha=7, targets=("2",)),
    }
    for name, config in configs.items():
        adapters.add(name, config, generator=generator, gradients=gradients)
        disturb(adapters.model, generator)
    a, b = deltas(adapters, "a"), deltas(adapters, "b")
    adapters.combine("sum", {"a": 0.7, "b": -2.0})
    assert adapters.in_use == "sum"
    found = delta_weights(adapters.model)
    torch.testing.assert_close(found["0"], 0.7 * a["0"], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found["2"], 0.7 * a["2"] - 2 * b["2"], rtol=1e-12, atol=1e-12)
    ranks = {name: layer.rank for name, layer in adapted_layers(adapters.model).items()}
    assert ranks["2"] - ranks["0"] == 3
    assert torch.equal(deltas(adapters, "a")["0"], a["0"])


def test_a_sum_is_an_adapter_like_any_other(
    adapters: Adapters, problem: Problem, tmp_path: Path, generator: torch.Generator
) -> None:
    adapters.combine("sum", {"first": 1.0, "second": 0.5, "third": 1.0})
    outputs = adapters.model(problem.x)
    save_adapter(adapters.model, tmp_path)
    theirs = PeftModel.from_pretrained(copy.deepcopy(problem.model), tmp_path).eval()
    torch.testing.assert_close(theirs(problem.x), outputs, rtol=1e-5, atol=1e-5)
    adapters.combine("more", {"sum": 2.0})
    assert not torch.allclose(adapters.model(problem.x), outputs)
    optimizer = optimizer_for(adapters.model, AdapterConfig(), lr=1e-2)
    found = problem.losses(adapters.model, optimizer, steps=5)
    assert found[-1] < found[0]


def test_pefts_cat_is_the_same_sum_and_its_linear_is_not(
    problem: Problem, generator: torch.Generator
) -> None:
    options = {"r": 2, "lora_alpha": 4, "target_modules": ["0", "2"]}
    theirs = get_peft_model(copy.deepcopy(problem.model), LoraConfig(**options), "one")
    theirs.add_adapter("two", LoraConfig(**options))
    ours = Adapters(copy.deepcopy(problem.model))
    for name in ("one", "two"):
        ours.add(name, AdapterConfig(rank=2, alpha=4), generator=generator)
        disturb(ours.model, generator)
        with torch.no_grad():
            for key, layer in adapted_layers(ours.model).items():
                other = theirs.get_submodule(f"base_model.model.{key}")
                other.lora_A[name].weight.copy_(layer.A)  # type: ignore[index]
                other.lora_B[name].weight.copy_(layer.B)  # type: ignore[index]
    ours.combine("sum", {"one": 1.0, "two": 1.0})
    for kind in ("cat", "linear"):
        theirs.add_weighted_adapter(["one", "two"], [1.0, 1.0], kind, combination_type=kind)
        theirs.set_adapter(kind)
        close = torch.allclose(theirs(problem.x), ours.model(problem.x), rtol=1e-4, atol=1e-4)
        assert close == (kind == "cat")


# Scaling


@pytest.mark.parametrize("method", [name for name in METHODS if name != "dora"])
def test_scaling_multiplies_delta(
    method: str, problem: Problem, tmp_path: Path, generator: torch.Generator
) -> None:
    model = problem.attached(AdapterConfig(method=method, rank=2), generator)
    disturb(model, generator)
    before, outputs = delta_weights(model), model(problem.x)
    scale(model, 0.5)
    for name, delta in delta_weights(model).items():
        assert torch.equal(delta, 0.5 * before[name])
    save_adapter(model, tmp_path)
    other = Adapters(copy.deepcopy(problem.model))
    other.load("half", tmp_path)
    for name, delta in delta_weights(other.model).items():
        torch.testing.assert_close(delta, 0.5 * before[name], rtol=1e-7, atol=1e-9)
    scale(model, 2.0)
    assert torch.equal(model(problem.x), outputs)


# Refusals: a ValueError each, and nothing changed


def test_refusals(adapters: Adapters, problem: Problem, tmp_path: Path) -> None:
    adapters.use("first")
    before = adapters.model(problem.x)
    config = AdapterConfig(rank=1)
    for call, message in (
        (lambda: adapters.add("first", config), "adapter 'first' is there already"),
        (lambda: adapters.load("second", tmp_path), "adapter 'second' is there already"),
        (lambda: adapters.combine("third", {"first": 1.0}), "adapter 'third' is there already"),
        (lambda: adapters.add("new", AdapterConfig(rank=7)), "rank is 7"),
        (lambda: adapters.add("new", AdapterConfig(method="qlora", rank=1)), "qlora replaces the base"),
        (lambda: adapters.load("new", tmp_path), "no adapter_config.json"),
        (lambda: adapters.use("new"), "no adapter 'new', expected one of: first, second, third"),
        (lambda: adapters.remove("new"), "no adapter 'new'"),
        (lambda: adapters.combine("new", {"other": 1.0}), "no adapter 'other'"),
        (lambda: adapters.combine("new", {"first": float("nan")}), "weight of 'first' is nan"),
        (lambda: adapters.combine("new", {}), "nothing to combine"),
        (lambda: scale(adapters.model, 0.0), "factor is 0.0, expected a finite number other than 0"),
        (lambda: scale(adapters.model, float("inf")), "factor is inf"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
        assert adapters.in_use == "first"
        assert adapters.names == ["first", "second", "third"]
        assert torch.equal(adapters.model(problem.x), before)


def test_a_merged_adapter_is_not_scaled(adapters: Adapters) -> None:
    merge(adapters.model)
    with pytest.raises(ValueError, match="the adapter is merged; unmerge it first"):
        scale(adapters.model, 2.0)


def test_dora_is_neither_scaled_nor_added(problem: Problem) -> None:
    adapters = Adapters(problem.model)
    adapters.add("dora", AdapterConfig(method="dora", rank=1))
    for call in (lambda: scale(problem.model, 2.0), lambda: adapters.combine("sum", {"dora": 1.0})):
        with pytest.raises(ValueError, match="0 is of method 'dora', whose ΔW is not of the form γ B A"):
            call()


def test_a_model_with_an_adapter_of_its_own_is_refused(problem: Problem) -> None:
    attach(problem.model, AdapterConfig(rank=1))
    with pytest.raises(ValueError, match="an adapter is attached already"):
        Adapters(problem.model)


def test_none_yet() -> None:
    with pytest.raises(ValueError, match="no adapter 'a', expected one of: none yet"):
        Adapters(nn.Sequential(nn.Linear(2, 2))).use("a")


# Ranks of their own


def test_ranks_follow_the_first_name_that_fits(problem: Problem) -> None:
    model = nn.ModuleDict({"up": nn.Linear(6, 6), "block": nn.ModuleDict({"up": nn.Linear(6, 6)})})
    attach(model, AdapterConfig(rank=2, alpha=4), ranks={"block.up": 5, "up": 3})
    layers = adapted_layers(model)
    assert {name: (layer.rank, layer.scale) for name, layer in layers.items()} == {
        "up": (3, 4 / 3),
        "block.up": (5, 4 / 5),
    }


@pytest.mark.parametrize(
    ("ranks", "message"),
    [
        ({"2": 5}, r"rank is 5, expected 1 to 4 for 2 of shape \(4, 8\)"),
        ({"head": 1}, "no module matches 'head'; linear modules are: 0, 2"),
        ({"0": 0}, "rank is 0"),
    ],
)
def test_ranks_that_cannot_be_are_refused(ranks: dict[str, int], message: str, problem: Problem) -> None:
    with pytest.raises(ValueError, match=message):
        attach(problem.model, AdapterConfig(rank=2), ranks=ranks)
    assert all(p.requires_grad for p in problem.model.parameters())
