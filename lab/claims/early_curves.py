"""Early learning curves by rank at one learning rate (the last figure of "LoRA Without Regret").

With γ = α / r the first update of B A is an average of r terms of equal expectation, so at one learning rate
every rank starts along the same curve; the ranks part later, as their capacity begins to tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from lab.claims.base import Experiment, Recipe, Request, Result, Setting, Update, Verdict, judge
from lab.claims.tuned_runs import SELECTION_SEEDS, Condition, choose, condition, measure

START = 10  # steps
SAME = 0.1  # of what has been learned: at the start, all ranks differ by less

RECIPE = {
    "task": "python",
    "ranks": [1, 4, 16, 64],
    "reference": 16,
    "alpha": 32.0,
    "gamma_rule": "alpha/r",
    "rates": [1e-3, 2e-3, 4e-3, 8e-3],
    "batch": 8,
    "steps": 100,
    "points": [0, 1, 2, 3, 4, 6, 8, 10, 13, 18, 24, 32, 42, 56, 75, 100],
}
QUICK = {**RECIPE, "rates": [4e-3]}


def conditions(recipe: Recipe) -> list[str]:
    return [f"r{rank}" for rank in recipe["ranks"]]


def measured(request: Request) -> Iterator[Update]:
    """The rate is chosen for the reference rank, and all ranks run at it."""
    every, reference = _conditions(request.recipe), f"r{request.recipe['reference']}"
    known = replace(request, chosen={k: v for k, v in request.chosen.items() if k == reference})
    result = Result()
    for update in choose(known, {reference: every[reference]}, SELECTION_SEEDS):
        result = update.result
        yield Update(update.done / 2, result)
    if reference in result.chosen:
        asked = {name: every[name] for name in request.conditions}
        result.chosen.update(dict.fromkeys(asked, result.chosen[reference]))
        for update in measure(request, asked, result):
            yield Update(0.5 + update.done / 2, update.result)


def verdict(result: Result) -> Verdict:
    """At step 10 the ranks' mean losses span at most a tenth of what has been learned by then (central), and
    the distance of the reference from the highest rank is larger at the end than it was there."""
    curves = {name: dict(zip(curve.x, curve.mean(), strict=True)) for name, curve in result.curves.items()}
    end = max(next(iter(curves.values())))
    at_start, at_end = ([curve[step] for curve in curves.values()] for step in (START, end))
    base = max(curve[0] for curve in curves.values())
    learned = base - sum(at_start) / len(at_start)
    span = (max(at_start) - min(at_start)) / learned
    apart = [abs(curves["r16"][step] - curves["r64"][step]) for step in (START, end)]
    return judge(
        {"same_at_start": span <= SAME, "part_later": apart[1] > apart[0]},
        {
            "span_at_start": span,
            "span_at_end": max(at_end) - min(at_end),
            "span_at_start_nats": max(at_start) - min(at_start),
            "r16_r64_at_start": apart[0],
            "r16_r64_at_end": apart[1],
        },
        central="same_at_start",
    )


def _conditions(recipe: Recipe) -> Mapping[str, Condition]:
    return {
        f"r{rank}": condition(
            recipe["task"],
            rank,
            recipe["rates"],
            steps=recipe["steps"],
            batch=recipe["batch"],
            points=recipe["points"],
            alpha=recipe["alpha"],
            gamma_rule=recipe["gamma_rule"],
        )
        for rank in recipe["ranks"]
    }


EXPERIMENT = Experiment(
    name="early_curves",
    recipe=RECIPE,
    quick=QUICK,
    conditions=conditions,
    measure=measured,
    verdict=verdict,
    settings=(
        Setting("gamma_rule", "alpha/r", ("alpha/r", "alpha/sqrt(r)", "constant")),
        Setting("alpha", 32.0, (8.0, 16.0, 32.0, 64.0)),
    ),
)
