"""C1: LoRA of enough rank matches full fine-tuning; lower ranks leave its curve when their capacity runs out.

Three tries. Text: the GPT learns Python, and its loss is followed by rank. Memory: the MLP learns random
labels by heart. Teacher: a layer of known ΔW of rank 8 is learned, and its error set beside the least that
the rank allows, which is what the singular values left out hold (Eckart and Young 1936).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from lab.claims.base import (
    Curve,
    Experiment,
    Recipe,
    Request,
    Result,
    Setting,
    Update,
    Value,
    Verdict,
    judge,
)
from lab.claims.memorise import Learned, Learner, memorise
from lab.claims.tuned_runs import Condition, best_rate, condition, tuned

MATCH = 0.05  # of what full fine-tuning has learned: a curve within this is full's curve
CERTAIN = 2  # standard errors of the mean gap
FLOOR = 0.03  # of ‖ΔW‖: so near the floor is on it

RECIPE = {
    "text": {
        "ranks": [1, 4, 16, 64],
        "rates": {"lora": [1e-3, 1.6e-3, 2.5e-3, 4e-3, 6.3e-3], "full": [1.25e-3, 2e-3, 3.2e-3]},
        "selection_seeds": [100, 101],
        "batch": 8,
        "points": [0, 1, 2, 4, 8, 16, 32, 50, 75, 100, 150, 200, 300, 400, 550, 800],
    },
    "alpha": 32.0,
    "steps": 800,
    "memory": {
        "ranks": [1, 2, 4, 8, 16],
        "rates": [3e-3, 6e-3, 1.2e-2, 2.4e-2],
        "selection_seeds": [100, 101],
        "images": 256,
        "steps": 800,
        "batch": 64,
    },
    "teacher": {
        "ranks": [1, 2, 4, 8, 16],
        "rates": [3e-3, 1e-2, 3e-2, 6e-2],
        "selection_seeds": [100, 101],
        "rank": 8,
        "size": 64,
        "steps": 400,
        "batch": 64,
    },
}
QUICK = {
    **RECIPE,
    "text": {
        **RECIPE["text"],  # type: ignore[dict-item]
        "rates": {"lora": [2.5e-3], "full": [2e-3]},
        "points": [0, 1, 2, 4, 8, 16, 32, 50, 75, 100, 150, 200, 300],
    },
    "steps": 200,
    "memory": {**RECIPE["memory"], "rates": [6e-3]},  # type: ignore[dict-item]
    "teacher": {**RECIPE["teacher"], "rates": [3e-2]},  # type: ignore[dict-item]
}
PARTS = {"text": 0.85, "memory": 0.12, "teacher": 0.03}  # shares of the time, roughly


def conditions(recipe: Recipe) -> list[str]:
    ranks = {part: [f"{part}/r{rank}" for rank in recipe[part]["ranks"]] for part in PARTS}
    return [*ranks["text"], "text/full", *ranks["memory"], "memory/full", *ranks["teacher"]]


def measure(request: Request) -> Iterator[Update]:
    parts = {"text": _text, "memory": _memory, "teacher": _teacher}
    asked = {part: [each for each in request.conditions if each.startswith(f"{part}/")] for part in parts}
    total, before = sum(PARTS[part] for part in parts if asked[part]), 0.0
    result = Result()
    for part, run in parts.items():
        if not asked[part]:
            continue
        update = Update(0.0, Result())
        for update in run(replace(request, conditions=tuple(asked[part]))):
            yield Update((before + PARTS[part] * update.done) / total, _merged(result, update.result))
        if request.stop():
            return
        result, before = _merged(result, update.result), before + PARTS[part]


def verdict(result: Result) -> Verdict:
    """Central: at the end the highest rank is within a twentieth of what full fine-tuning has learned.

    Then: rank 1 is not, by two standard errors; the step at which a rank leaves the curve of the highest for
    good, by as much, grows with rank (not full's curve, which has no slow start); more rank remembers more
    random labels, the highest nearly all; no rank of the teacher misses its floor.
    """
    ranks = _ranks(result, "text")
    full = result.curves["text/full"].mean()
    learned = full[0] - result.mean("text/full")
    low, low_error = result.gap(f"text/r{ranks[0]}", "text/full")
    high, _ = result.gap(f"text/r{ranks[-1]}", "text/full")
    highest = result.curves[f"text/r{ranks[-1]}"].mean()
    leaves = [_leaves(result.curves[f"text/r{rank}"], highest, MATCH * learned) for rank in ranks]
    remembered = [result.mean(f"memory/r{rank}") for rank in _ranks(result, "memory")]
    above = [
        result.mean(f"teacher/r{rank}") - result.extra["floor"][f"r{rank}"]
        for rank in _ranks(result, "teacher")
    ]
    numbers = {f"leaves_r{rank}": step for rank, step in zip(ranks, leaves, strict=True)}
    return judge(
        {
            "high_rank_matches": high <= MATCH * learned,
            "low_rank_falls_behind": low > MATCH * learned and low > CERTAIN * low_error,
            "leaving_grows_with_rank": leaves == sorted(leaves) and leaves[0] < leaves[-1],
            "memory_grows_with_rank": all(a <= b + 0.01 for a, b in pairwise(remembered))
            and remembered[0] < 0.9 < remembered[-1],
            "teacher_on_floor": max(above) <= FLOOR,
        },
        numbers
        | {
            "gap_low": low,
            "gap_high": high,
            "learned_by_full": learned,
            "threshold": MATCH * learned,
            "teacher_above_floor": max(above),
        },
        central="high_rank_matches",
    )


def _leaves(curve: Curve, other: list[float], threshold: float) -> float:
    """The first step from which a curve stays above another by the threshold; infinite if it never does."""
    behind = [loss - best > threshold for loss, best in zip(curve.mean(), other, strict=True)]
    stays = len(behind)
    while stays and behind[stays - 1]:
        stays -= 1
    return curve.x[stays] if stays < len(behind) else math.inf


def _ranks(result: Result, part: str) -> list[int]:
    return sorted(int(name.split("/r")[1]) for name in result.per_seed if name.startswith(f"{part}/r"))


def _merged(a: Result, b: Result) -> Result:
    return Result(*({**getattr(a, name), **getattr(b, name)} for name in vars(a)))


def _rank(name: str) -> int | None:
    return None if name.endswith("full") else int(name.split("/r")[1])


def _text(request: Request) -> Iterator[Update]:
    recipe, steps = request.recipe["text"], int(request.recipe["steps"])
    points = [point for point in recipe["points"] if point <= steps]
    every: Mapping[str, Condition] = {
        name: condition(
            "python",
            _rank(name),
            recipe["rates"]["full" if name.endswith("full") else "lora"],
            steps=steps,
            batch=recipe["batch"],
            points=points,
            alpha=request.recipe["alpha"],
        )
        for name in request.conditions
    }
    yield from tuned(request, every, selection_seeds=recipe["selection_seeds"])


def _memory(request: Request) -> Iterator[Update]:
    """The rate of least loss on other pictures and labels; then the share of labels that is remembered."""
    recipe = request.recipe["memory"]

    def learner(name: str, lr: float, seed: int) -> Learner:
        return Learner(_rank(name), lr, seed, request.recipe["alpha"])

    def run(learners: list[Learner]) -> Iterator[tuple[float, dict[Learner, Learned]]]:
        sizes = {key: recipe[key] for key in ("images", "steps", "batch")}
        return memorise(learners, **sizes, stop=request.stop)

    missing = [name for name in request.conditions if name not in request.chosen]
    if len(recipe["rates"]) == 1:
        missing = []
    result = Result(
        chosen={name: request.chosen.get(name, recipe["rates"][0]) for name in request.conditions}
    )
    found: dict[Learner, Learned] = {}
    seeds = recipe["selection_seeds"]
    wanted = [learner(name, lr, seed) for name in missing for lr in recipe["rates"] for seed in seeds]
    for done, ended in run(wanted):
        found = ended
        yield Update(done / 2, Result())
    if len(found) < len(wanted):
        return
    for name in missing:
        losses: list[list[Value]] = [
            [found[learner(name, lr, seed)].loss for lr in recipe["rates"]] for seed in seeds
        ]
        result.selection[name] = Curve(recipe["rates"], losses)
        result.chosen[name] = best_rate(result.selection[name])
    reported = {
        name: [learner(name, result.chosen[name], seed) for seed in request.seeds]
        for name in request.conditions
    }
    for done, found in run([each for mine in reported.values() for each in mine]):
        per_seed: dict[str, list[Value]] = {
            name: [found[each].accuracy for each in mine]
            for name, mine in reported.items()
            if all(each in found for each in mine)
        }
        yield Update(0.5 + done / 2, replace(result, per_seed=per_seed))


def _teacher(request: Request) -> Iterator[Update]:
    from lab.claims.teacher import errors, floor

    recipe = request.recipe["teacher"]
    result = Result(extra={"floor": {f"r{rank}": floor(recipe["rank"], rank) for rank in recipe["ranks"]}})
    for place, name in enumerate(request.conditions):
        rank, rates = _rank(name), recipe["rates"]
        assert rank is not None
        if name in request.chosen or len(rates) == 1:
            result.chosen[name] = request.chosen.get(name, rates[0])
        else:
            tried: list[list[Value]] = [
                [errors(recipe, rank, lr, seed) for lr in rates] for seed in recipe["selection_seeds"]
            ]
            result.selection[name] = Curve(rates, tried)
            result.chosen[name] = best_rate(result.selection[name])
        result.per_seed[name] = [errors(recipe, rank, result.chosen[name], seed) for seed in request.seeds]
        yield Update((place + 1) / len(request.conditions), result)
        if request.stop():
            return


EXPERIMENT = Experiment(
    name="c01_capacity",
    recipe=RECIPE,
    quick=QUICK,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    settings=(Setting("alpha", 32.0, (8.0, 32.0, 128.0)), Setting("steps", 200, (100, 200, 300))),
)
