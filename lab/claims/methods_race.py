"""An open question of "LoRA Without Regret": how do other methods do under its own method?

Its method: a learning rate swept for each, chosen on other data and seeds than those reported, at a constant
rate. Two races.

Adam: the MLP learns Fashion-MNIST by each of the nine methods, and by full fine-tuning, at one rank and α.
Reported: test loss after several numbers of steps ("dora/200"), each at the rate that is best for it.

Plain gradient descent ("sgd/…"): one matrix learns a known ΔW of rank r, with white inputs, from the exact
gradient γBA − ΔW. Reported: steps until the error is below a hundredth, at the best of many rates. This is
what LoRA-GA and LoRA-Pro argue from; Adam, which everybody uses, is another matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from lab.claims.base import (
    Curve,
    Experiment,
    Outcome,
    Recipe,
    Request,
    Result,
    Setting,
    Update,
    Value,
    Verdict,
)
from lab.claims.descent import SGD, steps_needed
from lab.claims.tuned_runs import best_rate
from lab.runs.config import TrainConfig
from lab.sweep.plan import LONE
from lora_core.config import METHODS, AdapterConfig

CHANCE = 0.05  # of calling any method better that is not, over all comparisons made
SELECTION_SEEDS = (100, 101, 102)
FELT = 0.02  # of LoRA's loss: a smaller lead is no advantage

RECIPE: Recipe = {
    "task": "fashion",
    "methods": ["full", *METHODS],
    "rank": 8,
    "alpha": 32.0,
    "batch": 64,
    "horizons": [50, 200, 400],
    # Times the method's own factor below, so that the best rate is inside the grid.
    "rates": [7.5e-4, 1.2e-3, 1.9e-3, 3e-3, 4.8e-3, 7.7e-3, 1.2e-2, 1.9e-2],
    "sgd": {"size": 64, "rank": 8, "error": 0.01, "most": 400},
}
QUICK: Recipe = {**RECIPE, "rates": [3e-3, 7.7e-3], "sgd": {**RECIPE["sgd"], "most": 150}}
FACTORS = {"full": 0.6, "rslora": 0.6, "lora+": 0.25, "lora-pro": 0.5, "adalora": 2.0}


class Run(NamedTuple):
    method: str
    lr: float
    seed: int


def conditions(recipe: Recipe) -> list[str]:
    races = [f"{method}/{steps}" for method in recipe["methods"] for steps in recipe["horizons"]]
    return races + [f"sgd/{method}" for method in recipe["methods"] if method in SGD]


def verdict(result: Result) -> Verdict:
    """Is another method better than LoRA, as each claims to be?

    Better: a paired one-sided t-test over seeds, its level divided by the number of comparisons (Bonferroni),
    and a lead of at least FELT. "reproduces" if most of the variants are better after the most steps,
    "does_not" if none is after any number of steps.
    """
    found = [name.split("/") for name in result.per_seed if not name.startswith("sgd/")]
    variants = [name for name in METHODS if name != "lora" and [name] in [each[:1] for each in found]]
    horizons = sorted({int(steps) for _, steps in found})
    numbers: dict[str, float] = {}
    better: dict[str, list[bool]] = {}
    for variant, steps in product(variants, horizons):
        numbers[f"lead_{variant}_{steps}"], _ = result.gap(f"lora/{steps}", f"{variant}/{steps}")
        is_better = better_than_lora(result, variant, steps, len(variants) * len(horizons))
        better.setdefault(variant, []).append(is_better)
    ends = sum(each[-1] for each in better.values())
    checks = {
        "some_better_early": any(each[0] for each in better.values()),
        "some_better_at_end": ends > 0,
        "most_better_at_end": bool(variants) and ends > len(variants) / 2,
    }
    outcome: Outcome = "partly" if any(map(any, better.values())) else "does_not"
    return Verdict("reproduces" if checks["most_better_at_end"] else outcome, checks, numbers)


def better_than_lora(result: Result, variant: str, steps: int, comparisons: int) -> bool:
    """One of so many comparisons, by the rule of `verdict`."""
    lead, error = result.gap(f"lora/{steps}", f"{variant}/{steps}")
    seeds = len(result.per_seed.get(f"lora/{steps}", []))
    large = lead >= FELT * result.mean(f"lora/{steps}")
    return large and _p(lead, error, seeds) < CHANCE / comparisons


def _p(lead: float, error: float, seeds: int) -> float:
    """That LoRA does as well, given a lead and its standard error. One seed cannot tell, and is believed."""
    from scipy.special import stdtr  # the distribution function of Student's t

    if seeds < 2:
        return 0.0 if lead > 0 else 1.0
    return float(stdtr(seeds - 1, -lead / error)) if error > 0 else 1.0


def measure(request: Request) -> Iterator[Update]:
    races = [name for name in request.conditions if not name.startswith("sgd/")]
    result = Result(chosen={name: rate for name, rate in request.chosen.items() if name in races})
    missing = [name for name in races if name not in result.chosen]
    done, losses = 1.0, dict[Run, dict[int, Value]]()
    for done, found in trained(request, _tried(request, missing), "validation"):
        losses = found
        yield Update(done / 2, result)
    if missing:
        if done < 1:
            return
        for name in missing:
            method, steps = name.split("/")
            rates = _rates(request.recipe, method)
            tried = [
                [losses[Run(method, rate, seed)].get(int(steps)) for rate in rates]
                for seed in SELECTION_SEEDS
            ]
            result.selection[name] = Curve(rates, tried)
            result.chosen[name] = best_rate(result.selection[name])
    runs = {
        name: [Run(name.split("/")[0], result.chosen[name], seed) for seed in request.seeds] for name in races
    }
    wanted = list(dict.fromkeys(run for each in runs.values() for run in each))
    for done, losses in trained(request, wanted, "test"):
        for name, mine in runs.items():
            at = int(name.split("/")[1])
            if all(at in losses.get(run, {}) for run in mine):
                result.per_seed[name] = [losses[run][at] for run in mine]
        yield Update(0.5 + 0.45 * done, result)
    if wanted and done < 1:
        return
    for name in request.conditions:
        if name.startswith("sgd/"):
            counts = [steps_needed(name.removeprefix("sgd/"), request.recipe, seed) for seed in request.seeds]
            result.per_seed[name] = list(counts)
            if request.stop():
                return
    for method in request.recipe["methods"]:
        there = [each for each in request.recipe["horizons"] if f"{method}/{each}" in result.per_seed]
        by_seed = zip(*(result.per_seed[f"{method}/{each}"] for each in there), strict=True)
        result.curves[method] = Curve([float(each) for each in there], [list(values) for values in by_seed])
    result.extra["edges"] = [name for name, tried in result.selection.items() if _at_edge(tried)]
    asked = {name: result.per_seed[name] for name in request.conditions}
    yield Update(1.0, replace(result, per_seed=asked))


def _at_edge(tried: Curve) -> bool:
    """The best rate is the grid's lowest or highest, so a better one may lie beyond it."""
    return best_rate(tried) in (tried.x[0], tried.x[-1])


