"""C2: the best learning rate of LoRA is about ten times that of full fine-tuning.

Text: loss against learning rate, for full fine-tuning and LoRA at α = 32, as in the article. Pictures: the
same for one rank and α from 1/4 to 512. α multiplies B A, so it decides what a learning rate means, and the
ratio follows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lab.claims.base import Experiment, Recipe, Request, Result, Setting, Update, Verdict, judge
from lab.claims.rate_curves import u_curves
from lab.claims.tuned_runs import Condition, condition

TEN = (5.0, 20.0)  # a ratio between these is "about ten"
FROM = 4  # the rank from which the ratio is judged; the article has another one for rank 1

RECIPE = {
    "alpha": 32.0,  # of the text
    "text": {
        "ranks": [1, 4, 16],
        "rates": {
            "lora": [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2],
            "full": [2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3],
        },
        "batch": 8,
        "steps": 150,
        "points": [0, 75],
    },
    "pictures": {
        "rank": 16,
        "alphas": [0.25, 1.0, 4.0, 16.0, 32.0, 128.0, 512.0],
        "rates": [2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2, 6.4e-2, 0.128],
        "batch": 64,
        "steps": 200,
        "points": [0, 50, 100],
    },
}
QUICK = {
    **RECIPE,
    "text": {
        "ranks": [4],
        "rates": {"lora": [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2], "full": [5e-4, 1e-3, 2e-3, 4e-3, 8e-3]},
        "batch": 8,
        "steps": 80,
        "points": [0, 10, 20, 40],
    },
}


def conditions(recipe: Recipe) -> list[str]:
    return list(_conditions(recipe))


def measure(request: Request) -> Iterator[Update]:
    every = _conditions(request.recipe)
    for update in u_curves(request, {name: every[name] for name in request.conditions}):
        extra = {**update.result.extra, "ratio": ratios(update.result)}
        yield Update(update.done, replace(update.result, extra=extra))


def ratios(result: Result) -> dict[str, float]:
    """Condition -> its best rate over full fine-tuning's on the same task."""
    return {
        name: rate / result.chosen[f"{name.split('/')[0]}/full"]
        for name, rate in result.chosen.items()
        if not name.endswith("/full") and f"{name.split('/')[0]}/full" in result.chosen
    }


def verdict(result: Result) -> Verdict:
    """Central: on the text the geometric mean of the ratios of ranks from 4 lies between 5 and 20.

    Then: every seed's best rate of these is above full's; and every curve on the text is a U, the best rate
    within the grid.
    """
    ratio = ratios(result)
    judged = [f"text/r{rank}" for rank in _ranks(result) if rank >= FROM]
    middle = 1.0
    for name in judged:
        middle *= ratio[name] ** (1 / len(judged))
    higher = [
        ours is not None and theirs is not None and ours > theirs
        for name in judged
        for ours, theirs in zip(result.per_seed[name], result.per_seed["text/full"], strict=True)
    ]
    text = [name for name in result.chosen if name.startswith("text/")]
    return judge(
        {
            "about_ten": TEN[0] <= middle <= TEN[1],
            "higher_than_full": all(higher),
            "u_curves": all(result.extra["optima"][name]["edge"] is None for name in text),
        },
        {"ratio": middle} | {f"ratio_{name}": value for name, value in ratio.items()},
        central="about_ten",
    )


def _ranks(result: Result) -> list[int]:
    return [int(name.split("/r")[1]) for name in result.per_seed if name.startswith("text/r")]


def _conditions(recipe: Recipe) -> dict[str, Condition]:
    text, pictures = recipe["text"], recipe["pictures"]

    def of(task: str, part: Recipe, rank: int | None, rates: list[float], alpha: float) -> Condition:
        size = {key: part[key] for key in ("steps", "batch", "points")}
        return condition(task, rank, rates, alpha=alpha, **size)

    found = {"text/full": of("python", text, None, text["rates"]["full"], 1.0)}
    for rank in text["ranks"]:
        found[f"text/r{rank}"] = of("python", text, rank, text["rates"]["lora"], recipe["alpha"])
    found["pictures/full"] = of("fashion", pictures, None, pictures["rates"], 1.0)
    for alpha in pictures["alphas"]:
        name = f"pictures/alpha={alpha:g}"
        found[name] = of("fashion", pictures, pictures["rank"], pictures["rates"], alpha)
    return found


EXPERIMENT = Experiment(
    name="c02_learning_rate",
    recipe=RECIPE,
    quick=QUICK,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    settings=(Setting("alpha", 32.0, (0.25, 1.0, 4.0, 16.0, 32.0, 128.0, 512.0)),),
)
