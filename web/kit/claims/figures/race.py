"""The open question: the methods under the source's own method."""

from __future__ import annotations

from lab.claims import Result
from lab.claims.base import Recipe
from web.kit.claims.chart import Axis, Chart, Level, rows
from web.kit.claims.words import axis, small, three, two
from web.kit.colours import method_colour
from web.kit.i18n import t


def late(result: Result, recipe: Recipe) -> Chart:
    return _after(-1, result, recipe)


def middle(result: Result, recipe: Recipe) -> Chart:
    return _after(1, result, recipe)


def early(result: Result, recipe: Recipe) -> Chart:
    return _after(0, result, recipe)


def _after(place: int, result: Result, recipe: Recipe) -> Chart:
    """Loss of each method after some steps, at its best rate for as many; LoRA's as a dotted line."""
    steps = recipe["horizons"][place]
    dots, names = rows(result, {f"{name}/{steps}": _row(name) for name in recipe["methods"]})
    levels = (Level(result.mean(f"lora/{steps}"), ""),) if f"lora/{steps}" in result.per_seed else ()
    return Chart(
        dots, Axis(axis("loss_methods"), two), Axis("", two), levels=levels, rows=names, precise=three
    )


def descent(result: Result, recipe: Recipe) -> Chart:
    """Steps of plain gradient descent to a known ΔW."""
    names = [name for name in recipe["methods"] if not result.per_seed or f"sgd/{name}" in result.per_seed]
    dots, rows_ = rows(result, {f"sgd/{name}": _row(name) for name in names})
    return Chart(dots, Axis(axis("steps_needed"), small, log=True), Axis("", two), rows=rows_)


def _row(name: str) -> tuple[str, str]:
    return t(f"fine_tune.method.{name}"), method_colour(name)
