"""C8: the rule, and what is measured along a run."""

import math

import pytest

from lab.claims import Request, Result, load
from lab.claims.c08_warmup import _growth, moved
from tests.lab.claims.common import judged, seeds

RECIPE = {**load("c08_warmup").quick, "points": [0, 1, 2]}
REQUEST = Request(RECIPE, (0,), (), {}, "cpu", lambda: False, 1.0)


def warming(growth: float, norm_b: float, short: float) -> Result:
    """The ratio of rates is 2 for the longest run."""
    return Result(
        {
            "growth/lora": seeds(growth, 0),
            "growth/full": seeds(0.1, 0),
            "norm_a": seeds(1.0),
            "norm_b": seeds(norm_b),
            "ratio/100": seeds(2.0, 0),
            "ratio/12": seeds(short, 0),
        }
    )


def test_the_rule() -> None:
    assert judged("c08_warmup", warming(0.2, 1.1, 3.1)) == ("reproduces", set())
    assert judged("c08_warmup", warming(0.2, 0.9, 3.1)) == ("partly", {"b_outgrows_a"})
    assert judged("c08_warmup", warming(0.2, 1.1, 2.9)) == ("partly", {"short_runs_want_more"})
    assert judged("c08_warmup", warming(0.14, 1.1, 3.1)) == ("does_not", {"steps_grow"})


def test_a_rate_that_no_run_survived_is_no_evidence() -> None:
    lost = warming(0.2, 1.1, 3.1)
    lost.per_seed["ratio/12"][0] = None
    assert judged("c08_warmup", lost) == ("partly", {"short_runs_want_more"})


def test_growth_is_the_mean_of_the_second_half_over_the_first_step() -> None:
    assert _growth([0, 5, 10], [2.0, 3.0, 5.0]) == 2


def test_b_starts_at_zero_and_adams_first_step_moves_each_number_by_the_rate() -> None:
    lora = moved(REQUEST, "lora", 1e-3, 0)
    assert lora["norm_b"][0] == 0 < lora["norm_b"][1]
    assert lora["norm_a"][0] == pytest.approx(lora["norm_a"][1])  # no gradient reaches A while B is zero
    full = moved(REQUEST, "full", 1e-3, 0)
    most = 1e-3 * math.sqrt(128 * (196 + 128))
    assert 0.8 * most < full["step"][0] < most
