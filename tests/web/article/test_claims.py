"""A claim's question: asked in every language, answered from the record."""

from dataclasses import replace

import pytest

from content.catalog import LANGUAGES, catalog
from lab.claims import NAMES, Record, Result, Verdict, read
from web.article.claims import said
from web.article.guesses import ASKED, CHOICES, Choice, Drawn


def record(numbers: dict[str, float], **per_seed: list[float | None]) -> Record:
    verdict = Verdict("partly", {}, numbers)
    return Record("c02_learning_rate", {}, [0], Result(per_seed=dict(per_seed)), verdict, {}, "", "", 1.0)


def test_every_experiment_has_its_question_in_both_languages() -> None:
    assert tuple(ASKED) == NAMES
    for name, asked in ASKED.items():
        parts = ("question", *CHOICES) if isinstance(asked, Choice) else ("question", "x", "y")
        for language in LANGUAGES:
            assert {f"guess.{name}.{part}" for part in parts} <= catalog(language).keys()


@pytest.mark.parametrize(
    ("value", "answer"), [(9.8, "more"), (1.6, "more"), (1.4, "same"), (0.6, "same"), (0.4, "less")]
)
def test_the_answer_is_computed_from_what_was_measured(value: float, answer: str) -> None:
    assert Choice("ratio", middle=1, alike=0.5).answer(record({"ratio": value})) == answer


@pytest.mark.parametrize("name", NAMES)
def test_every_record_answers_its_question(name: str) -> None:
    found, asked = read(name), ASKED[name]
    if found is None:
        pytest.skip(f"{name} is not recorded yet")
    if isinstance(asked, Choice):
        assert asked.answer(found) in CHOICES
    else:
        curve = asked.curve(name, found)
        assert len(curve.truth) == len(curve.xs) >= 3
        assert all(curve.low < value < curve.high for value in curve.truth)
        assert all(curve.low <= mark <= curve.high for mark, _ in curve.ys)
        assert len(curve.ys) >= 2


def test_a_curve_is_held_against_the_measured_one_without_the_point_that_was_given() -> None:
    found = record({}, **{"text/r1": [3.0], "text/r4": [2.0], "text/r16": [1.0], "text/full": [0.5]})
    asked = ASKED["c01_capacity"]
    assert isinstance(asked, Drawn)
    curve = asked.curve("c01_capacity", found)
    assert curve.xs == ["1", "4", "16"]
    assert curve.truth == (3.0, 2.0, 1.0)
    assert "0.75" in said({"curve": [3.0, 3.0, 1.5]}, "", curve)
    log = replace(curve, low=0.1, log=True)
    assert "2.0" in said({"curve": [3.0, 1.0, 2.0]}, "", log)
    assert said({}, "", curve) == said(None, "", curve) == ""
    right, wrong = said({"choice": "more"}, "more", None), said({"choice": "less"}, "more", None)
    assert right != wrong
