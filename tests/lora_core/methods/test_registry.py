"""A tenth method is one file: a toy one, defined here alone, does all that the library's own do."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor, nn

from lora_core import AdapterConfig, delta_weights, detach, load_adapter, merge, save_adapter, unmerge
from lora_core.compose import Adapters
from lora_core.config import METHODS, ConfigError
from lora_core.linear import LoRALinear
from lora_core.methods import method, names, register, unregister
from lora_core.methods.lora import LoRA
from lora_core.planning.method_cost import MethodCost, Shape, method_cost
from tests.lora_core.methods.common import Problem, disturb, layers


class Gated(LoRA):
    """ΔW = γ B A diag(g) with a gate g (d_in,) that starts at 1, γ = α/√r, and an optimiser of its own."""

    name = "gated"
    parts = ("A", "B", "g")
    form = None
    alone = "its gate is of this test"
    rank_stabilised = True

    def start(self, layer: LoRALinear, generator: torch.Generator | None, gradient: Tensor | None) -> None:
        super().start(layer, generator, gradient)
        layer.g = nn.Parameter(layer.A.new_ones(layer.in_features))

    def factors(self, layer: LoRALinear) -> tuple[Tensor, Tensor]:
        return layer.A * layer.g, layer.B

    def load(self, layer: LoRALinear, tensors: Mapping[str, Tensor]) -> None:
        super().load(layer, tensors)
        layer.g.fill_(1)

    def optimizer(
        self,
        layers: Mapping[str, LoRALinear],
        config: AdapterConfig,
        *,
        lr: float,
        steps: int | None = None,
        **options: Any,
    ) -> torch.optim.Optimizer:
        return torch.optim.SGD([p for layer in layers.values() for p in (layer.A, layer.B, layer.g)], lr=lr)

    def cost(self, plain: MethodCost, shapes: Sequence[Shape], *, rank: int, rows: int) -> MethodCost:
        return replace(plain, trained=plain.trained + sum(d_in for _, d_in in shapes), optimizer_bytes=0)

    def entries(self, layers: Mapping[str, LoRALinear]) -> dict[str, Any]:
        return {"gated": True}

    def wrote(self, entries: Mapping[str, Any]) -> bool:
        return bool(entries.get("gated"))


CONFIG = AdapterConfig("lora", rank=3, alpha=5)


@pytest.fixture
def config() -> Iterator[AdapterConfig]:
    register(Gated())
    yield replace(CONFIG, method="gated")
    unregister("gated")


def trained(problem: Problem, config: AdapterConfig, generator: torch.Generator) -> nn.Module:
    model = problem.attached(config, generator)
    disturb(model, generator)
    return model


def test_names_come_from_the_registry(config: AdapterConfig) -> None:
    assert (*METHODS, "gated") == names()
    assert AdapterConfig.from_json(config.to_json()) == config
    assert config.gamma == 5 / 3**0.5
    with pytest.raises(ValueError, match="method 'gated' is registered already, expected a new name"):
        register(Gated())


def test_what_is_forgotten_is_no_method() -> None:
    with pytest.raises(ConfigError, match="method is 'gated', expected one of: lora, "):
        AdapterConfig("gated")


def test_it_trains_merges_and_comes_off(
    config: AdapterConfig, problem: Problem, generator: torch.Generator
) -> None:
    from lora_core import optimizer_for

    model = problem.attached(config, generator)
    assert torch.equal(model(problem.x), problem.model(problem.x))
    optimizer = optimizer_for(model, config, lr=0.05)
    assert isinstance(optimizer, torch.optim.SGD)
    found = problem.losses(model, optimizer)
    assert found[-1] < 0.9 * found[0]
    layer = layers(model)["0"]
    assert not torch.equal(layer.g, torch.ones_like(layer.g))
    torch.testing.assert_close(
        delta_weights(model)["0"], (5 / 3**0.5 * layer.B @ layer.A @ torch.diag(layer.g)).detach()
    )
    before = model(problem.x)
    torch.testing.assert_close(merge(model)(problem.x), before)
    assert torch.equal(unmerge(model)(problem.x), before)
    assert torch.equal(detach(model)(problem.x), problem.model(problem.x))


def test_it_is_saved_and_loaded(config: AdapterConfig, tmp_path: Path, generator: torch.Generator) -> None:
    problem = Problem(generator, torch.float32)
    model = trained(problem, config, generator)
    save_adapter(model, tmp_path)
    again = load_adapter(copy.deepcopy(problem.model), tmp_path)
    assert layers(again)["0"].method is method("gated")
    torch.testing.assert_close(again(problem.x), model(problem.x))
    with pytest.warns(UserWarning, match="gated"):  # PEFT names the entry that it does not know
        theirs = PeftModel.from_pretrained(copy.deepcopy(problem.model), tmp_path)
    torch.testing.assert_close(theirs(problem.x), model(problem.x), rtol=1e-5, atol=1e-6)


def test_its_cost_is_counted_and_it_stands_beside_others(
    config: AdapterConfig, problem: Problem, generator: torch.Generator
) -> None:
    shapes = {"0": (8, 6), "2": (4, 8)}
    model = problem.attached(config, generator)
    counted = method_cost("gated", shapes, list(shapes), rank=3, rows=2)
    assert counted.trained == sum(p.numel() for p in model.parameters() if p.requires_grad)
    detach(model)
    adapters = Adapters(model)
    adapters.add("one", config)
    adapters.add("two", AdapterConfig(rank=2))
    adapters.combine("both", {"one": 1.0, "two": 0.5})
    assert adapters.in_use == "both"


def test_copies_are_of_the_registered_method(
    config: AdapterConfig, problem: Problem, generator: torch.Generator
) -> None:
    model = trained(problem, config, generator)
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301  our own bytes
        assert layers(copied)["0"].method is method("gated")
        assert torch.equal(copied(problem.x), model(problem.x))


def test_a_sweep_says_why_it_is_alone(config: AdapterConfig) -> None:
    from lab.sweep.plan import Kind

    with pytest.raises(ValueError, match="method is 'gated', and its gate is of this test"):
        Kind.of(config, 0)


def test_names_forms_and_costs_need_no_torch() -> None:
    code = (
        "import sys\n"
        "from lora_core.config import METHODS, AdapterConfig\n"
        "from lora_core.methods import method\n"
        "from lora_core.planning.method_cost import method_cost\n"
        "for name in METHODS:\n"
        "    assert method(name).form or method(name).alone\n"
        "    assert AdapterConfig(name).gamma\n"
        "    assert method_cost(name, {'a': (4, 6)}, ['a'], rank=2, rows=1).trained\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
