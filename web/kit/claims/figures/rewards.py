"""C6: what a reward teaches."""

from __future__ import annotations

from lab.claims import Curve, Result, mean
from lab.claims.base import Recipe
from web.kit.claims.chart import FULL, LORA, Axis, Chart, Level, line
from web.kit.claims.words import axis, named, rank, rank_short, whole
from web.kit.i18n import percent, t

POINTS = 40  # of a curve: rewards of single steps are averaged into as many


def no_e(result: Result, recipe: Recipe) -> Chart:
    return _task("no_e", [1], recipe["texts"]["no_e"], result)


def exclaims(result: Result, recipe: Recipe) -> Chart:
    return _task("exclaims", [1], recipe["texts"]["exclaims"], result)


def rotated(result: Result, recipe: Recipe) -> Chart:
    return _task("rotated", recipe["picture_ranks"], recipe["picture_steps"], result)


def _task(task: str, ranks: list[int], steps: float, result: Result) -> Chart:
    """The share rewarded at each step, by rank and with full fine-tuning; the base's, dotted."""
    drawn = [
        line(
            rank(r),
            _smooth(result.curves.get(f"{task}/r{r}")),
            short=rank_short(r),
            colour=LORA,
            dash="solid" if r == ranks[0] else "dash",
        )
        for r in ranks
    ]
    full = line(
        named("full_long"), _smooth(result.curves.get(f"{task}/full")), short=named("full"), colour=FULL
    )
    base = result.extra.get("base", {}).get(task)
    levels = (Level(base, t("experiments.series.base", value=percent(base))),) if base is not None else ()
    return Chart(
        (full, *drawn),
        Axis(axis("step"), whole, low=0, high=steps),
        Axis(axis("rewarded"), percent, ticks=(0, 0.25, 0.5, 0.75, 1), low=0, high=1.04),
        levels=levels,
        precise=lambda value: percent(value, 1),
    )


def _smooth(curve: Curve | None) -> Curve | None:
    """Means of neighbouring steps, so that what single batches were rewarded does not hide the curve."""
    if curve is None:
        return None
    size = -(-len(curve.x) // POINTS)
    starts = range(0, len(curve.x), size)
    return Curve(
        [mean(curve.x[at : at + size]) for at in starts],
        [[mean(values[at : at + size]) for at in starts] for values in curve.y],
    )
