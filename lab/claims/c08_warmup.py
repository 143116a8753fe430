"""C8: B = 0 is an implicit warm-up. LoRA starts slowly, B outgrows A, and short runs want a higher rate.

The MLP learns Fashion-MNIST. Norms: ‖A‖₂ and ‖B‖₂ (largest singular values, mean over layers) along runs at
LoRA's best rate for the longest run. Steps: how far one moves the weights, ‖W(t+1) − W(t)‖_F, and "growth",
what that is in the second half of a run over what it was at first. Adam's first step is its longest whatever
trains, as nothing averages out yet; so LoRA's growth is held against full fine-tuning's.
Rates: one constant rate serves runs of any length, so one sweep tells the best rate for each length, of LoRA
and of full fine-tuning; "ratio/50" is the one over the other after 50 steps. "LoRA Without Regret" finds 15
below a hundred steps or so, and 10 after.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

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
from lab.runs.config import TrainConfig
from lab.sweep.result import Curve as Run
from lab.sweep.result import best_lrs
from lora_core.config import AdapterConfig

LARGER = 1.5  # times: a step that has grown, a ratio of rates that differs; the article's 15 over 10

RECIPE: Recipe = {
    "task": "fashion",
    "rank": 8,
    "alpha": 32.0,
    "batch": 64,
    "lengths": [12, 25, 50, 100, 200, 400, 800],
    "rates": {
        "lora": [1e-3, 1.6e-3, 2.5e-3, 4e-3, 6.3e-3, 1e-2, 1.6e-2, 2.5e-2, 4e-2],
        "full": [2.5e-4, 4e-4, 6.3e-4, 1e-3, 1.6e-3, 2.5e-3, 4e-3, 6.3e-3, 1e-2, 1.6e-2],
    },
    "points": [0, 1, 2, 3, 5, 8, 12, 18, 25, 35, 50, 70, 100, 140, 200, 280, 400, 560, 799],
}
QUICK: Recipe = {
    **RECIPE,
    "lengths": [25, 50, 100, 200],
    "points": [0, 1, 2, 3, 5, 8, 12, 18, 25, 35, 50, 70, 100, 140, 199],
}
KINDS = ("lora", "full")


def conditions(recipe: Recipe) -> list[str]:
    return ["norm_a", "norm_b", "growth/lora", "growth/full"] + [
        f"ratio/{each}" for each in recipe["lengths"]
    ]


def verdict(result: Result) -> Verdict:
    """Central: LoRA's steps grow against full fine-tuning's, by half at least. Then: B ends larger than A;
    and the ratio of best rates is larger for the shortest run than for the longest, by half at least."""
    lora, full = result.mean("growth/lora"), result.mean("growth/full")
    lengths = sorted(int(name.split("/")[1]) for name in result.per_seed if name.startswith("ratio/"))
    short, long = (_typical(result.per_seed[f"ratio/{lengths[place]}"]) for place in (0, -1))
    a, b = result.mean("norm_a"), result.mean("norm_b")
    return judge(
        {
            "steps_grow": lora >= LARGER * full,
            "b_outgrows_a": b > a,
            "short_runs_want_more": short >= LARGER * long,
        },
        {
            "growth_lora": lora,
            "growth_full": full,
            "norm_a": a,
            "norm_b": b,
            "norm_ratio": b / a,
            "ratio_short": short,
            "ratio_long": long,
        },
        central="steps_grow",
    )


def _typical(ratios: list[Value]) -> float:
    """The geometric mean."""
    return math.exp(sum(math.log(each or math.nan) for each in ratios) / len(ratios))


def measure(request: Request) -> Iterator[Update]:
    result = Result(chosen={kind: rate for kind, rate in request.chosen.items() if kind in KINDS})
    ratios = any(name.startswith("ratio/") for name in request.conditions)
    if ratios or len(result.chosen) < len(KINDS):
        done = 0.0
        for done, runs in swept(request):
            if done == 1:
                _tell_rates(request, runs, result)
            yield Update(0.9 * done, result)
        if done < 1:
            return
    for kind in KINDS:
        measured = [moved(request, kind, result.chosen[kind], seed) for seed in request.seeds]
        if request.stop():
            return
        points = [float(each) for each in request.recipe["points"]]
        result.curves[f"step/{kind}"] = Curve(points, [list(each["step"]) for each in measured])
        result.per_seed[f"growth/{kind}"] = [_growth(points, each["step"]) for each in measured]
        for norm in ("norm_a", "norm_b") if kind == "lora" else ():
            result.curves[norm] = Curve(points, [list(each[norm]) for each in measured])
            result.per_seed[norm] = [each[norm][-1] for each in measured]
    asked = {name: result.per_seed[name] for name in request.conditions}
    yield Update(1.0, replace(result, per_seed=asked))


def _tell_rates(request: Request, runs: dict[str, dict[tuple[float, int], Run]], result: Result) -> None:
    lengths, best = request.recipe["lengths"], {kind: optima(request, runs[kind]) for kind in KINDS}
    for kind, rates in best.items():
        result.curves[f"best/{kind}"] = Curve([float(each) for each in lengths], rates)
        result.curves[f"final/{kind}"] = _final(request, runs[kind])
        result.chosen.setdefault(kind, _chosen(request, runs[kind]))
    for place, length in enumerate(lengths):
        pairs = [(lora[place], full[place]) for lora, full in zip(best["lora"], best["full"], strict=True)]
        result.per_seed[f"ratio/{length}"] = [a / b if a and b else None for a, b in pairs]


def _growth(points: list[float], steps: list[float]) -> float:
    """The mean step of a run's second half, over the first."""
    late = [step for point, step in zip(points, steps, strict=True) if point >= points[-1] / 2]
    return sum(late) / len(late) / steps[0]


