"""What a sweep says, while it runs and when it has ended: curves and best learning rates. No torch here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from lab.runs.config import TrainConfig
from lab.runs.snapshot import State

Edge = Literal["lowest", "highest"]


@dataclass(frozen=True)
class Curve:
    """One configuration: parallel lists with an entry for each measured step so far.

    Attributes:
        train: loss of the batch of this step, before its update; None at step 0.
        validation: loss on the fixed examples of the validation split, or of the one that the sweep was told
            to measure on; accuracy: pictures only.
        test_loss, test_accuracy: on the test split, once the run has ended.

    Losses are in nats, None where not finite. A diverged run has no points from there on.
    """

    config: TrainConfig
    state: State = "running"
    steps: list[int] = field(default_factory=list)
    train: list[float | None] = field(default_factory=list)
    validation: list[float | None] = field(default_factory=list)
    accuracy: list[float | None] = field(default_factory=list)
    test_loss: float | None = None
    test_accuracy: float | None = None

    def to_json(self) -> dict[str, Any]:
        return vars(self) | {"config": self.config.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**data, "config": TrainConfig.from_json(data["config"])})


@dataclass(frozen=True)
class SweepSnapshot:
    """One moment of a sweep.

    Attributes:
        seconds: since it began. done: share of its steps made, 0 to 1.
        state: "running" until the last snapshot, "done" or "stopped" in it.
        curves: one of each configuration, in the order given.
    """

    seconds: float
    done: float
    state: State
    curves: list[Curve]

    def to_json(self) -> dict[str, Any]:
        return vars(self) | {"curves": [curve.to_json() for curve in self.curves]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**data, "curves": [Curve.from_json(curve) for curve in data["curves"]]})


@dataclass(frozen=True)
class Optimum:
    """The best learning rate of one condition (all that a configuration says but its rate and seed).

    Attributes:
        condition: a configuration of it, at the best rate of the grid.
        lr: vertex of the parabola, in ln lr, through the three best rates; between the best one's neighbours.
            None when no rate was stable for all seeds.
        low, high: the band in which the optimum lies as far as this sweep can tell; see `best_lrs`.
        loss, spread: mean and standard deviation over seeds at the best rate of the grid; no spread with one.
        edge: the best rate is the grid's lowest or highest, so the optimum may lie beyond it.
    """

    condition: TrainConfig
    lr: float | None
    low: float | None
    high: float | None
    loss: float | None
    spread: float | None
    edge: Edge | None


def best_lrs(curves: Iterable[Curve]) -> list[Optimum]:
    """The best learning rate of each condition, by the last validation loss, with its uncertainty.

    The band joins two doubts. The seeds: the lowest and highest optimum that a single seed would have given.
    The flatness: the rates whose loss on the parabola is within a standard error of its lowest. With one seed
    there is neither, and the band reaches to the neighbouring rates. A rate at which some seed diverged does
    not count.
    """
    conditions: dict[TrainConfig, list[Curve]] = {}
    for curve in curves:
        conditions.setdefault(replace(curve.config, lr=1.0, seed=0), []).append(curve)
    return [_best(group) for group in conditions.values()]


def _best(curves: Sequence[Curve]) -> Optimum:
    rates = sorted({curve.config.lr for curve in curves})
    seeds = sorted({curve.config.seed for curve in curves})
    table = np.full((len(seeds), len(rates)), math.inf)  # last validation losses
    for curve in curves:
        loss = curve.validation[-1] if curve.validation and curve.state != "diverged" else None
        place = seeds.index(curve.config.seed), rates.index(curve.config.lr)
        table[place] = math.inf if loss is None else loss
    mean = table.mean(0)
    best = int(mean.argmin())
    condition = replace(curves[0].config, lr=rates[best])
    if not math.isfinite(mean[best]):
        return Optimum(condition, None, None, None, None, None, None)
    z = np.log(rates)
    vertex, curvature = _vertex(z, mean)
    around = _neighbours(z, mean, best)
    spread: float | None = None
    if len(seeds) > 1:
        spread = float(table[:, best].std(ddof=1))
        alone = [_vertex(z, losses)[0] for losses in table]
        doubt = math.sqrt(spread / math.sqrt(len(seeds)) / curvature) if curvature > 0 else math.inf
        flat = (max(around[0], vertex - doubt), min(around[1], vertex + doubt))
        around = (min(*alone, flat[0]), max(*alone, flat[1]))
    edge: Edge | None = "lowest" if best == 0 else "highest" if best == len(rates) - 1 else None
    lr, low, high = (float(math.exp(value)) for value in (vertex, *around))
    return Optimum(condition, lr, low, high, float(mean[best]), spread, edge)


def _vertex(z: NDArray[np.float64], losses: NDArray[np.float64]) -> tuple[float, float]:
    """Where the parabola through the three best points is lowest, and its curvature; 0 where none fits."""
    best = int(losses.argmin())
    three = np.argsort(losses, kind="stable")[:3]
    if len(three) < 3 or not np.isfinite(losses[three]).all():
        return float(z[best]), 0.0
    a, b, _ = np.polyfit(z[three] - z[best], losses[three], 2)
    if not a > 0:
        return float(z[best]), 0.0
    low, high = _neighbours(z, losses, best)
    return float(np.clip(z[best] - b / (2 * a), low, high)), float(a)


def _neighbours(z: NDArray[np.float64], losses: NDArray[np.float64], best: int) -> tuple[float, float]:
    """The rates beside the best; the best itself where there is none, or none that is stable."""
    low, high = max(best - 1, 0), min(best + 1, len(z) - 1)
    return float(z[low]), float(z[high] if math.isfinite(losses[high]) else z[best])
