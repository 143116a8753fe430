from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import AdaLoraConfig, PeftModel, get_peft_model
from peft.tuners.adalora.layer import RankAllocator
from safetensors.torch import load_file
from torch import Tensor, nn

from lora_core import AdapterConfig, attach, delta_weights, load_adapter, optimizer_for, save_adapter
from lora_core.formats.peft import CONFIG_FILE, TENSOR_FILE
from lora_core.linear import LoRALinear
from lora_core.methods.adalora import METHOD, budget, penalty
from tests.lora_core.methods.common import LAYERS, Problem, disturb, layers

CONFIG = AdapterConfig(method="adalora", rank=4, alpha=5)
SCHEDULE = {"warmup": 4, "final": 5, "target": 2}


class WithLoss(nn.Module):
    """What PEFT adds its penalty to: a model that answers with its own loss."""

    def __init__(self, model: nn.Module, y: Tensor) -> None:
        super().__init__()
        self.model, self.y = model, y

    def forward(self, x: Tensor) -> SimpleNamespace:
        return SimpleNamespace(loss=(self.model(x) - self.y).square().mean())


def theirs(problem: Problem, every: int = 1, target: int = 2) -> Any:
    config = AdaLoraConfig(
        init_r=4,
        target_r=target,
        lora_alpha=5,
        target_modules=[f"model.{name}" for name in LAYERS],
        tinit=SCHEDULE["warmup"],
        tfinal=SCHEDULE["final"],
        deltaT=every,
        total_step=20,
    )
    wrapped = WithLoss(copy.deepcopy(problem.model), problem.y)
    return get_peft_model(wrapped, config, autocast_adapter_dtype=False)


def trained_by_peft(model: nn.Module) -> list[nn.Parameter]:
    """Without `ranknum`, the r of s = α / (r + 1e-5): PEFT 0.21 lets it train, and does not save it."""
    return [p for name, p in model.named_parameters() if p.requires_grad and "ranknum" not in name]


def own_layers(model: nn.Module) -> list[LoRALinear]:
    return [layer for layer in layers(model).values() if layer.method is METHOD]


@pytest.mark.parametrize("every", [1, 3])
def test_twenty_steps_are_pefts(every: int, problem: Problem, generator: torch.Generator) -> None:
    """Losses, the penalty, and which triplets are cut at each step."""
    ours, peft = problem.attached(CONFIG, generator), theirs(problem, every)
    pairs = []
    for name in LAYERS:
        layer, other = layers(ours)[name], peft.get_submodule(f"base_model.model.model.{name}")
        with torch.no_grad():
            other.lora_A["default"].copy_(layer.A)
            other.lora_B["default"].copy_(layer.B)
        assert not other.lora_E["default"].any()
        pairs.append((layer, other))
    optimizer = optimizer_for(ours, CONFIG, lr=0.03, steps=20, every=every, **SCHEDULE)
    adamw = torch.optim.AdamW(trained_by_peft(peft), lr=0.03, weight_decay=0.0)
    counts = []
    for step in range(1, 21):
        optimizer.zero_grad()
        loss = problem.loss(ours)
        with torch.no_grad():
            whole = loss + 0.5 * penalty(own_layers(ours))
        loss.backward()
        optimizer.step()

        adamw.zero_grad()
        expected = peft.base_model(problem.x).loss  # PEFT adds the penalty there
        expected.backward()
        adamw.step()
        peft.base_model.update_and_allocate(step)

        assert whole.item() == pytest.approx(expected.item(), rel=1e-9)
        for layer, other in pairs:
            torch.testing.assert_close(layer.E, other.lora_E["default"], rtol=1e-7, atol=1e-12)
        counts.append(sum(int((layer.E != 0).sum()) for layer, _ in pairs))
    assert counts[:4] == [8, 8, 8, 8]
    assert counts[-6:] == [4] * 6
    torch.testing.assert_close(problem.loss(ours), peft(problem.x).loss)


@pytest.mark.parametrize(("warmup", "final", "steps"), [(0, 0, 10), (3, 4, 20), (7, 0, 9), (0, 9, 11)])
def test_the_budget_is_pefts_point_by_point(warmup: int, final: int, steps: int) -> None:
    config = SimpleNamespace(tinit=warmup, tfinal=final, total_step=steps, deltaT=1)
    peer = SimpleNamespace(peft_config=config, init_bgt=48, target_bgt=17)
    for t in range(1, steps + 5):
        expected, _ = RankAllocator.budget_schedule(peer, t)
        assert budget(t, 48, 17, steps - final, warmup) == expected


