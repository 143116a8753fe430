"""Fine-tuning: it learns, it repeats, it stops where it is told, and it says what is true."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from lab.bases.models import GPT, load_base
from lab.bases.registry import BASES, lesson
from lab.bases.tasks import TextTask, evaluate, load_task, sample
from lab.runs.config import TrainConfig
from lab.runs.defaults import default
from lab.runs.fine_tune import (
    PICTURES,
    Snapshot,
    evaluation_steps,
    fine_tune,
    pick_device,
    singular_values,
)
from lab.runs.snapshot import Measure, Point
from lora_core import load_adapter
from lora_core.config import METHODS

FASHION = replace(default("mlp-mnist", "fashion"), steps=30)
PYTHON = replace(default("gpt-en", "python"), steps=6)


def run(config: TrainConfig, **options: object) -> list[Snapshot]:
    return list(fine_tune(config, **{"every": 0.0, **options}))  # type: ignore[arg-type]


def adapted(config: TrainConfig, **changes: object) -> TrainConfig:
    assert config.adapter is not None
    return replace(config, adapter=replace(config.adapter, **changes))  # type: ignore[arg-type]


def loss(measure: Measure | None) -> float:
    assert measure is not None
    assert measure.validation_loss is not None
    return measure.validation_loss


def same(first: Snapshot, second: Snapshot) -> bool:
    """Equal bit for bit in all but what the clock says."""
    clockless = [replace(each, seconds=0.0, steps_per_second=0.0) for each in (first, second)]
    arrays = [each.arrays for each in (first, second)]
    equal = all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0])
    return clockless[0] == clockless[1] and arrays[0].keys() == arrays[1].keys() and equal


@pytest.fixture(autouse=True)
def _text_in_every_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn depends on the weights alone; when it is drawn depends on the clock."""
    monkeypatch.setattr("lab.runs.fine_tune.SAMPLE_EVERY", 0.0)


# Learning


@pytest.mark.parametrize(
    ("base", "task", "steps", "margin"),
    [
        ("gpt-en", "python", 60, 0.9),
        ("gpt-en-th", "thai-names", 40, 0.2),
        ("gpt-en-th", "english-names", 40, 0.9),
        ("mlp-mnist", "fashion", 150, 5.0),
        ("mlp-mnist", "rotated", 150, 1.5),
    ],
)
def test_the_loss_falls(base: str, task: str, steps: int, margin: float) -> None:
    first, *_, last = run(replace(default(base, task), steps=steps), every=math.inf)
    for before, after in ((first.run, last.run), (first.yardstick, last.yardstick)):
        assert loss(after) < loss(before) - margin


def test_accuracy_rises_with_what_the_run_says_of_the_pictures() -> None:
    first, *_, last = run(replace(FASHION, steps=200), every=math.inf)
    accuracy = [each.run.accuracy or 0.0 for each in (first, last)]
    assert accuracy[0] < 0.3 < 0.7 < accuracy[1]
    labels = first.arrays["labels"]
    right = [np.mean(np.array(each.run.predictions) == labels) for each in (first, last)]
    assert right[1] > right[0] + 0.3


def test_a_new_alphabet_stalls_behind_frozen_embeddings_and_not_with_them() -> None:
    config = replace(default("gpt-en", "thai"), steps=40)
    *_, frozen = run(replace(config, yardstick=False), every=math.inf)
    whole = replace(config, adapter=None, targets=BASES["gpt-en"].everything, lr=6e-3, yardstick=False)
    *_, free = run(whole, every=math.inf)
    assert loss(frozen.run) > 4.2
    assert loss(free.run) < loss(frozen.run) - 0.5
    assert "run.delta.embed" in free.arrays


# The same seed


@pytest.mark.parametrize("config", [FASHION, PYTHON, replace(FASHION, adapter=None, targets="blocks")])
def test_the_same_seed_gives_the_same_run(config: TrainConfig) -> None:
    first, second = run(config), run(config)
    assert len(first) == len(second)
    assert all(map(same, first, second))


def test_another_seed_gives_another_run() -> None:
    assert not same(run(FASHION)[-1], run(replace(FASHION, seed=1))[-1])


def test_how_often_it_is_told_changes_nothing() -> None:
    assert same(run(FASHION, every=0.0)[-1], run(FASHION, every=math.inf)[-1])


def test_dropout_repeats_and_leaves_the_global_generator_alone() -> None:
    config = adapted(FASHION, dropout=0.5)
    state = torch.get_rng_state()
    first, second = run(config)[-1], run(config)[-1]
    assert torch.equal(torch.get_rng_state(), state)
    assert same(first, second)
    assert first.run.validation_loss != run(FASHION)[-1].run.validation_loss


# The yardstick


def test_both_models_see_the_same_batches() -> None:
    """Before the first update they are the same model, so equal losses mean an equal batch."""
    last = run(replace(FASHION, steps=1))[-1]
    assert last.yardstick is not None
    assert last.run.train_loss == last.yardstick.train_loss


