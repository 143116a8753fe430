"""The frame of all experiments: results and records there and back, verdicts, settings, the CLI."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.claims import (
    NAMES,
    Curve,
    Experiment,
    ExperimentConfig,
    Request,
    Result,
    Update,
    judge,
    load,
    mean,
    read,
    sd,
    write,
)
from lab.claims.__main__ import main
from lab.claims.record import made
from lora_core.config import ConfigError

RESULT = Result(
    per_seed={"a": [1.0, 2.0, 3.0], "b": [0.5, 1.0, 3.0], "broken": [1.0, None, 2.0]},
    curves={"a": Curve([0.0, 1.0], [[3.0, 1.0], [3.0, None]])},
    chosen={"a": 1e-3},
    selection={"a": Curve([1e-3, 1e-2], [[1.0, 2.0]])},
    extra={"floor": {"r1": 0.123456789}},
)


def steps(request: Request) -> Iterator[Update]:
    """Tells the recipe's numbers one after another."""
    for place, number in enumerate(request.recipe["numbers"]):
        if request.stop():
            return
        told = {name: [number * request.recipe["factor"]] for name in request.conditions}
        yield Update((place + 1) / len(request.recipe["numbers"]), Result(per_seed=told))


TOY = Experiment(
    name="c07_invariance",
    recipe={"numbers": [1.0, 2.0, 3.0], "factor": 2},
    quick={"numbers": [1.0], "factor": 2},
    conditions=lambda recipe: ["one", "other"],
    measure=steps,
    verdict=lambda result: judge(
        {"large": result.mean("one") > 5}, {"one": result.mean("one")}, central="large"
    ),
)


def test_a_result_survives_json() -> None:
    assert Result.from_json(json.loads(json.dumps(RESULT.to_json()))) == RESULT


def test_a_gap_is_paired_by_seed() -> None:
    gap, error = RESULT.gap("a", "b")
    assert gap == pytest.approx((0.5 + 1 + 0) / 3)
    assert error == pytest.approx(0.5 / math.sqrt(3))


def test_a_diverged_seed_is_not_left_out_of_a_mean() -> None:
    assert math.isnan(RESULT.mean("broken"))
    assert math.isnan(RESULT.gap("a", "broken")[0])
    assert math.isnan(sd([None, 1.0]))
    assert math.isnan(mean([]))
    assert sd([4.0]) == 0
    assert RESULT.curves["a"].mean()[0] == 3
    assert math.isnan(RESULT.curves["a"].mean()[1])


@pytest.mark.parametrize(
    ("checks", "outcome"),
    [
        ({"centre": True, "other": True}, "reproduces"),
        ({"centre": True, "other": False}, "partly"),
        ({"centre": False, "other": True}, "does_not"),
        ({"centre": False, "other": False}, "does_not"),
    ],
)
def test_the_central_check_decides(checks: dict[str, bool], outcome: str) -> None:
    assert judge(checks, {}, central="centre").outcome == outcome


def test_a_run_tells_the_first_update_and_the_last_and_waits_between() -> None:
    updates = list(TOY.run(TOY.recipe, seeds=[0], every=60.0))
    assert [update.done for update in updates] == [pytest.approx(1 / 3), 1]
    assert updates[-1].result.per_seed == {"one": [6.0], "other": [6.0]}
    assert len(list(TOY.run(TOY.recipe, seeds=[0], every=0.0))) == 3


def test_a_run_stops_when_told() -> None:
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 2

    *_, last = TOY.run(TOY.recipe, seeds=[0], stop=stop, every=0.0)
    assert last.done == pytest.approx(2 / 3)


def test_settings_go_over_the_recipe_and_conditions_are_checked() -> None:
    *_, last = TOY.run(TOY.recipe, seeds=[0], conditions=["one"], settings={"factor": 10})
    assert last.result.per_seed == {"one": [30.0]}
    with pytest.raises(ValueError, match="no condition two; conditions are: one, other"):
        list(TOY.run(TOY.recipe, seeds=[0], conditions=["two"]))


