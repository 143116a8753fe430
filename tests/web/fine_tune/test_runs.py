"""What can be read from a run."""

import csv
import io
from dataclasses import replace

import pytest

from lab.runs.config import TrainConfig
from lora_core.config import AdapterConfig
from tests.web.fine_tune.sample import run_of
from web.fine_tune.runs import Run, curve_csv, distinguishing, file_stem, guarded, without_yardstick


def test_a_run_tells_its_curve_its_texts_and_its_time() -> None:
    run = run_of()
    assert run.curve("run", "validation") == ([0, 4, 8], [3.5, 3.1, 2.7])
    assert run.before() == 3.5
    assert run.result("yardstick") == 2.5
    assert run.result("run", at=5) == 3.1
    assert run.behind() == pytest.approx(0.2)
    assert run.first("sample") == "abc"
    assert run.latest("run", "sample") == (4, "abc")
    assert run.latest("yardstick", "predictions") is None
    assert run.spectra("run", "head") == [(0, [0, 0.0]), (4, [4, 0.0]), (8, [8, 0.0])]
    assert (run.step, run.seconds, run.left) == (8, 4.0, (run.config.steps - 8) / 2)


def test_an_ended_run_keeps_only_what_can_be_shown() -> None:
    run = run_of()
    assert "yardstick.delta.head" in (run.view.arrays or {})
    kept = Run(1, without_yardstick(run.view))
    assert set(kept.view.arrays or {}) == {"run.delta.head"}
    assert kept.layers == ["head"]
    assert kept.delta("head") is not None
    assert without_yardstick(replace(run.view, arrays=None)).arrays is None


@pytest.mark.parametrize(
    ("state", "steps"), [("queued", 200), ("running", 200), ("done", 200), ("stopped", 8), ("failed", 8)]
)
def test_a_run_that_ended_early_is_as_long_as_the_steps_it_made(state: str, steps: int) -> None:
    run = run_of(state=state)
    assert run.steps == steps
    assert f"-{steps}-seed" in file_stem(run)


def test_a_stopped_run_is_told_from_a_whole_one_by_its_steps() -> None:
    whole, stopped = run_of(id="a"), run_of(id="b", state="stopped")
    assert distinguishing([whole, stopped], ("seed", "steps")) == {"a": ["steps"], "b": ["steps"]}


def test_twins_are_told_apart_by_what_differs() -> None:
    one = run_of(TrainConfig(seed=1), id="a")
    two = run_of(TrainConfig(seed=2, lr=1e-3), id="b")
    other = run_of(TrainConfig(adapter=AdapterConfig(rank=4), seed=3), id="c")
    assert distinguishing([one, two, other], ("lr", "seed")) == {
        "a": ["lr", "seed"],
        "b": ["lr", "seed"],
        "c": [],
    }


def test_the_curve_is_a_table_of_numbers_and_settings() -> None:
    head = ["step", "a", "b", "c", "d", "e", "f"]
    rows = list(csv.reader(io.StringIO(curve_csv(run_of(), head))))
    assert rows[0][:7] == head
    assert [row[0] for row in rows[1:]] == ["0", "4", "8"]
    assert rows[1][1:5] == ["", "2.9", "3.5", "3.5"]
    assert rows[1][rows[0].index("base")] == "gpt-en"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_a_cell_is_never_a_formula(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"
    assert guarded(f"a{cell}") == f"a{cell}"


def test_a_file_name_is_letters_digits_dots_and_hyphens() -> None:
    adapter = AdapterConfig(method="lora+", targets=("../../etc/passwd",))
    name = file_stem(run_of(TrainConfig(adapter=adapter)))
    assert name == "gpt-en-python-lora--r8-lr0.004-200-seed0"
