"""What an experiment is, what it finds, and how it is judged. No torch here."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

Value = float | None  # None where a run diverged
Outcome = Literal["reproduces", "partly", "does_not"]
Recipe = Mapping[str, Any]


def mean(values: Sequence[Value]) -> float:
    """NaN when a run diverged, so that no comparison with it holds."""
    numbers = [math.nan if value is None else value for value in values]
    return statistics.fmean(numbers) if numbers else math.nan


def sd(values: Sequence[Value]) -> float:
    """Standard deviation of a sample; 0 of a single value."""
    numbers = [math.nan if value is None else value for value in values]
    if not all(map(math.isfinite, numbers)):
        return math.nan
    return statistics.stdev(numbers) if len(numbers) > 1 else 0.0


@dataclass(frozen=True)
class Curve:
    """y: a list for each seed, parallel to x."""

    x: list[float]
    y: list[list[Value]]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(list(data["x"]), [list(values) for values in data["y"]])

    def mean(self) -> list[float]:
        """Over seeds, at each x."""
        return [mean(values) for values in zip(*self.y, strict=True)]


@dataclass(frozen=True)
class Result:
    """What a run has found so far: of the same shape live and recorded.

    Attributes:
        per_seed: condition -> the reported number of each seed, in order; one alone if deterministic.
        curves: name -> what a figure draws; named after the condition where it belongs to one.
        chosen: condition -> the learning rate it ran at.
        selection: condition -> learning rates and the validation losses, a list for each selection seed, by
            which one was chosen. These seeds are others than the reported ones.
        extra: anything else a figure needs, as JSON.
    """

    per_seed: dict[str, list[Value]] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    chosen: dict[str, float] = field(default_factory=dict)
    selection: dict[str, Curve] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def mean(self, condition: str) -> float:
        return mean(self.per_seed.get(condition, []))

    def sd(self, condition: str) -> float:
        return sd(self.per_seed.get(condition, [math.nan]))

    def gap(self, a: str, b: str) -> tuple[float, float]:
        """a − b, seed by seed (the same minibatches): its mean and the standard error of that mean."""
        pairs = zip(self.per_seed.get(a, []), self.per_seed.get(b, []), strict=False)
        gaps = [None if x is None or y is None else x - y for x, y in pairs]
        return mean(gaps), sd(gaps) / math.sqrt(len(gaps)) if gaps else math.nan

    def to_json(self) -> dict[str, Any]:
        return vars(self) | {
            name: {key: vars(curve) for key, curve in getattr(self, name).items()}
            for name in ("curves", "selection")
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        curves, selection = (
            {key: Curve.from_json(curve) for key, curve in data[name].items()}
            for name in ("curves", "selection")
        )
        per_seed = {key: list(values) for key, values in data["per_seed"].items()}
        return cls(per_seed, curves, dict(data["chosen"]), selection, dict(data["extra"]))


@dataclass(frozen=True)
class Update:
    """A moment of a run. done: share of the work, 0 to 1; below 1 in the last update if it was stopped."""

    done: float
    result: Result


@dataclass(frozen=True)
class Verdict:
    """checks: what was asked, and whether it held. numbers: what the checks compared."""

    outcome: Outcome
    checks: dict[str, bool]
    numbers: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        return vars(self)


def judge(checks: Mapping[str, bool], numbers: Mapping[str, float], *, central: str) -> Verdict:
    """The rule of all verdicts: "reproduces" if every check holds, "does_not" if the central one fails."""
    if all(checks.values()):
        outcome: Outcome = "reproduces"
    else:
        outcome = "partly" if checks[central] else "does_not"
    return Verdict(outcome, dict(checks), dict(numbers))


@dataclass(frozen=True)
class Setting:
    """A key of the recipe that a reader may change for a live run.

    always: given, a value is several of the choices, these among them, joined by spaces; the recipe has them
        as a list. They say what is compared, and leave what has been found for each as it is.
    """

    name: str
    default: float | str
    choices: tuple[float | str, ...]
    always: tuple[str, ...] | None = None

    def allows(self, value: float | str) -> bool:
        if self.always is None:
            return value in self.choices
        words = str(value).split()
        return set(self.always) <= set(words) <= set(self.choices) and len(set(words)) == len(words)


@dataclass(frozen=True)
class Request:
    """What is to be measured.

    Attributes:
        recipe: with a reader's settings in it.
        chosen: learning rates of conditions that need no selection any more.
        stop: asked between any two steps.
        every: seconds between two updates; more often does no harm.
    """

    recipe: Recipe
    seeds: tuple[int, ...]
    conditions: tuple[str, ...]
    chosen: Mapping[str, float]
    device: str
    stop: Callable[[], bool]
    every: float


@dataclass(frozen=True)
class Experiment:
    """A claim, how it is tried, and how it is judged.

    Attributes:
        quick: the recipe of the live run: the same keys, at most 60 s of work of one thread.
        conditions: names what a recipe compares.
        measure: does the work; updates carry everything found so far.
        verdict: the stated rule, from the numbers alone.
        seeds: at least five, or none where the result is exact. quick_seeds: of the live run.
    """

    name: str
    recipe: Recipe
    quick: Recipe
    conditions: Callable[[Recipe], list[str]]
    measure: Callable[[Request], Iterator[Update]]
    verdict: Callable[[Result], Verdict]
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    quick_seeds: tuple[int, ...] = (0,)
    settings: tuple[Setting, ...] = ()

    @property
    def deterministic(self) -> bool:
        return not self.seeds

    def changed(self, recipe: Recipe, settings: Mapping[str, float | str]) -> Recipe:
        """A recipe with settings put over it."""
        several = {setting.name for setting in self.settings if setting.always is not None}
        return {**recipe, **{k: str(v).split() if k in several else v for k, v in settings.items()}}

    def run(
        self,
        recipe: Recipe,
        *,
        seeds: Sequence[int],
        conditions: Sequence[str] | None = None,
        chosen: Mapping[str, float] | None = None,
        settings: Mapping[str, float | str] | None = None,
        device: str = "cpu",
        stop: Callable[[], bool] = lambda: False,
        every: float = 0.25,
    ) -> Iterator[Update]:
        """Updates: the first as soon as there is one, then at most one per `every` seconds, then the last.

        Args:
            conditions: all that the recipe names, unless given.
            chosen: see `Request`; what is not in it is chosen by a sweep on the validation split.
            settings: put over the recipe.

        Raises:
            ValueError: a condition that the recipe does not have.
        """
        recipe = self.changed(recipe, settings or {})
        names = self.conditions(recipe)
        if unknown := [name for name in conditions or () if name not in names]:
            raise ValueError(f"no condition {', '.join(unknown)}; conditions are: {', '.join(names)}")
        asked = tuple(names if conditions is None else conditions)
        request = Request(recipe, tuple(seeds), asked, dict(chosen or {}), device, stop, every)
        told, waiting = -math.inf, None
        for update in self.measure(request):
            waiting = update
            if time.perf_counter() - told >= every:
                told, waiting = time.perf_counter(), None
                yield update
        if waiting is not None:
            yield waiting
