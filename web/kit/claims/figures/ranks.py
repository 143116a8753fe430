"""C1 and early curves: loss, memory and error by rank."""

from __future__ import annotations

from lab.claims import Result, mean, sd
from lab.claims.base import Recipe
from web.kit.claims.chart import FULL, LORA, Axis, Chart, Level, Series, line, points, series, so_far
from web.kit.claims.words import axis, named, rank, rank_short, small, three, two, whole

DASHES = {1: "dot", 4: "dash", 16: "longdash", 64: "solid"}


def early(result: Result, recipe: Recipe) -> Chart:
    """Loss over steps by rank at one learning rate."""
    drawn = [_curve(result, f"r{r}", r) for r in recipe["ranks"]]
    return _curves(drawn, recipe["steps"])


def curves(result: Result, recipe: Recipe) -> Chart:
    """Loss over steps by rank, each at its own rate, and full fine-tuning."""
    full = line(named("full_long"), result.curves.get("text/full"), least=1, short=named("full"), colour=FULL)
    drawn = [_curve(result, f"text/r{r}", r) for r in recipe["text"]["ranks"]]
    return _curves([*drawn, full], recipe["steps"])


def _curve(result: Result, condition: str, r: int) -> Series:
    dash = DASHES.get(r, "solid")
    return line(rank(r), result.curves.get(condition), least=1, short=rank_short(r), colour=LORA, dash=dash)


def _curves(drawn: list[Series], steps: float) -> Chart:
    ticks = [step for step in (1, 3, 10, 30, 100, 300) if step <= steps / 1.6] + [steps]
    return Chart(
        tuple(drawn),
        Axis(axis("step"), whole, log=True, ticks=ticks, few=[*ticks[:-1:2], steps], low=1, high=steps),
        Axis(axis("loss_text"), two),
    )


def behind(result: Result, recipe: Recipe) -> Chart:
    """How far each rank ends behind full fine-tuning, seed by seed."""
    ranks, full = recipe["text"]["ranks"], so_far(result, "text/full")
    found = []
    for r in ranks:
        pairs = zip(so_far(result, f"text/r{r}"), full, strict=False)
        gaps = [None if a is None or b is None else a - b for a, b in pairs]
        found.append((float(r), mean(gaps), sd(gaps)))
    return Chart(
        (series("", found),),
        Axis(axis("rank"), whole, log=True, ticks=ranks),
        Axis(axis("behind"), two),
        levels=(Level(0.0, named("full_long"), strong=True),),
        precise=three,
    )


def memory(result: Result, recipe: Recipe) -> Chart:
    """Random labels learned by heart."""
    ranks, full = recipe["memory"]["ranks"], so_far(result, "memory/full")
    levels = (Level(mean(full), named("full_long"), strong=True),) if full else ()
    return Chart(
        (points("", result, [(float(r), f"memory/r{r}") for r in ranks]),),
        Axis(axis("rank"), whole, log=True, ticks=ranks),
        Axis(axis("remembered"), small, ticks=[0, 0.25, 0.5, 0.75, 1], low=0, high=1.08),
        levels=levels,
        precise=three,
    )


def teacher(result: Result, recipe: Recipe) -> Chart:
    """Error against a known ΔW, and the least that its singular values allow."""
    ranks, floor = recipe["teacher"]["ranks"], result.extra.get("floor", {})
    least = [(float(r), floor[f"r{r}"], 0.0) for r in ranks if f"r{r}" in floor]
    floor_line = series(
        named("floor"), least, short=named("floor.short"), colour="var(--subtle)", dash="dot", band=True
    )
    dots = points(named("lora"), result, [(float(r), f"teacher/r{r}") for r in ranks], joined=False)
    return Chart(
        (floor_line, dots),
        Axis(axis("rank"), whole, log=True, ticks=ranks),
        Axis(axis("error"), small, ticks=[0, 0.25, 0.5, 0.75, 1], low=-0.03, high=1),
        precise=three,
    )