def test_the_budget_by_hand() -> None:
    """From 100 to 20 between steps 2 and 6: 20 + 80 (3/4)³, (2/4)³, (1/4)³."""
    assert [budget(t, 100, 20, 6, 2) for t in range(1, 9)] == [100, 100, 53, 30, 21, 20, 20, 20]


def test_the_penalty_by_hand() -> None:
    """A's rows (1, 0), (0, 2): A Aᵀ − I = diag(0, 3), norm 3; B = 0: norm of −I is √2; their mean."""
    layer = LoRALinear(nn.Linear(2, 2), rank=2, scale=1.0, method=METHOD)
    with torch.no_grad():
        layer.A.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        layer.B.zero_()
    assert penalty([layer]).item() == pytest.approx((3 + 2**0.5) / 2)


def test_the_penalty_pulls_towards_orthonormal_factors(problem: Problem, generator: torch.Generator) -> None:
    model = problem.attached(AdapterConfig(method="adalora", rank=3), generator)
    before = penalty(own_layers(model)).item()
    problem.losses(model, optimizer_for(model, CONFIG, lr=0.02, orthogonality=5.0), steps=200)
    assert penalty(own_layers(model)).item() < 0.1 * before


def test_a_budget_that_prunes_nothing_prunes_nothing(problem: Problem, generator: torch.Generator) -> None:
    model = problem.attached(CONFIG, generator)
    problem.losses(model, optimizer_for(model, CONFIG, lr=0.02, steps=10, target=4), steps=12)
    assert all(layer.kept.all() and layer.E.all() for layer in own_layers(model))


def test_without_steps_nothing_is_pruned(problem: Problem, generator: torch.Generator) -> None:
    model = problem.attached(CONFIG, generator)
    problem.losses(model, optimizer_for(model, CONFIG, lr=0.02), steps=12)
    assert all(layer.kept.all() and layer.E.all() for layer in own_layers(model))


def test_a_budget_of_nothing_leaves_the_base(problem: Problem, generator: torch.Generator) -> None:
    model = problem.attached(CONFIG, generator)
    problem.losses(model, optimizer_for(model, CONFIG, lr=0.02, steps=4, target=0), steps=4)
    assert torch.equal(model(problem.x), problem.model(problem.x))


def test_the_budget_is_kept_among_ties(problem: Problem, generator: torch.Generator) -> None:
    """All scores alike: PEFT's threshold would prune every triplet."""
    model = problem.attached(CONFIG, generator)
    with torch.no_grad():
        for layer in own_layers(model):
            layer.A.fill_(0.1)
            layer.B.fill_(0.1)
    problem.losses(model, optimizer_for(model, CONFIG, lr=0.02, steps=6, target=3), steps=6)
    assert sum(int(layer.kept.sum()) for layer in own_layers(model)) == 6


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_short_runs(steps: int, problem: Problem, generator: torch.Generator) -> None:
    """The defaults fit any number of steps; two thirds of the triplets are left at the end."""
    model = problem.attached(CONFIG, generator)
    problem.losses(model, optimizer_for(model, CONFIG, lr=0.02, steps=steps), steps=steps)
    assert sum(int(layer.kept.sum()) for layer in own_layers(model)) == 6


def test_a_layer_the_loss_does_not_reach_is_pruned_first(
    problem: Problem, generator: torch.Generator
) -> None:
    model = problem.attached(CONFIG, generator)
    optimizer = optimizer_for(model, CONFIG, lr=0.02, steps=6, target=2, orthogonality=0.0)
    for _ in range(6):
        optimizer.zero_grad()
        model[0](problem.x).square().sum().backward()  # type: ignore[operator,index]
        optimizer.step()
    assert [int(layer.kept.sum()) for layer in own_layers(model)] == [4, 0]


