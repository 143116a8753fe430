"""C12: LoRA learns less and forgets less (Biderman et al. 2024, arXiv:2405.09673).

The GPT of Shakespeare learns Python. What it has learned is its loss on Python; what it has forgotten, how
far its loss on Shakespeare has risen above the base's. Both grow with the learning rate, so each condition is
run at a whole grid of rates and draws a frontier; one bar each would compare rates. Reported: the loss on
Python ("new/r4") and what was forgotten ("forgotten/r4") at the rate that is best for Python, and what full
fine-tuning had forgotten where it had learned as much as that LoRA ("equal/r4").
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

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
from lab.claims.tuned_runs import SELECTION_SEEDS, best_rate
from lora_core.config import AdapterConfig

Frontier = dict[str, list[Value]]  # "new" and "forgotten", at each rate

CERTAIN = 2  # standard errors of a mean gap
FELT = 0.02  # nats: a smaller difference is none

RECIPE: Recipe = {
    "task": "python",
    "before": "shakespeare",
    "ranks": [1, 4, 16],
    "alpha": 32.0,
    "batch": 8,
    "steps": 100,
    "rates": {
        "lora": [8e-4, 1.6e-3, 3.2e-3, 6.4e-3, 1.28e-2, 2.56e-2],
        "full": [4e-4, 8e-4, 1.6e-3, 3.2e-3, 6.4e-3, 1.28e-2],
    },
}
QUICK: Recipe = {
    **RECIPE,
    "ranks": [16],
    "rates": {"lora": [1.6e-3, 6.4e-3, 1.28e-2], "full": [8e-4, 1.6e-3, 3.2e-3, 6.4e-3]},
}


def conditions(recipe: Recipe) -> list[str]:
    ranks = [f"r{rank}" for rank in recipe["ranks"]]
    adapted = [f"{what}/{rank}" for rank in ranks for what in ("new", "forgotten", "equal")]
    return [*adapted, "new/full", "forgotten/full"]


def verdict(result: Result) -> Verdict:
    """For the highest rank. Central: at the rates best for Python it forgets less than full fine-tuning, by
    two standard errors and a fiftieth of a nat. Then: it has learned less; and, by as much again, it has
    forgotten less than full fine-tuning had where that had learned as much."""
    names = (name.removeprefix("new/r") for name in result.per_seed if name.startswith("new/r"))
    rank = f"r{max(map(int, names))}"
    less, less_error = result.gap(f"new/{rank}", "new/full")
    kept, kept_error = result.gap("forgotten/full", f"forgotten/{rank}")
    equal, equal_error = result.gap(f"equal/{rank}", f"forgotten/{rank}")
    return judge(
        {
            "forgets_less": kept > max(FELT, CERTAIN * kept_error),
            "learns_less": less > CERTAIN * less_error,
            "forgets_less_at_equal_learning": equal > max(FELT, CERTAIN * equal_error),
        },
        {"rank": float(rank[1:]), "learned_less_by": less, "kept_more_by": kept, "kept_more_at_equal": equal},
        central="forgets_less",
    )


def measure(request: Request) -> Iterator[Update]:
    names = list(dict.fromkeys(name.split("/")[1] for name in request.conditions))
    if any(name.startswith("equal/") for name in request.conditions):
        names = list(dict.fromkeys([*names, "full"]))  # which they are held against
    result = Result(chosen={name: rate for name, rate in request.chosen.items() if name in names})
    missing = [name for name in names if name not in result.chosen]
    total = len(missing) * len(SELECTION_SEEDS) + len(names) * len(request.seeds)
    done = 0
    for name in missing:
        tried = []
        for seed in SELECTION_SEEDS:
            found = trained(request, name, seed, "validation")
            if found is None:
                return
            tried.append(found["new"])
            done += 1
            yield Update(done / total, result)
        result.selection[name] = Curve(_rates(request, name), tried)
        result.chosen[name] = best_rate(result.selection[name])
    result.extra["base"] = base_loss(request.recipe["task"])
    measured: dict[str, list[Frontier]] = {name: [] for name in names}
    for seed in request.seeds:
        for name in names:
            found = trained(request, name, seed, "test")
            if found is None:
                return
            measured[name].append(found)
            for what in ("new", "forgotten"):
                losses = [each[what] for each in measured[name]]
                result.curves[f"{what}/{name}"] = Curve(_rates(request, name), losses)
            done += 1
            yield Update(min(0.99, done / total), result)
    for name in request.conditions:
        what, which = name.split("/")
        chosen = [_at(request, which, result.chosen[which], each) for each in measured[which]]
        if what == "equal":
            pairs = zip(chosen, measured["full"], strict=True)
            base = result.extra["base"]
            result.per_seed[name] = [forgotten_at(each["new"], base, full) for each, full in pairs]
        else:
            result.per_seed[name] = [each[what] for each in chosen]
    yield Update(1.0, result)


def forgotten_at(loss: Value, base: float, frontier: Frontier) -> Value:
    """What is forgotten on a frontier at a loss of the new task.

    From the base, which has forgotten nothing, over rising rates to the best; what is forgotten there, if the
    loss is lower still.
    """
    new, forgotten = [base, *frontier["new"]], [0.0, *frontier["forgotten"]]
    reached: Value = None
    for (a, b), (x, y) in zip(pairwise(new), pairwise(forgotten), strict=True):
        if loss is None or a is None or b is None or x is None or y is None or b > a:
            break
        if b <= loss:
            return x + (y - x) * (a - loss) / (a - b) if a > b else x
        reached = y
    return reached


def trained(request: Request, name: str, seed: int, split: str) -> Frontier | None:
    """A run at each rate, as one batch: losses on the new task, and what was forgotten. None if stopped."""
    import torch

    from lab.bases.models import load_base
    from lab.bases.tasks import evaluate, load_task
    from lab.runs.fine_tune import ADAPTER_STREAM
    from lab.sweep.batch import Batch, Member

    recipe, base, task = request.recipe, load_base("gpt-en"), load_task(request.recipe["task"])
    adapter = None
    if name != "full":
        adapter = AdapterConfig(rank=int(name[1:]), alpha=recipe["alpha"], targets="blocks")
    rates = _rates(request, name)
    members = [Member(adapter, lr, seed + ADAPTER_STREAM) for lr in rates]
    batch = Batch(base, members, shared=True)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(recipe["steps"]):
        if request.stop():
            return None
        batch.step(*task.batch(recipe["batch"], generator))
    new, old = task.examples("test" if split == "test" else "validation"), _before(recipe["before"])
    before, _ = evaluate(base, old)
    found: Frontier = {"new": [], "forgotten": []}
    for k in range(len(members)):
        with torch.no_grad():
            for layer, weight in batch.weights(k).items():
                base.get_parameter(f"{layer}.weight").copy_(weight)
        found["new"].append(_finite(evaluate(base, new)[0]))
        found["forgotten"].append(_finite(evaluate(base, old)[0] - before))
    return found


def base_loss(task: str) -> float:
    """Of the new task's test split, in nats."""
    from lab.bases.models import load_base
    from lab.bases.tasks import evaluate, load_task

    return evaluate(load_base("gpt-en"), load_task(task).examples("test"))[0]


def _before(name: str) -> Any:
    """64 windows of the last twentieth of what the base had learned, which it was not trained on."""
    import torch

    from lab.bases.models import encode
    from lab.bases.tasks import CONTEXT, read_text, windows

    text = encode(read_text(name))
    text = text[len(text) * 95 // 100 :]
    return windows(text, torch.linspace(0, len(text) - CONTEXT - 1, 64).long())


def _at(request: Request, name: str, lr: float, found: Frontier) -> dict[str, Value]:
    place = _rates(request, name).index(lr)
    return {what: values[place] for what, values in found.items()}


def _rates(request: Request, name: str) -> list[float]:
    """The grid, and the rate that was chosen before."""
    rates: Sequence[float] = request.recipe["rates"]["full" if name == "full" else "lora"]
    return sorted({*rates, request.chosen.get(name, rates[0])})


def _finite(value: float) -> Value:
    return value if math.isfinite(value) else None


EXPERIMENT = Experiment(
    name="c12_forgetting",
    recipe=RECIPE,
    quick=QUICK,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    settings=(Setting("alpha", 32.0, (8.0, 16.0, 32.0, 64.0)), Setting("steps", 100, (30, 60, 100, 200))),
)