def trained(
    request: Request, runs: list[Run], split: str
) -> Iterator[tuple[float, dict[Run, dict[int, Value]]]]:
    """The share of the work done, and of each run the loss at the horizons so far."""
    from torch import float64

    from lab.runs.fine_tune import fine_tune
    from lab.sweep import sweep

    recipe = request.recipe
    horizons = recipe["horizons"]
    configs = {run: _config(recipe, run) for run in runs}
    together = [run for run in runs if run.method not in LONE]
    found: dict[Run, dict[int, Value]] = {}
    if together:
        for snapshot in sweep(
            [configs[run] for run in together],
            dtype=float64,  # what is in the same batch shall not matter
            device=request.device,
            every=request.every,
            stop=request.stop,
            points=horizons,
            split="test" if split == "test" else "validation",
        ):
            for run, curve in zip(together, snapshot.curves, strict=True):
                ended: dict[int, Value] = dict.fromkeys(horizons) if curve.state == "diverged" else {}
                found[run] = ended | dict(zip(curve.steps, curve.validation, strict=True))
            yield snapshot.done * len(together) / len(runs), dict(found)
        if snapshot.state == "stopped":
            return
    for run in runs:
        if run.method in LONE:
            *_, end = fine_tune(
                configs[run],
                device=request.device,
                every=math.inf,
                stop=request.stop,
                points=horizons,
                split="test" if split == "test" else "validation",
            )
            if end.state == "stopped":
                return
            found[run] = dict.fromkeys(horizons) | {p.step: p.run_validation for p in end.history}
            yield min(1.0, len(found) / len(runs)), dict(found)


def _config(recipe: Recipe, run: Run) -> TrainConfig:
    adapter = None
    if run.method != "full":
        adapter = AdapterConfig(run.method, int(recipe["rank"]), recipe["alpha"], "blocks")
    return TrainConfig(
        "mlp-mnist",
        recipe["task"],
        adapter,
        lr=run.lr,
        batch=recipe["batch"],
        steps=max(recipe["horizons"]),
        seed=run.seed,
        yardstick=False,
    )


def _tried(request: Request, missing: list[str]) -> list[Run]:
    methods = dict.fromkeys(name.split("/")[0] for name in missing)
    return [
        Run(method, rate, seed)
        for method in methods
        for rate in _rates(request.recipe, method)
        for seed in SELECTION_SEEDS
    ]


def _rates(recipe: Recipe, method: str) -> list[float]:
    return [float(f"{rate * FACTORS.get(method, 1):.3g}") for rate in recipe["rates"]]


EXPERIMENT = Experiment(
    name="methods_race",
    recipe=RECIPE,
    quick=QUICK,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    seeds=tuple(range(8)),
    settings=(
        Setting("rank", 8, (1, 2, 4, 8, 16, 32)),
        Setting("alpha", 32.0, (8.0, 16.0, 32.0, 64.0)),
        Setting("methods", " ".join(("full", *METHODS)), ("full", *METHODS), always=("full", "lora")),
    ),
)
