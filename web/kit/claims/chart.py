"""What a claim's figure shows, before anything is drawn: series with their spread, axes, named levels.

A chart says the same live and recorded, so a live run can be laid over the record. No Streamlit here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lab.claims import Curve, Result, mean, sd
from lab.claims.base import Value
from web.kit.axes import Format

LORA = "var(--m-lora)"
FULL = "var(--m-full)"


@dataclass(frozen=True)
class Series:
    """Points in order, and one standard deviation of each.

    Attributes:
        name, short: what stands at its end, on a wide and on a narrow chart. The same name is the same series
            of another run.
        spread: of y, or of x in a chart of rows; empty if there is one value alone.
        ends: where each bar begins and ends, if it is no standard deviation on both sides of the point.
        across: one standard deviation of x as well.
        band: the spread is a band along the line, as there are too many points for bars.
        joined: a line runs through the points.
        faint: it belongs to the record, and a live run is drawn over it.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    short: str = ""
    spread: Sequence[float] = ()
    ends: Sequence[tuple[float, float]] = ()
    across: Sequence[float] = ()
    colour: str = LORA
    dash: str = "solid"
    hollow: bool = False
    band: bool = False
    joined: bool = True
    faint: bool = False


@dataclass(frozen=True)
class Level:
    """A line across the chart with its name: what another run, or the source, has."""

    y: float
    name: str
    strong: bool = False


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        format: how its numbers are written.
        ticks: values that were run; round ones if there are none.
        few: those that a narrow chart has room for.
        low, high: where it begins and ends, if not where the data do.
    """

    title: str
    format: Format
    log: bool = False
    ticks: Sequence[float] = ()
    few: Sequence[float] = ()
    low: float | None = None
    high: float | None = None

    def of(self, value: float) -> float:
        """A value in the axis's own units."""
        return math.log10(value) if self.log else value


@dataclass(frozen=True)
class Chart:
    """A figure of a claim.

    Attributes:
        rows: names of the rows if y is no number but counts them from the top, from 0.
        precise: how the table writes y, or x of rows, if not as the axis does.
    """

    series: tuple[Series, ...]
    x: Axis
    y: Axis
    levels: tuple[Level, ...] = ()
    rows: tuple[str, ...] = ()
    height: int = 320
    precise: Format | None = field(default=None, compare=False)


def overlay(recorded: Chart, live: Chart) -> Chart:
    """A live run over the record, which stays whole as a faint trace."""
    behind = [replace(each, faint=True) for each in recorded.series]
    if live.rows and live.rows != recorded.rows:  # a live run may compare fewer
        behind = [_in_rows(each, recorded.rows, live.rows) for each in behind]
    longer = max(live.x, recorded.x, key=lambda axis: axis.high or 0.0)
    return replace(live, series=(*behind, *live.series), x=longer, rows=live.rows or recorded.rows)


def _in_rows(one: Series, old: Sequence[str], new: Sequence[str]) -> Series:
    """A series of rows in other rows, by their names; what has no row there is left out."""
    kept = [i for i, y in enumerate(one.y) if old[round(y)] in new]
    return replace(
        one,
        x=[one.x[i] for i in kept],
        y=[new.index(old[round(one.y[i])]) for i in kept],
        spread=[one.spread[i] for i in kept] if one.spread else [],
    )


def so_far(result: Result, condition: str) -> list[Value]:
    """The value of each seed; of a run that has not ended, the last one it has measured."""
    if condition in result.per_seed or condition not in result.curves:
        return result.per_seed.get(condition, [])
    complete = [values for values in zip(*result.curves[condition].y, strict=False) if None not in values]
    return list(complete[-1]) if complete else []


def points(name: str, result: Result, at: Iterable[tuple[float, str]], **style: Any) -> Series:
    """A series of conditions: the mean of each over seeds and its standard deviation.

    Args:
        at: x and the condition that was measured there; one that is not measured yet is left out.
    """
    found = [(x, so_far(result, condition)) for x, condition in at]
    return series(name, [(x, mean(values), sd(values)) for x, values in found if values], **style)


def series(name: str, found: Iterable[tuple[float, float, float]], **style: Any) -> Series:
    """A series of x, y and spread; what is not finite (a run diverged) is left out."""
    kept = [each for each in found if all(map(math.isfinite, each))]
    spread = [each[2] for each in kept]
    return Series(
        name,
        [each[0] for each in kept],
        [each[1] for each in kept],
        spread=spread if any(spread) else [],
        **style,
    )


def rows(
    result: Result, at: Mapping[str, tuple[str, str]], **style: Any
) -> tuple[tuple[Series, ...], tuple[str, ...]]:
    """A dot a row, from the top: condition -> the row's name and its colour."""
    drawn = []
    for row, (condition, (name, colour)) in enumerate(at.items()):
        values = so_far(result, condition)
        dot = series(name, [(mean(values), row, sd(values))] if values else [], colour=colour, **style)
        drawn.append(replace(dot, joined=False))
    return tuple(drawn), tuple(name for name, _ in at.values())


def line(
    name: str, curve: Curve | None, *, least: float = -math.inf, log: bool = False, **style: Any
) -> Series:
    """A series of a curve: its mean over seeds, with a band of one standard deviation.

    Args:
        least: the smallest x that is drawn.
        log: y is drawn on a log axis, which holds no zero.
    """
    pairs = zip(curve.x, zip(*curve.y, strict=False), strict=False) if curve else []
    found = [(x, mean(values), sd(values)) for x, values in pairs if x >= least]
    return series(name, [each for each in found if each[1] > 0 or not log], **{"band": True, **style})