def swept(request: Request) -> Iterator[tuple[float, dict[str, dict[tuple[float, int], Run]]]]:
    """Every rate with every seed: validation losses at each length. The rates themselves are reported."""
    from torch import float64

    from lab.sweep import sweep

    keys = [
        (kind, rate, seed)
        for kind in KINDS
        for rate in request.recipe["rates"][kind]
        for seed in request.seeds
    ]
    for snapshot in sweep(
        [_config(request.recipe, *key) for key in keys],
        dtype=float64,  # the highest rates are chaotic: what is in the same batch shall not matter
        device=request.device,
        every=request.every,
        stop=request.stop,
        points=request.recipe["lengths"],
    ):
        found: dict[str, dict[tuple[float, int], Run]] = {kind: {} for kind in KINDS}
        for (kind, rate, seed), curve in zip(keys, snapshot.curves, strict=True):
            found[kind][rate, seed] = curve
        yield 1.0 if snapshot.state == "done" else min(0.99, snapshot.done), found
        if snapshot.state == "stopped":
            return


def optima(request: Request, runs: dict[tuple[float, int], Run]) -> list[list[Value]]:
    """For each seed the best rate after each length: the vertex of the parabola through the best three."""
    found = []
    for seed in request.seeds:
        mine = [run for (_, each), run in runs.items() if each == seed]
        found.append(
            [best_lrs(_until(run, length) for run in mine)[0].lr for length in request.recipe["lengths"]]
        )
    return found


def _until(run: Run, length: int) -> Run:
    """The run had it ended after `length` steps; diverged if it did not get there."""
    if length not in run.steps:
        return replace(run, state="diverged")
    return replace(run, state="done", validation=run.validation[: run.steps.index(length) + 1])


def _chosen(request: Request, runs: dict[tuple[float, int], Run]) -> float:
    """The grid's best rate for the longest run."""
    (best,) = best_lrs(_until(run, max(request.recipe["lengths"])) for run in runs.values())
    return best.condition.lr


def _final(request: Request, runs: dict[tuple[float, int], Run]) -> Curve:
    """Loss after the longest run against the rate."""
    rates = sorted({rate for rate, _ in runs})
    last = max(request.recipe["lengths"])
    return Curve(
        rates,
        [
            [
                run.validation[-1] if run.steps and run.steps[-1] == last else None
                for run in (runs[r, seed] for r in rates)
            ]
            for seed in request.seeds
        ],
    )


def moved(request: Request, kind: str, lr: float, seed: int) -> dict[str, list[float]]:
    """Along one run, at the recipe's points: mean ‖A‖₂ and ‖B‖₂, and the length of the step that follows."""
    import torch

    from lab.bases.models import load_base
    from lab.bases.tasks import load_task
    from lab.runs.fine_tune import ADAPTER_STREAM
    from lab.sweep.batch import Batch, Member

    config, task = _config(request.recipe, kind, lr, seed), load_task(request.recipe["task"])
    generator = torch.Generator().manual_seed(seed)
    member = Member(config.adapter, lr, seed + ADAPTER_STREAM, config.targets)
    batch = Batch(load_base(config.base), [member], shared=True, dtype=torch.float64)
    found: dict[str, list[float]] = {"norm_a": [], "norm_b": [], "step": []}
    for step in range(max(request.recipe["points"]) + 1):
        before = {}
        if step in request.recipe["points"]:
            before = {name: weight.clone() for name, weight in batch.weights(0).items()}
            if kind == "lora":
                for place, norm in enumerate(("norm_a", "norm_b")):
                    sizes = [torch.linalg.matrix_norm(each[place], 2) for each in batch.factors(0).values()]
                    found[norm].append(float(torch.stack(sizes).mean()))
        inputs, targets = task.batch(config.batch, generator)
        batch.step(inputs.double(), targets)
        if before:
            after = batch.weights(0)
            moved_by = (float((after[name].detach() - W.detach()).norm()) for name, W in before.items())
            found["step"].append(math.hypot(*moved_by))
    return found


def _config(recipe: Recipe, kind: str, lr: float, seed: int) -> TrainConfig:
    adapter = (
        None
        if kind == "full"
        else AdapterConfig(rank=int(recipe["rank"]), alpha=recipe["alpha"], targets="blocks")
    )
    return TrainConfig(
        "mlp-mnist",
        recipe["task"],
        adapter,
        lr=lr,
        batch=recipe["batch"],
        steps=max(recipe["lengths"]),
        seed=seed,
        yardstick=False,
    )


EXPERIMENT = Experiment(
    name="c08_warmup",
    recipe=RECIPE,
    quick=QUICK,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    settings=(Setting("rank", 8, (1, 4, 8, 32)), Setting("alpha", 32.0, (8.0, 16.0, 32.0, 64.0))),
)
