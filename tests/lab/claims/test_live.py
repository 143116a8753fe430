"""Experiments that run: the quick run of each, and one condition and seed of each record once more."""

import json
import time
from pathlib import Path
from statistics import mean, stdev

import pytest

from lab.claims import NAMES, ExperimentConfig, Update, live, load, read
from lab.claims.__main__ import main

SMALL = ("c07_invariance", "early_curves")  # quick runs of a few seconds, with every `make test`
WORK = 60  # seconds of one thread that a quick run may take

# A cheap condition of each record, and a seed.
CHEAP = {
    "c01_capacity": ("memory/r4", 4),
    "c02_learning_rate": ("pictures/alpha=4", 2),
    "c03_rank": ("pictures/alpha/r:r8", 3),
    "c04_layers": ("all", 1),
    "c05_batch": ("pictures/examples/r32:b64", 0),
    "c06_reinforcement": ("rotated/r1", 1),
    "c08_warmup": ("norm_b", 3),
    "c10_bits": ("first/r2/n256", 2),
    "c11_kernel": ("all/r4", 7),
    "c12_forgetting": ("new/r4", 4),
    "early_curves": ("r16", 2),
    "methods_race": ("dora/50", 5),
}


def sized(names: tuple[str, ...]) -> list[object]:
    return [name if name in SMALL else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", sized(NAMES))
def test_the_quick_run_is_quick_and_points_the_way_of_the_record(name: str) -> None:
    record, started = read(name), time.process_time()
    assert record
    updates: list[Update] = list(live(ExperimentConfig(name)))
    seconds = time.process_time() - started
    assert seconds < WORK
    assert updates[-1].done == pytest.approx(1)
    assert [update.done for update in updates] == sorted(update.done for update in updates)
    experiment, result = load(name), updates[-1].result
    assert list(result.per_seed) == experiment.conditions(experiment.quick)
    found = experiment.verdict(result).outcome
    assert (found == "does_not") == (record.verdict.outcome == "does_not"), found


@pytest.mark.parametrize("name", CHEAP)
def test_one_condition_and_seed_again_gives_its_stored_value(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record, (condition, seed) = read(name), CHEAP[name]
    assert record
    output = tmp_path / "again.json"
    main(["run", name, "--condition", condition, "--seed", str(seed), "--output", str(output)])
    stored = record.result.per_seed[condition][record.seeds.index(seed)]
    assert f"stored: {stored:.5g}" in capsys.readouterr().out
    found = json.loads(output.read_text("utf-8"))["per_seed"]
    # Another processor rounds otherwise, and a long run makes of that what another seed would: one more draw.
    seeds = record.result.per_seed[condition]
    assert found == {condition: [pytest.approx(mean(seeds), rel=1e-3, abs=4 * stdev(seeds))]}


def test_a_live_run_with_another_setting_leaves_the_recorded_rates() -> None:
    config = ExperimentConfig("c02_learning_rate", {"alpha": 0.25})
    first = next(live(config))
    assert not first.result.chosen
