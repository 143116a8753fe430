"""C5 and C8: batches, updates, and how training begins."""

from __future__ import annotations

from lab.claims import Curve, Result, mean, sd
from lab.claims.base import Recipe
from web.kit.claims.chart import FULL, LORA, Axis, Chart, Level, Series, line, series, so_far
from web.kit.claims.words import axis, named, rate, small, three, two, whole
from web.kit.i18n import t


def batch_text(result: Result, recipe: Recipe) -> Chart:
    return _batches("text", result, recipe)


def batch_pictures(result: Result, recipe: Recipe) -> Chart:
    return _batches("pictures", result, recipe)


def _batches(part: str, result: Result, recipe: Recipe) -> Chart:
    """LoRA's distance from full fine-tuning by batch size, at equal examples and at equal updates."""
    sizes = recipe[part]
    low, high = sizes["ranks"][0], sizes["ranks"][-1]
    drawn = [
        _gap(
            part, "updates", high, result, sizes["batches"], colour="var(--m-dora)", dash="dash", hollow=True
        ),
        _gap(part, "examples", low, result, sizes["batches"], colour=LORA, dash="dot", hollow=True),
        _gap(part, "examples", high, result, sizes["batches"], colour=LORA),
    ]
    return Chart(
        tuple(drawn),
        Axis(axis("batch"), whole, log=True, ticks=sizes["batches"]),
        Axis(axis("behind"), two),
        levels=(Level(0.0, named("full_long"), strong=True),),
        precise=three,
    )


def _gap(part: str, panel: str, r: int, result: Result, batches: list[int], **style: object) -> Series:
    found = []
    for batch in batches:
        ours, full = (so_far(result, f"{part}/{panel}/{who}:b{batch}") for who in (f"r{r}", "full"))
        gaps = [None if a is None or b is None else a - b for a, b in zip(ours, full, strict=False)]
        found.append((float(batch), mean(gaps), sd(gaps)))
    name = t(f"experiments.series.same_{panel}", r=whole(r))
    return series(name, found, short=t(f"experiments.series.same_{panel}.short", r=whole(r)), **style)


def norms(result: Result, recipe: Recipe) -> Chart:
    """The spectral norms of A and B along a run."""
    drawn = [
        line("B", result.curves.get("norm_b"), least=1, colour=LORA),
        line("A", result.curves.get("norm_a"), least=1, colour=LORA, dash="dash"),
    ]
    return _over_steps(drawn, recipe, Axis(axis("norm"), small))


def steps(result: Result, recipe: Recipe) -> Chart:
    """How far each step moves the weights, as a multiple of the first step."""
    drawn = [
        line(named("lora"), _relative(result.curves.get("step/lora")), least=1, colour=LORA),
        line(named("full"), _relative(result.curves.get("step/full")), least=1, colour=FULL),
    ]
    return _over_steps(drawn, recipe, Axis(axis("moved"), small, log=True))


def _relative(curve: Curve | None) -> Curve | None:
    if curve is None:
        return None
    return Curve(curve.x, [[y / ys[0] if y and ys[0] else None for y in ys] for ys in curve.y])


def _over_steps(drawn: list[Series], recipe: Recipe, y: Axis) -> Chart:
    last = max(recipe["points"])
    ticks = [step for step in (1, 3, 10, 30, 100, 300) if step <= last / 1.6] + [last + 1]
    x = Axis(axis("step"), whole, log=True, ticks=ticks, few=[*ticks[:-1:2], last + 1], low=1, high=last + 1)
    return Chart(tuple(drawn), x, y)


def rates(result: Result, recipe: Recipe) -> Chart:
    """The best rate of LoRA and of full fine-tuning by the length of the run."""
    lengths = recipe["lengths"]
    drawn = [
        line(named("lora"), result.curves.get("best/lora"), colour=LORA, band=False),
        line(named("full"), result.curves.get("best/full"), colour=FULL, band=False),
    ]
    return Chart(
        tuple(drawn),
        Axis(axis("length"), whole, log=True, ticks=lengths, few=lengths[::2]),
        Axis(axis("best_rate"), rate, log=True, ticks=(1e-3, 3e-3, 1e-2, 3e-2)),
    )