def test_a_record_survives_its_file_and_is_judged_by_what_is_in_it(tmp_path: Path) -> None:
    toy = replace(
        TOY,
        verdict=lambda result: judge({"kept": result.extra["floor"]["r1"] == 0.123457}, {}, central="kept"),
    )
    record = made(toy, RESULT, 1.25)
    path = write(record, tmp_path)
    assert read(toy.name, tmp_path) == record
    assert record.verdict.outcome == "reproduces"  # of the six digits that are stored, not of those that were
    assert record.seeds == [0, 1, 2, 3, 4]
    assert record.versions.keys() == {"python", "torch", "numpy"}
    data = json.loads(path.read_text("utf-8"))
    assert data["per_seed"]["broken"] == [1.0, None, 2.0]
    assert "deterministic" not in data
    assert read("c01_capacity", tmp_path) is None


def test_an_exact_result_says_so_and_what_is_not_finite_is_null(tmp_path: Path) -> None:
    toy = replace(TOY, seeds=())
    data = json.loads(
        write(made(toy, Result(per_seed={"one": [math.inf]}), 1.0), tmp_path).read_text("utf-8")
    )
    assert data["deterministic"] is True
    assert data["seeds"] == []
    assert data["per_seed"] == {"one": [None]}


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_is_whole(name: str) -> None:
    experiment = load(name)
    assert experiment.name == name
    assert experiment.recipe.keys() == experiment.quick.keys()
    assert len(experiment.seeds) >= 5 or experiment.deterministic
    json.dumps([experiment.recipe, experiment.quick])
    for recipe in (experiment.recipe, experiment.quick):
        names = experiment.conditions(recipe)
        assert names
        assert len(set(names)) == len(names)
    for setting in experiment.settings:
        assert setting.name in experiment.recipe
        assert setting.allows(setting.default)
        usual = experiment.changed(experiment.quick, {setting.name: setting.default})
        assert usual == experiment.quick


@pytest.mark.parametrize("name", NAMES)
def test_a_live_run_survives_json_and_a_url(name: str) -> None:
    last = {
        each.name: " ".join([*each.always, str(each.choices[-1])]) if each.always else each.choices[-1]
        for each in load(name).settings
    }
    config = ExperimentConfig(name, last)
    assert ExperimentConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert ExperimentConfig.from_query({**config.to_query(), "lang": "th"}) == config
    assert ExperimentConfig.from_query({"experiment": name}) == ExperimentConfig(name)


def test_what_a_live_run_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="experiment is 'c99'"):
        ExperimentConfig("c99")
    with pytest.raises(ConfigError, match="setting is 'beta'"):
        ExperimentConfig("c02_learning_rate", {"beta": 1.0})
    with pytest.raises(ConfigError, match=r"alpha is '3', expected one of: 0\.25, 1, 4"):
        ExperimentConfig.from_query({"experiment": "c02_learning_rate", "alpha": "3"})


def test_several_choices_are_a_list_in_the_recipe_and_keep_what_is_always_there() -> None:
    race = load("methods_race")
    pair = ExperimentConfig("methods_race", {"methods": "full lora dora"})
    assert race.conditions(race.changed(race.quick, pair.settings))[:4] == [
        *(f"full/{steps}" for steps in race.quick["horizons"]),
        f"lora/{race.quick['horizons'][0]}",
    ]
    for vain in ("full dora", "", "full lora dora dora", "full lora sgd"):
        with pytest.raises(ConfigError, match="methods is"):
            ExperimentConfig("methods_race", {"methods": vain})


def test_recipes_and_rules_need_no_torch() -> None:
    code = (
        "import sys\n"
        "from lab.claims import NAMES, load, read, ExperimentConfig\n"
        "for name in NAMES:\n"
        "    ExperimentConfig(name)\n"
        "    record = read(name)\n"
        "    record and load(name).verdict(record.result)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_list_and_verdicts_tell_every_record(capsys: pytest.CaptureFixture[str]) -> None:
    recorded = [name for name in NAMES if read(name)]
    main(["list"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(NAMES)
    main(["verdicts"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == recorded
    main(["verdicts", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert list(told) == recorded
    for name, verdict in told.items():
        stored = read(name)
        assert stored
        assert verdict["outcome"] == stored.verdict.outcome
        assert verdict["checks"] == stored.verdict.checks
