"""What is recorded in `content/results`: whole, of the recipe in the code, and judged by its rule."""

import datetime
import json

import pytest

from lab.claims import NAMES, Record, load, read
from lab.claims.record import RESULTS
from lab.rounding import rounded

LARGEST = 150_000  # bytes; a page reads them all
CHOSEN_ON_VALIDATION = (
    "c01_capacity",
    "c04_layers",
    "c05_batch",
    "c06_reinforcement",
    "c10_bits",
    "early_curves",
)


@pytest.fixture(params=NAMES)
def record(request: pytest.FixtureRequest) -> Record:
    found = read(request.param)
    assert found, f"record it: python -m lab.claims run {request.param}"
    return found


def test_a_record_is_of_the_recipe_in_the_code(record: Record) -> None:
    experiment = load(record.name)
    assert record.recipe == rounded(experiment.recipe)
    assert record.seeds == list(experiment.seeds)
    assert record.deterministic == experiment.deterministic
    assert list(record.result.per_seed) == experiment.conditions(experiment.recipe)


def test_a_record_has_a_value_for_each_of_at_least_five_seeds(record: Record) -> None:
    count = len(record.seeds)
    assert count >= 5 or record.deterministic
    for condition, values in record.result.per_seed.items():
        assert len(values) == (count or 1), condition


def test_a_record_says_how_it_came_to_be(record: Record) -> None:
    assert set(record.versions) >= {"python", "torch", "numpy"}
    assert datetime.date.fromisoformat(record.date)
    assert record.machine
    assert record.seconds > 0
    assert (RESULTS / f"{record.name}.json").stat().st_size < LARGEST


def test_the_verdict_is_what_the_rule_says_of_the_numbers(record: Record) -> None:
    verdict = load(record.name).verdict(record.result)
    assert rounded(verdict.to_json()) == rounded(record.verdict.to_json())


@pytest.mark.parametrize("name", CHOSEN_ON_VALIDATION)
def test_every_rate_was_chosen_by_other_seeds_and_is_the_best_of_them(name: str) -> None:
    record = read(name)
    assert record
    result = record.result
    assert result.chosen.keys() == result.per_seed.keys()
    assert result.selection
    assert not set(json.loads(json.dumps(record.recipe)).get("selection_seeds", [100])) & set(record.seeds)
    for condition, losses in result.selection.items():
        means = losses.mean()
        assert result.chosen[condition] == losses.x[means.index(min(means))], condition
