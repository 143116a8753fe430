"""What is shipped is what the records say: every loss is measured again."""

import json
from dataclasses import asdict
from typing import Any

import pytest
from torch import nn

from lab.bases.models import CHECKPOINTS, load_base
from lab.bases.registry import BASES
from lab.bases.tasks import evaluate, load_task
from lab.bases.tenants import BASE, TENANTS, file_bytes, saved
from lab.data.checkpoints import build, tenants
from lab.runs.config import TrainConfig
from lora_core import load_adapter

RETRAINED = [(rule, rank) for rule in build.RULES for rank in build.RANKS]


def read(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHECKPOINTS / path).read_text())
    return found


def retrained(rule: str, rank: int) -> str:
    return f"retrain/{build.RULES[rule][0]}-r{rank}"


@pytest.mark.parametrize("name", BASES)
def test_each_base_is_as_good_as_recorded(name: str) -> None:
    record = read(f"{name}.json")
    model = load_base(name)
    for source, examples in build.held_out(name, build.PRETRAINED[name]).items():
        assert evaluate(model, examples)[0] == pytest.approx(record["loss"][source], abs=1e-3)
    assert record["recipe"]["steps"] == build.PRETRAINED[name].steps


def test_the_bases_know_what_they_were_taught() -> None:
    assert read("gpt-en.json")["loss"]["shakespeare"] < 1.9
    assert read("gpt-en-th.json")["loss"]["shakespeare"] < 1.9
    assert read("gpt-en-th.json")["loss"]["thai-titles"] < 2.7
    assert read("mlp-mnist.json")["accuracy"] > 0.955


@pytest.mark.parametrize(("rule", "rank"), RETRAINED)
def test_each_retrained_adapter_is_as_good_as_recorded(rule: str, rank: int) -> None:
    record = read(f"{retrained(rule, rank)}/record.json")
    config = TrainConfig.from_json(record["recipe"])
    assert config.adapter is not None
    assert (config.adapter.gamma_rule, config.adapter.rank) == (rule, rank)
    assert config.adapter.alpha == (2.0 if rule == "constant" else 32.0)
    assert config.steps >= 300
    model: nn.Module = load_adapter(load_base(config.base), CHECKPOINTS / retrained(rule, rank))
    loss, _ = evaluate(model, load_task(config.task).examples("validation"))
    assert loss == pytest.approx(record["validation_loss"], abs=1e-3)


@pytest.mark.parametrize("name", TENANTS)
def test_each_tenant_is_as_good_as_recorded_and_better_than_the_base(name: str) -> None:
    record, tenant = read(f"tenants/{name}/record.json"), TENANTS[name]
    assert record["recipe"] == asdict(tenant)
    examples = tenants.held_out(tenant)
    before, _ = evaluate(load_base(BASE), examples)
    after, _ = evaluate(load_adapter(load_base(BASE), tenant.folder), examples)
    assert before == pytest.approx(record["base_loss"], abs=1e-3)
    assert after == pytest.approx(record["validation_loss"], abs=1e-3)
    assert after < before - 0.015


def test_the_tenants_differ_in_rank_and_are_small() -> None:
    assert len(TENANTS) >= 6
    assert len({tenant.rank for tenant in TENANTS.values()}) >= 4
    for name, tenant in TENANTS.items():
        assert saved(name).config.rank == tenant.rank
        assert 1000 < file_bytes(name) < 200_000


def test_more_rank_fits_better_when_the_scale_is_alpha_over_r() -> None:
    losses = [read(f"{retrained('alpha/r', rank)}/record.json")["validation_loss"] for rank in build.RANKS]
    assert losses[0] - losses[3] > 0.1
    assert losses[3] - losses[5] > 0


def test_every_record_says_how_to_make_it_again() -> None:
    records = sorted(CHECKPOINTS.rglob("*.json"))
    records = [path for path in records if path.name != "adapter_config.json"]
    kinds = (
        BASES,
        [task for base in BASES.values() for task in base.lessons],
        build.OWN_RATES,
        RETRAINED,
        TENANTS,
        ["starts"],
    )
    assert len([path for path in records if path.parent.name != "firsts"]) == sum(map(len, kinds))
    for path in records:
        record = json.loads(path.read_text())
        # The bytes of a record stay as they were written, when the builder stood in the library.
        assert record["command"].startswith("python -m lora_core.checkpoints.build")
        assert record["versions"].keys() == {"python", "torch", "numpy"}
        assert {"date", "recipe", "seconds"} <= record.keys()


def test_the_schedule_warms_up_and_comes_down() -> None:
    factors = [build.schedule(step, 1000) for step in range(1000)]
    assert factors[0] == pytest.approx(1 / build.WARM_UP, rel=1e-3)
    assert max(factors) == pytest.approx(factors[build.WARM_UP - 1], rel=0.01)
    assert factors[-1] == pytest.approx(0.05, abs=1e-3)
