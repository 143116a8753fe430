"""The shipped bases: their records fit the models, agree with the recorded sweeps, and need no torch."""

import json
import subprocess
import sys

import pytest
from torch import nn

from lab.bases.models import CHECKPOINTS, load_base
from lab.bases.registry import BASES, lesson
from lab.runs.defaults import default
from lora_core.config import select

PAIRS = [(base, task) for base in BASES for task in BASES[base].lessons]


def test_the_server_needs_no_torch_for_them() -> None:
    code = "import sys, lab.bases.registry, lab.runs.snapshot; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
    )


@pytest.mark.parametrize("base", BASES)
def test_layers_are_those_of_the_model(base: str) -> None:
    found = {
        name: tuple(module.weight.shape)
        for name, module in load_base(base).named_modules()
        if isinstance(module, nn.Linear)
    }
    assert list(BASES[base].layers.items()) == list(found.items())


@pytest.mark.parametrize("base", BASES)
def test_each_preset_chooses_layers(base: str) -> None:
    names = BASES[base].layers
    chosen = {preset: select(names, targets) for preset, targets in BASES[base].presets.items()}
    assert chosen["all-linear"] == list(names)
    assert set(chosen["blocks"]) == set(names) - {"head"}
    assert chosen["head"] == ["head"]
    if base != "mlp-mnist":
        assert sorted(chosen["attn"] + chosen["mlp"]) == sorted(chosen["blocks"])


@pytest.mark.parametrize(("base", "task"), PAIRS)
def test_the_default_rates_are_the_best_of_the_recorded_sweep(base: str, task: str) -> None:
    config = default(base, task)
    record = json.loads((CHECKPOINTS / "records" / f"{base}--{task}.json").read_text())
    for method, rate in (("lora", config.lr), ("full", lesson(base, task).full_lr)):
        rows = record[method]["sweep"]
        means = {row["lr"]: sum(row["losses"]) / len(row["losses"]) for row in rows}
        assert rate == record[method]["best"] == min(means, key=lambda lr: means[lr])
        assert all(len(row["losses"]) == len(record["seeds"]) >= 3 for row in rows)
    told = {**config.to_json(), "yardstick": False}
    assert {**record["recipe"], "lr": config.lr} == told


@pytest.mark.parametrize("method", ["rslora", "lora+"])
def test_a_methods_own_rates_are_the_best_of_its_recorded_sweep(method: str) -> None:
    record = json.loads((CHECKPOINTS / "records" / "methods" / f"{method}.json").read_text())
    assert record["tasks"].keys() == {task for _, task in PAIRS}
    for base, task in PAIRS:
        told = record["tasks"][task]
        means = {row["lr"]: sum(row["losses"]) / len(row["losses"]) for row in told["sweep"]}
        assert lesson(base, task).rate(method) == told["best"] == min(means, key=lambda lr: means[lr])
        assert all(len(row["losses"]) == len(record["recipe"]["seeds"]) >= 3 for row in told["sweep"])
        start = default(base, task).to_json()
        adapter = {**start["adapter"], "method": method}
        assert told["recipe"] == {**start, "adapter": adapter, "yardstick": False}


def test_a_method_without_a_rate_of_its_own_takes_loras() -> None:
    assert lesson("gpt-en", "python").rate("dora") == default("gpt-en", "python").lr
    assert lesson("gpt-en", "python").rate("full") == lesson("gpt-en", "python").full_lr
    assert lesson("gpt-en", "python").rate("lora+") < default("gpt-en", "python").lr / 4


@pytest.mark.parametrize(("base", "task"), PAIRS)
def test_each_task_has_a_recipe_whose_rank_fits(base: str, task: str) -> None:
    config = default(base, task)
    assert config.adapter is not None
    shapes = BASES[base].layers
    assert config.adapter.rank <= min(min(shapes[name]) for name in select(shapes, config.targets))
    suits = lesson(base, task)
    assert len(suits.classes) == (10 if BASES[base].kind == "image" else 0)


def test_only_the_case_that_fails_carries_a_caution() -> None:
    assert {
        task: base.lessons[task].caution
        for base in BASES.values()
        for task in base.lessons
        if base.lessons[task].caution
    } == {"thai": "frozen_embeddings"}


def test_what_does_not_exist_is_refused_with_what_does() -> None:
    with pytest.raises(ValueError, match="gpt-en, gpt-en-th, mlp-mnist"):
        default("gpt-2", "python")
    with pytest.raises(ValueError, match="fashion, rotated"):
        lesson("mlp-mnist", "python")
