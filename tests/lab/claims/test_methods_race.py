"""The race: who is better and how sure, plain gradient descent, and runs alone as in company."""

import math
from typing import Any

import pytest

from lab.claims import Request, Result, load
from lab.claims.descent import steps_needed
from lab.claims.methods_race import Run, trained
from tests.lab.claims.common import judged, seeds

VARIANTS = ("dora", "pissa", "lora+")
RECIPE: dict[str, Any] = dict(load("methods_race").recipe)


def race(**leads: float) -> Result:
    """Ends at 0.5 for LoRA and for those without a lead, which scatter on their own."""
    found = {"lora/50": seeds(0.8), "lora/400": seeds(0.5), "sgd/full": seeds(1)}
    for variant in VARIANTS:
        lead = leads.get(variant.rstrip("+"), 0.0)
        own = [0.5 - lead + noise for noise in (-0.011, 0.001, 0.009, -0.01, 0.011)]
        found |= {f"{variant}/50": seeds(0.8, 0.011), f"{variant}/400": list(own)}
    return Result(found)


def test_the_rule() -> None:
    assert judged("methods_race", race())[0] == "does_not"
    assert judged("methods_race", race(dora=0.1)) == ("partly", {"some_better_early", "most_better_at_end"})
    assert judged("methods_race", race(dora=0.1, pissa=0.1)) == ("reproduces", {"some_better_early"})
    assert judged("methods_race", race(dora=0.009))[0] == "does_not"  # certain, and less than a fiftieth
    noisy = race(dora=0.1)
    noisy.per_seed["dora/400"] = [0.1, 0.5, 0.4, 0.6, 0.4]
    assert judged("methods_race", noisy)[0] == "does_not"
    assert load("methods_race").verdict(race(dora=0.1)).numbers["lead_dora_400"] == pytest.approx(
        0.1, abs=1e-3
    )


def test_plain_gradient_descent_takes_the_steps_that_the_papers_argue_from() -> None:
    """Full and LoRA-GA arrive at once, LoRA-Pro after its B and then its A, LoRA slowly."""
    recipe = {**RECIPE, "rank": 4, "sgd": {"size": 16, "rank": 4, "error": 0.01, "most": 60}}
    found = {method: steps_needed(method, recipe, 0) for method in ("full", "lora-ga", "lora-pro", "lora")}
    assert found["full"] == found["lora-ga"] == 1
    assert found["lora-pro"] == 2
    assert found["lora"] is None or found["lora"] > 5


def test_every_method_runs_and_is_measured_at_the_horizons() -> None:
    recipe = {**RECIPE, "horizons": [2, 3]}
    request = Request(recipe, (0,), (), {}, "cpu", lambda: False, 1.0)
    runs = [Run(method, 1e-3, 0) for method in recipe["methods"]]
    *_, (done, found) = trained(request, runs, "validation")
    assert done == 1
    assert found.keys() == set(runs)
    for run, losses in found.items():
        assert math.isfinite(losses[3] or math.nan), run
        assert losses[2] != losses[3]
    for alone in (Run("dora", 1e-3, 0), Run("lora-pro", 1e-3, 0)):
        *_, (_, again) = trained(request, [alone], "validation")
        assert again[alone] == pytest.approx(found[alone], rel=1e-12)