def test_the_yardstick_is_full_fine_tuning_at_its_own_rate() -> None:
    lr = lesson(FASHION.base, FASHION.task).full_lr
    full = run(replace(FASHION, adapter=None, targets=FASHION.targets, lr=lr, yardstick=False))[-1]
    beside = run(FASHION)[-1]
    assert full.yardstick is None
    assert beside.yardstick == full.run
    for name in BASES[FASHION.base].layers:
        if name != "head":
            yardstick = beside.arrays[f"yardstick.delta.{name}"]
            np.testing.assert_array_equal(yardstick, full.arrays[f"run.delta.{name}"])


def test_the_yardstick_does_not_touch_the_run() -> None:
    alone, beside = run(replace(FASHION, yardstick=False))[-1], run(FASHION)[-1]
    assert alone.run == beside.run
    assert alone.yardstick is None


def test_the_yardstick_trains_what_the_adapter_does_and_no_embedding() -> None:
    config = adapted(PYTHON, targets=("qkv", "embed"))
    last = run(config)[-1]
    layers = {"blocks.0.attn.qkv", "blocks.1.attn.qkv"}
    assert set(last.arrays) == {f"{role}.delta.{name}" for role in ("run", "yardstick") for name in layers}


# Snapshots


def test_the_first_snapshot_is_the_base() -> None:
    first = run(PYTHON)[0]
    task, base = load_task("python"), load_base("gpt-en")
    assert isinstance(task, TextTask)
    assert isinstance(base, GPT)
    assert (first.step, first.state, first.run.train_loss) == (0, "running", None)
    assert first.run.sample == sample(base, task.prompt)
    assert first.run.validation_loss == pytest.approx(evaluate(base, task.examples("test"))[0], abs=1e-6)
    assert all(not delta.any() for delta in first.arrays.values())


def test_pictures_come_once_and_with_the_first() -> None:
    first, *rest = run(FASHION)
    assert first.arrays["images"].shape == (PICTURES, 14, 14)
    assert first.arrays["labels"].shape == (PICTURES,)
    assert all("images" not in each.arrays for each in rest)
    assert all(len(each.run.predictions or []) == PICTURES for each in (first, *rest))


def test_all_steps_are_told_when_there_is_time_and_two_when_there_is_none() -> None:
    assert [each.step for each in run(FASHION, every=0.0)] == list(range(31))
    assert [each.step for each in run(FASHION, every=math.inf)] == [0, 30]


def test_history_is_the_whole_curve() -> None:
    snapshots = run(FASHION)
    last = snapshots[-1]
    assert [point.step for point in last.history] == evaluation_steps(30)
    for each in snapshots:
        assert each.history == last.history[: len(each.history)]
        if each.run.validation_loss is not None:
            assert each.history[-1].run_validation == each.run.validation_loss
            assert each.history[-1].run_accuracy == each.run.accuracy


@pytest.mark.parametrize("steps", [1, 2, 19, 20, 200, 600, 2000])
def test_evaluation_is_dense_early_and_sparse_later(steps: int) -> None:
    points = evaluation_steps(steps)
    assert points[:2] == [0, 1]
    assert points[-1] == steps
    assert points == sorted(set(points))
    assert len(points) <= 41
    gaps = [b - a for a, b in pairwise(points)]
    assert max(gaps) <= max(1, steps // 20)


def test_spectra_are_the_singular_values_of_the_deltas() -> None:
    last = run(FASHION)[-1]
    assert FASHION.adapter is not None
    assert last.yardstick is not None
    for role, measure in (("run", last.run), ("yardstick", last.yardstick)):
        for name, values in measure.spectra.items():
            delta = last.arrays[f"{role}.delta.{name}"]
            expected = np.linalg.svd(delta.astype(np.float64), compute_uv=False)
            assert len(values) == (FASHION.adapter.rank if role == "run" else min(delta.shape))
            np.testing.assert_allclose(values, expected[: len(values)], atol=1e-6 * expected[0])
            if role == "run":
                assert expected[FASHION.adapter.rank] < 1e-5 * expected[0]


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6)])
def test_singular_values_match_numpy(shape: tuple[int, int], generator: torch.Generator) -> None:
    matrix = torch.randn(shape, generator=generator)
    expected = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    np.testing.assert_allclose(singular_values(matrix).numpy(), expected, rtol=1e-7)
    assert singular_values(torch.zeros(shape)).tolist() == [0.0] * min(shape)


def test_json_holds_everything_but_the_arrays() -> None:
    for snapshot in (*run(replace(FASHION, steps=2)), *run(replace(PYTHON, steps=1))):
        text = json.dumps(snapshot.to_json(), allow_nan=False)
        assert Snapshot.from_json(json.loads(text)) == snapshot
        assert Snapshot.from_json(json.loads(text), snapshot.arrays).arrays is snapshot.arrays