def test_step_takes_a_closure(problem: Problem, generator: torch.Generator) -> None:
    model = problem.attached(CONFIG, generator)
    optimizer = optimizer_for(model, CONFIG, lr=0.02)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = problem.loss(model)
        loss.backward()
        return loss

    assert optimizer.step(closure) == problem.loss(problem.model)
    assert layers(model)["0"].A.grad is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": 5}, "target is 5, expected 0 to 4"),
        ({"target": -1}, "target is -1, expected 0 to 4"),
        ({"warmup": 6, "final": 4}, "no step of 10 is left between 6 first and 4 last"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(
    options: dict[str, int], message: str, problem: Problem, generator: torch.Generator
) -> None:
    model = problem.attached(CONFIG, generator)
    with pytest.raises(ValueError, match=message):
        optimizer_for(model, CONFIG, lr=1e-2, steps=10, **options)


# Files


def pruned(problem: Problem, generator: torch.Generator) -> nn.Module:
    model = problem.attached(CONFIG, generator)
    optimizer = optimizer_for(model, CONFIG, lr=0.03, steps=12, target=1)
    problem.losses(model, optimizer, steps=12)
    return model


def test_a_pruned_adapter_is_saved_and_peft_reads_it(tmp_path: Path, generator: torch.Generator) -> None:
    problem = Problem(generator, torch.float32)
    model = pruned(problem, generator)
    assert sum(int((layer.E != 0).sum()) for layer in own_layers(model)) == 2
    save_adapter(model, tmp_path)
    entries = json.loads((tmp_path / CONFIG_FILE).read_text())
    assert (entries["peft_type"], entries["init_r"], entries["lora_alpha"]) == ("ADALORA", 4, 5)
    peft = PeftModel.from_pretrained(copy.deepcopy(problem.model), tmp_path).eval()
    torch.testing.assert_close(peft(problem.x), model(problem.x), rtol=1e-5, atol=1e-6)
    ours = load_adapter(copy.deepcopy(problem.model), tmp_path)
    assert torch.equal(ours(problem.x), model(problem.x))


@pytest.mark.parametrize("prune", [False, True])
def test_what_peft_saves_we_load_and_save_again(
    prune: bool, tmp_path: Path, generator: torch.Generator
) -> None:
    problem = Problem(generator, torch.float32)
    peft = theirs(problem, target=1)
    disturb(peft, generator)
    adamw = torch.optim.AdamW(trained_by_peft(peft), lr=0.03)
    for step in range(1, 21 if prune else 3):
        peft(problem.x).loss.backward()
        adamw.step()
        peft.base_model.update_and_allocate(step)
    with warnings.catch_warnings(action="ignore"):  # PEFT warns of triplets that it left out itself
        peft.save_pretrained(tmp_path / "theirs")
    ours = load_adapter(nn.ModuleDict({"model": copy.deepcopy(problem.model)}), tmp_path / "theirs")
    expected = peft.base_model.model.model(problem.x)
    torch.testing.assert_close(ours["model"](problem.x), expected, rtol=1e-5, atol=1e-6)
    assert (sum(int(layer.kept.sum()) for layer in own_layers(ours)) == 2) == prune
    saved = load_file(tmp_path / "theirs" / TENSOR_FILE)
    assert sum(len(saved[f"base_model.model.model.{name}.lora_E"]) for name in LAYERS) == (2 if prune else 8)
    save_adapter(ours, tmp_path / "ours")
    again = PeftModel.from_pretrained(
        nn.ModuleDict({"model": copy.deepcopy(problem.model)}), tmp_path / "ours"
    )
    torch.testing.assert_close(again.eval().model["model"](problem.x), expected, rtol=1e-5, atol=1e-6)


def spoilt(folder: Path, **entries: Any) -> None:
    path = folder / CONFIG_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ({}, "rank_pattern has None for 0, expected a list of true and false"),
        (
            {"0.lora_E": [1, 0], "2.lora_E": [1]},
            r"rank_pattern has \[1, 0\] for 0",
        ),
        ({"0.lora_E": [True], "2.lora_E": [True]}, "but rank_pattern keeps 1"),
        (
            {"0.lora_E": [True] * 4, "2.lora_E": [True] * 4 + [False]},
            r"has shape \(5, 8\), expected \(4, 8\)",
        ),
        ([True], "rank_pattern is"),
    ],
)
def test_a_pattern_that_does_not_fit_is_refused(
    pattern: Any, message: str, problem: Problem, tmp_path: Path, generator: torch.Generator
) -> None:
    save_adapter(problem.attached(CONFIG, generator), tmp_path)
    spoilt(tmp_path, rank_pattern=pattern)
    with pytest.raises(ValueError, match=message):
        load_adapter(problem.model, tmp_path)
    attach(problem.model, CONFIG)  # nothing was changed


def test_files_have_one_rank(problem: Problem, tmp_path: Path) -> None:
    attach(problem.model, CONFIG, ranks={"2": 2})
    with pytest.raises(
        ValueError, match=r"ranks and α are \[\(2, 5.0\), \(4, 5.0\)\], but PEFT's AdaLoRA has one"
    ):
        save_adapter(problem.model, tmp_path)


def test_delta_uses_e(problem: Problem, generator: torch.Generator) -> None:
    model = problem.attached(CONFIG, generator)
    disturb(model, generator)
    layer = own_layers(model)[0]
    with torch.no_grad():
        layer.E[1:] = 0
    one = 5 / (4 + 1e-5) * layer.E[0] * torch.outer(layer.B[:, 0], layer.A[0])
    torch.testing.assert_close(delta_weights(model)["0"], one.detach())
