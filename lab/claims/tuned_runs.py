"""What most claims need: a learning rate for each condition by a sweep, then the reported runs at that rate.

The rate is the one with the lowest validation loss, averaged over selection seeds. The reported seeds are
others and are measured on the test split, so nothing that is reported has taken part in a choice. No torch
until something runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from lab.bases.registry import BASES, base_of
from lab.claims.base import Curve, Request, Result, Update, Value
from lab.runs.config import TrainConfig
from lab.sweep.result import Curve as Run
from lora_core.config import AdapterConfig, Targets

SELECTION_SEEDS = (100, 101)
Field = Literal["test_loss", "test_accuracy"]
Key = tuple[str, float, int]  # condition, learning rate, seed


@dataclass(frozen=True)
class Condition:
    """What is trained, and the rates to choose from.

    Attributes:
        config: its rate and seed stand for nothing.
        points: steps at which the curve of the reported runs is measured; the last step always is one.
    """

    config: TrainConfig
    rates: tuple[float, ...]
    points: tuple[int, ...] = ()

    @property
    def work(self) -> float:
        return work(self.config)


def condition(
    task: str,
    rank: int | None,
    rates: Sequence[float],
    *,
    steps: int,
    batch: int,
    points: Sequence[int] = (),
    alpha: float = 32.0,
    targets: Targets = "blocks",
    gamma_rule: str = "alpha/r",
) -> Condition:
    """A condition on a task of the toys; rank None is full fine-tuning of the same matrices."""
    adapter = None
    if rank is not None:
        adapter = AdapterConfig(rank=rank, alpha=alpha, targets=targets, gamma_rule=gamma_rule)
    config = TrainConfig(
        base_of(task).name, task, adapter, targets, batch=batch, steps=steps, yardstick=False
    )
    return Condition(config, tuple(rates), tuple(points))


def tuned(
    request: Request,
    conditions: Mapping[str, Condition],
    *,
    selection_seeds: Sequence[int] = SELECTION_SEEDS,
    value: Field = "test_loss",
) -> Iterator[Update]:
    """`choose`, then `measure`."""
    choosing = sum(each.work * len(each.rates) for each in _open(request, conditions).values())
    measuring = sum(each.work for each in conditions.values()) * len(request.seeds)
    share = choosing * len(selection_seeds) / (choosing * len(selection_seeds) + measuring)
    result = Result()
    for update in choose(request, conditions, selection_seeds):
        result = update.result
        yield Update(share * update.done, result)
    if result.chosen.keys() == conditions.keys():
        for update in measure(request, conditions, result, value):
            yield Update(share + (1 - share) * update.done, update.result)


def choose(request: Request, conditions: Mapping[str, Condition], seeds: Sequence[int]) -> Iterator[Update]:
    """The learning rates that `request.chosen` does not hold. A stopped choice chooses nothing."""
    missing, runs = _open(request, conditions), dict[Key, Run]()
    known = {name: request.chosen.get(name, each.rates[0]) for name, each in conditions.items()}
    result = Result(chosen={name: rate for name, rate in known.items() if name not in missing})
    for done, found in trained(request, missing, seeds, split="validation"):
        runs = found
        yield Update(done, Result())
    if not all(map(ended, runs.values())):
        return
    for name, each in missing.items():
        losses = [[last(runs[name, rate, seed]) for rate in each.rates] for seed in seeds]
        result.selection[name] = Curve(list(each.rates), losses)
        result.chosen[name] = best_rate(result.selection[name])
    yield Update(1.0, result)


def measure(
    request: Request, conditions: Mapping[str, Condition], result: Result, value: Field = "test_loss"
) -> Iterator[Update]:
    """Every condition at its rate in `result.chosen` with the reported seeds.

    Yields:
        Results whose curves are test losses by step, and whose `per_seed` is `value` of the ended runs.
    """
    at = {name: replace(each, rates=(result.chosen[name],)) for name, each in conditions.items()}
    for done, runs in trained(request, at, request.seeds, split="test"):
        per_seed, curves = dict(result.per_seed), dict(result.curves)
        for name in conditions:
            mine = [runs[name, result.chosen[name], seed] for seed in request.seeds]
            curves[name] = joined(mine)
            if all(map(ended, mine)):
                per_seed[name] = [getattr(run, value) for run in mine]
        yield Update(done, replace(result, per_seed=per_seed, curves=curves))


def trained(
    request: Request,
    conditions: Mapping[str, Condition],
    seeds: Sequence[int],
    *,
    split: Literal["validation", "test"],
) -> Iterator[tuple[float, dict[Key, Run]]]:
    """Every condition at each of its rates with each seed, by as few sweeps as their configurations allow.

    Yields:
        The share of the work done, and what each run has found. It ends early, below 1, once `request.stop`
        says so.
    """
    from lab.sweep import sweep

    keys: dict[TrainConfig, list[Key]] = {}  # conditions that come to the same configuration are run once
    groups: dict[tuple[object, ...], dict[TrainConfig, tuple[int, ...]]] = {}
    for name, each in conditions.items():
        for rate, seed in product(each.rates, seeds):
            config = replace(each.config, lr=rate, seed=seed)
            keys.setdefault(config, []).append((name, rate, seed))
            alike = (config.task, config.targets, config.batch, config.steps)
            groups.setdefault(alike, {})[config] = each.points
    found = {key: Run(config) for config, mine in keys.items() for key in mine}
    total = sum(map(work, keys))
    done = 0.0
    for group in groups.values():
        share = sum(map(work, group)) / total
        for snapshot in sweep(
            list(group),
            device=request.device,
            every=request.every,
            stop=request.stop,
            points=sorted({point for points in group.values() for point in points})
            if split == "test"
            else (),
            split=split,
        ):
            found = found | {key: curve for curve in snapshot.curves for key in keys[curve.config]}
            yield done + share * snapshot.done, found
        if snapshot.state == "stopped":
            return
        done += share


def work(config: TrainConfig) -> float:
    """How long a run takes, roughly, in pictures of the MLP."""
    return config.steps * config.batch * BASES[config.base].work


def best_rate(losses: Curve) -> float:
    """The rate of lowest mean loss; one at which a run diverged does not count.

    Raises:
        ValueError: there is no other.
    """
    means = {rate: loss for rate, loss in zip(losses.x, losses.mean(), strict=True) if math.isfinite(loss)}
    if not means:
        raise ValueError(f"every learning rate diverged: {losses.x}")
    return min(means, key=lambda rate: means[rate])


def ended(run: Run) -> bool:
    return run.state in ("done", "diverged")


def last(run: Run) -> Value:
    """The loss at the end, None unless the run came there."""
    return run.validation[-1] if run.state == "done" else None


def joined(runs: Sequence[Run]) -> Curve:
    """Losses at the points of several seeds of one condition, None where one is not (yet) measured."""
    steps = max((run.steps for run in runs), key=len)
    return Curve(
        [float(step) for step in steps],
        [[*run.validation, *[None] * (len(steps) - len(run.validation))] for run in runs],
    )


def _open(request: Request, conditions: Mapping[str, Condition]) -> dict[str, Condition]:
    """Those whose rate is to be chosen: not known, and more than one."""
    return {
        name: each for name, each in conditions.items() if name not in request.chosen and len(each.rates) > 1
    }
