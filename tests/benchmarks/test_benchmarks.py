"""The benchmarks' own machinery: what is timed, what is written, and when the exit code is not zero."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

import benchmarks.__main__ as bench
from benchmarks.growth import picture
from benchmarks.measure import entry, fastest, ratios, side_by_side


def busy(loops: int) -> object:
    return sum(range(loops))


def test_the_slower_way_takes_longer_in_every_round() -> None:
    seconds = side_by_side({"long": lambda: busy(40_000), "short": lambda: busy(4_000)}, 5, turn=0.01)
    assert [len(values) for values in seconds.values()] == [5, 5]
    assert min(ratios(seconds["long"], seconds["short"])) > 3
    assert fastest({"long": lambda: busy(40_000), "short": lambda: busy(4_000)}, rounds=3) == "short"


def test_ways_take_turns() -> None:
    calls: list[str] = []
    side_by_side({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 4, turn=0.0)
    assert "".join(calls) == "aaabbb" + "ab" * 4


def test_an_entry_and_its_row() -> None:
    made = entry([3.0, 1.0, 2.0], 1.5, "higher", "why")
    assert {**made, "load": 0} == {
        "median": 2.0,
        "min": 1.0,
        "max": 3.0,
        "rounds": 3,
        "target": 1.5,
        "better": "higher",
        "notes": "why",
        "load": 0,
    }
    assert bench.line("key", made).split() == ["key", "2", "1–3", "≥1.5", "met", "why"]
    assert "missed" in bench.line("key", {**made, "better": "lower"})
    assert "m" not in bench.line("key", {**made, "target": None, "notes": ""})


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where results go, with three quick benchmarks: one misses, one fails, one has two keys."""

    def fails(rounds: int) -> dict[str, Any]:
        raise RuntimeError("broken")

    found = {
        "misses": lambda rounds: {"misses": entry([1.0] * rounds, 2.0, "higher", "")},
        "fails": fails,
        "two": lambda rounds: {name: entry([1.0] * rounds, None, "lower", "") for name in ("x", "y")},
    }
    monkeypatch.setattr(bench, "BENCHMARKS", {name: f"here:{name}" for name in found})
    real = importlib.import_module
    monkeypatch.setattr(
        importlib, "import_module", lambda name: type("Here", (), found) if name == "here" else real(name)
    )
    return tmp_path / "results.json"


def test_a_miss_is_no_error_and_single_keys_leave_the_others(output: Path) -> None:
    assert bench.main(["--only", "two", "--rounds", "2", "--output", str(output)]) == 0
    assert bench.main(["--only", "misses", "--rounds", "3", "--output", str(output)]) == 0
    results = json.loads(output.read_text())
    assert results.keys() == {"misses", "x", "y", "versions"}
    assert (results["misses"]["rounds"], results["x"]["rounds"]) == (3, 2)
    assert results["versions"].keys() >= {"torch", "peft", "python", "machine"}


def test_an_error_is_told_and_the_rest_is_measured(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--output", str(output)]) == 1
    assert json.loads(output.read_text()).keys() == {"misses", "x", "y", "versions"}
    told = capsys.readouterr()
    assert "fails" in told.out
    assert "broken" in told.err


@pytest.mark.parametrize("key", bench.BENCHMARKS)
def test_every_key_has_its_function(key: str) -> None:
    module, function = bench.BENCHMARKS[key].split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_both_sides_of_a_benchmark_agree_and_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two short ones whole: each first compares what both sides compute."""
    from benchmarks import inference, training

    single = training.single_mlp(1)["single_mlp"]
    assert single["median"] > 0
    assert "the products with W alone" in single["notes"]
    monkeypatch.setattr(inference, "REQUESTS", 4)
    assert inference._serving(3, 1.0, 1)["rounds"] == 1


def test_the_picture_is_svg_with_every_number() -> None:
    panels = {name: {1: 300.0, 64: 150.0} for name in ("by_configurations", "by_rank", "by_steps")}
    drawn = picture(panels)
    assert drawn.startswith("<svg ")
    assert drawn.count("<polyline") == 3
    assert drawn.count(">300<") == drawn.count(">150<") == 3