def test_a_snapshot_can_be_written_by_hand() -> None:
    measure = Measure(1.5, 2.5, spectra={"head": [2.0, 1.0]})
    snapshot = Snapshot(3, 10, 0.5, 6.0, measure, history=[Point(0, None, 4.0)])
    assert Snapshot.from_json(snapshot.to_json()) == snapshot
    assert snapshot.to_json()["run"]["spectra"] == {"head": [2.0, 1.0]}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_the_family_can_be_run(method: str, tmp_path: Path) -> None:
    config = replace(adapted(FASHION, method=method), steps=20, yardstick=False)
    first, *_, last = run(config, every=math.inf, adapter_folder=tmp_path)
    assert last.state == "done"
    assert loss(last.run) < loss(first.run) - 0.5
    assert same(last, run(config, every=math.inf)[-1])
    for name, values in last.run.spectra.items():
        delta = last.arrays[f"run.delta.{name}"].astype(np.float64)
        np.testing.assert_allclose(np.linalg.norm(values), np.linalg.norm(delta), rtol=1e-4)


# Ends


def test_it_stops_between_any_two_steps() -> None:
    for wanted in (0, 1, 7):
        asked = iter([False] * wanted + [True])
        last = run(FASHION, stop=lambda asked=asked: next(asked))[-1]
        assert (last.step, last.state, last.reason) == (wanted, "stopped", None)
        assert last.run.validation_loss is not None
        assert last.history[-1].step == wanted


def test_a_stopped_run_is_the_beginning_of_the_whole_one() -> None:
    asked = iter([False] * 8 + [True])
    stopped = run(FASHION, stop=lambda: next(asked))[-1]
    whole = next(each for each in run(FASHION) if each.step == 8)
    for name, delta in whole.arrays.items():
        np.testing.assert_array_equal(stopped.arrays[name], delta)


def test_a_run_that_explodes_says_so(tmp_path: Path) -> None:
    config = replace(FASHION)
    object.__setattr__(config, "lr", 1e18)  # beyond what a configuration allows
    *_, last = run(config, adapter_folder=tmp_path / "adapter")
    assert (last.state, last.reason) == ("diverged", "loss_not_finite")
    assert 0 < last.step < 30
    assert last.run.train_loss is None
    assert all(np.isfinite(array).all() for array in last.arrays.values())
    json.dumps(last.to_json(), allow_nan=False)
    assert not (tmp_path / "adapter").exists()


def test_a_yardstick_that_explodes_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    wild = replace(lesson(FASHION.base, FASHION.task), full_lr=1e18)
    monkeypatch.setattr("lab.runs.fine_tune.lesson", lambda base, task: wild)
    last = run(FASHION)[-1]
    assert (last.state, last.reason) == ("diverged", "yardstick_loss_not_finite")
    assert last.run.train_loss is not None


def test_the_saved_adapter_is_the_model_that_was_measured(tmp_path: Path) -> None:
    last = run(FASHION, adapter_folder=tmp_path / "adapter")[-1]
    model = load_adapter(load_base("mlp-mnist"), tmp_path / "adapter")
    examples = load_task("fashion").examples("test")
    measured, accuracy = evaluate(model, examples)
    assert measured == pytest.approx(last.run.validation_loss, abs=1e-6)
    assert accuracy == pytest.approx(last.run.accuracy, abs=0.0011)
    assert model(examples[0][:PICTURES]).argmax(1).tolist() == last.run.predictions


def test_a_stopped_run_saves_its_adapter_and_full_fine_tuning_none(tmp_path: Path) -> None:
    run(FASHION, stop=lambda: True, adapter_folder=tmp_path / "stopped")
    assert (tmp_path / "stopped" / "adapter_model.safetensors").is_file()
    run(replace(FASHION, adapter=None, targets="blocks", steps=1), adapter_folder=tmp_path / "full")
    assert not (tmp_path / "full").exists()


def test_what_attach_refuses_is_refused_at_the_first_snapshot() -> None:
    with pytest.raises(ValueError, match="no module matches"):
        next(fine_tune(adapted(FASHION, targets=("q_proj",))))
    with pytest.raises(ValueError, match="rank is 11"):
        next(fine_tune(adapted(FASHION, targets="all-linear", rank=11)))


# Devices


def test_devices_are_chosen_or_refused_with_those_that_exist() -> None:
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") in ("cuda", "mps", "cpu")
    with pytest.raises(ValueError, match=r"no device 'tpu' here; expected auto or one of: .*cpu"):
        pick_device("tpu")


def test_it_runs_on_every_device_there_is(device: torch.device) -> None:
    last = run(replace(FASHION, steps=20), device=device.type)[-1]
    here = run(replace(FASHION, steps=20))[-1]
    assert last.run.validation_loss == pytest.approx(here.run.validation_loss, rel=0.02)
