"""A sweep from its first word to its last: the curves of lone runs, told as they grow."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from lab.runs.config import TrainConfig
from lab.runs.defaults import default
from lab.runs.fine_tune import fine_tune
from lab.sweep import sweep
from lab.sweep.batch import Batch
from lab.sweep.plan import FORMS
from lab.sweep.run import _Sweep
from lora_core import AdapterConfig
from tests.lab.sweep.common import FASHION, grid, last

F64 = torch.float64
CPU = torch.device("cpu")
PYTHON = replace(default("gpt-en", "python"), steps=4, batch=2, yardstick=False)


@pytest.mark.parametrize("config", [FASHION, PYTHON], ids=["mlp", "gpt"])
def test_a_sweep_tells_the_curves_that_fine_tune_tells(config: TrainConfig) -> None:
    configs = [*grid(config, (1, 4), (1e-3,), (0, 1))[:3], replace(config, adapter=None, lr=5e-4)]
    assert config.adapter is not None
    configs += [replace(config, adapter=replace(config.adapter, method=method), lr=5e-4) for method in FORMS]
    for curve in last(configs).curves:
        *_, lone = fine_tune(curve.config, split="validation", every=math.inf)
        assert curve.steps == [point.step for point in lone.history]
        assert curve.validation == pytest.approx([point.run_validation for point in lone.history], abs=2e-3)
        assert curve.train[0] is None
        assert curve.train[1:] == pytest.approx([point.run_train for point in lone.history[1:]], abs=2e-3)
        *_, tested = fine_tune(curve.config, every=math.inf)
        assert curve.test_loss == pytest.approx(tested.run.validation_loss, abs=2e-3)
        assert (curve.test_accuracy, tested.run.accuracy) == (
            None,
            None,
        ) or curve.test_accuracy == pytest.approx(tested.run.accuracy, abs=0.01)


def test_how_the_work_is_cut_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = grid(FASHION, (1, 2, 16), (1e-3, 2e-3), (0, 1))
    at_once = last(configs, dtype=F64).curves
    monkeypatch.setattr("lab.sweep.run.at_once", lambda *_: 1)
    assert all(len(places) == 1 for places in _Sweep(configs, CPU, F64).batches())
    for one, two in zip(at_once, last(configs, dtype=F64).curves, strict=True):
        assert one.config == two.config
        assert one.validation == pytest.approx(two.validation, abs=1e-12)


def test_it_tells_as_it_goes_and_stops_between_steps() -> None:
    configs = grid(FASHION, (1, 4), (1e-3,))
    told = list(sweep(configs, every=0.0))
    assert [snapshot.state for snapshot in told] == ["running"] * (len(told) - 1) + ["done"]
    assert told[0].done == 0.0
    assert told[-1].done == 1.0
    assert all(one.done <= two.done for one, two in pairwise(told))
    assert len(told) > FASHION.steps
    assert [len(curve.steps) for curve in told[0].curves] == [0, 0]

    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    end = last(configs, stop=stop)
    assert end.state == "stopped"
    assert 0 < end.done < 1
    for curve in end.curves:
        assert curve.state == "stopped"
        assert curve.validation
        assert curve.test_loss is None


def test_a_run_that_diverges_ends_its_curve_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    step, steps = Batch.step, []

    def fails_at_the_third(batch: Batch, *data: Tensor) -> Tensor:
        losses = step(batch, *data)
        steps.append(losses)
        return losses * torch.tensor([math.nan, 1.0]) if len(steps) == 3 else losses

    monkeypatch.setattr(Batch, "step", fails_at_the_third)
    wild, calm = last([FASHION, replace(FASHION, lr=1e-3)], points=range(FASHION.steps)).curves
    assert (wild.state, wild.steps, wild.test_loss) == ("diverged", [0, 1, 2], None)
    assert (calm.state, calm.steps[-1]) == ("done", FASHION.steps)


def test_points_are_where_they_are_asked_for() -> None:
    (curve,) = last([FASHION], points=(0, 3)).curves
    assert curve.steps == [0, 3, FASHION.steps]


def test_configurations_that_disagree_are_refused() -> None:
    for name, value in (("batch", 2), ("steps", 3), ("task", "rotated")):
        with pytest.raises(ValueError, match=f"agree in {name}"):
            next(sweep([FASHION, replace(FASHION, **{name: value})]))
    with pytest.raises(ValueError, match="no configuration"):
        next(sweep([]))
    with pytest.raises(ValueError, match="rank is 64"):
        next(sweep(grid(replace(FASHION, adapter=AdapterConfig()), (64,), (1e-3,))))
