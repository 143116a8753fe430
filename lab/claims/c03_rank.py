"""C3: with γ = α / r the best learning rate hardly depends on the rank.

The best rate by rank under three rules: γ = α / r, γ = α / √r (rsLoRA) and a constant γ, on the MLP and on
the GPT. The article's reason: at the first update B A is an average of r terms of equal expectation under
α / r, and a sum of them under a constant γ.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from lab.claims.base import Experiment, Recipe, Request, Result, Setting, Update, Verdict, judge
from lab.claims.rate_curves import u_curves
from lab.claims.tuned_runs import Condition, condition

HARDLY = 2.0  # the largest best rate over the smallest, for ranks from FROM; the article's own figure
FROM = 4

RECIPE = {
    "alpha": 32.0,
    "gamma": 2.0,  # of the constant rule
    "text": {
        "ranks": [1, 4, 16, 64],
        "rates": [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2],
        "batch": 8,
        "steps": 60,
        "points": [0, 30],
    },
    "pictures": {
        "ranks": [1, 2, 4, 8, 16, 32, 64],
        "rates": [5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2],
        "batch": 64,
        "steps": 150,
        "points": [0, 75],
    },
}
QUICK = {
    **RECIPE,
    "text": {
        "ranks": [4, 64],
        "rates": [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2],
        "batch": 8,
        "steps": 50,
        "points": [0, 10, 25],
    },
    "pictures": {
        "ranks": [1, 4, 16, 64],
        "rates": [5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2],
        "batch": 64,
        "steps": 200,
        "points": [0, 50, 100],
    },
}
RULES = ("alpha/r", "alpha/sqrt(r)", "constant")
TASKS = {"text": "python", "pictures": "fashion"}


def conditions(recipe: Recipe) -> list[str]:
    return list(_conditions(recipe))


def measure(request: Request) -> Iterator[Update]:
    every = _conditions(request.recipe)
    yield from u_curves(request, {name: every[name] for name in request.conditions})


def verdict(result: Result) -> Verdict:
    """Central: under α / r, on the text, the best rates of ranks from 4 differ by less than a factor of 2.

    Then: so they do on the pictures; rank 1 wants a lower one than rank 4 on both; a constant γ spreads them
    more on both.
    """
    spread = {(part, rule): _spread(result, part, rule) for part in TASKS for rule in RULES}
    return judge(
        {
            "text_hardly_depends": spread["text", "alpha/r"] < HARDLY,
            "pictures_hardly_depend": spread["pictures", "alpha/r"] < HARDLY,
            "rank_one_lower": all(
                result.chosen[f"{part}/alpha/r:r1"] < result.chosen[f"{part}/alpha/r:r4"]
                for part in TASKS
                if f"{part}/alpha/r:r1" in result.chosen
            ),
            "constant_depends_more": all(
                spread[part, "constant"] > spread[part, "alpha/r"] for part in TASKS
            ),
        },
        {f"spread_{part}/{rule}": value for (part, rule), value in spread.items()},
        central="text_hardly_depends",
    )


def _spread(result: Result, part: str, rule: str) -> float:
    """The largest best rate over the smallest, for ranks from FROM."""
    start = f"{part}/{rule}:r"
    rates = [
        rate
        for name, rate in result.chosen.items()
        if name.startswith(start) and int(name.removeprefix(start)) >= FROM
    ]
    return max(rates) / min(rates) if rates else math.nan


def gamma(rule: str, recipe: Recipe, rank: int) -> float:
    """γ of a rule at a rank."""
    alpha, constant = float(recipe["alpha"]), float(recipe["gamma"])
    return {"alpha/r": alpha / rank, "alpha/sqrt(r)": alpha / math.sqrt(rank), "constant": constant}[rule]


def _conditions(recipe: Recipe) -> Mapping[str, Condition]:
    """Named like "text/alpha/r:r4". All are told their γ: two rules that agree make one configuration."""
    found = {}
    for part, task in TASKS.items():
        sizes = {key: recipe[part][key] for key in ("steps", "batch", "points", "rates")}
        for rule in RULES:
            for rank in recipe[part]["ranks"]:
                found[f"{part}/{rule}:r{rank}"] = condition(
                    task, rank, alpha=gamma(rule, recipe, rank), gamma_rule="constant", **sizes
                )
    return found


EXPERIMENT = Experiment(
    name="c03_rank",
    recipe=RECIPE,
    quick=QUICK,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    settings=(Setting("alpha", 32.0, (8.0, 32.0, 128.0)), Setting("gamma", 2.0, (0.5, 2.0, 8.0))),
)
