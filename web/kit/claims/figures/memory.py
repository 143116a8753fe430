"""C10 and C12: what parameters hold, and what is forgotten."""

from __future__ import annotations

from lab.claims import Result, mean, sd
from lab.claims.base import Recipe
from lab.claims.c10_bits import TARGETS, parameters
from web.kit.claims.chart import FULL, LORA, Axis, Chart, Series, line, series
from web.kit.claims.words import axis, named, rank, rank_short, small, three, two, whole

LABEL_BITS = 3.321928  # log₂ 10
PUBLISHED = 2  # bits a parameter (Allen-Zhu and Li 2024)
STYLES = {"both": ("solid", False), "first": ("dash", True)}
FAR = 0.25  # nats: rates that end so far above the best have left the frontier


def capacity(result: Result, recipe: Recipe) -> Chart:
    """The most bits that an adapter came to store, by its parameters; two bits a parameter, dotted."""
    drawn = []
    for where in TARGETS:
        found = []
        for r in recipe["ranks"]:
            names = [
                f"{where}/r{r}/n{n}" for n in recipe["images"] if f"{where}/r{r}/n{n}" in result.per_seed
            ]
            if names:
                best = max(names, key=result.mean)
                found.append((float(parameters(f"{where}/r{r}")), result.mean(best), result.sd(best)))
        dash, hollow = STYLES[where]
        drawn.append(series(named(where), found, dash=dash, hollow=hollow))
    ends = [float(parameters(f"{where}/r{r}")) for where in TARGETS for r in recipe["ranks"]]
    law = [(x, PUBLISHED * x, 0.0) for x in (min(ends), max(ends))] if any(each.x for each in drawn) else []
    published = series(
        named("two_bits"), law, short=named("two_bits.short"), band=True, colour="var(--subtle)", dash="dot"
    )
    ticks = [300, 1000, 3000, 10000]
    return Chart(
        (published, *drawn),
        Axis(axis("parameters"), whole, log=True, ticks=ticks),
        Axis(axis("bits"), whole, log=True, ticks=(300, 1000, 3000, 10000)),
        precise=whole,
    )


def stored(result: Result, recipe: Recipe) -> Chart:
    """Bits stored by the number of pictures, for each adapter; all bits that there are, dotted."""
    drawn = [
        line(
            f"{named(where)}, {rank_short(r)}",
            result.curves.get(f"{where}/r{r}"),
            short=f"{named(f'{where}.short')} {rank_short(r)}",
            dash=STYLES[where][0],
            hollow=STYLES[where][1],
            band=False,
        )
        for where in TARGETS
        for r in recipe["ranks"]
    ]
    there = [(float(n), n * LABEL_BITS, 0.0) for n in recipe["images"]] if any(d.x for d in drawn) else []
    most = series(
        named("all_bits"), there, short=named("all_bits.short"), band=True, colour="var(--subtle)", dash="dot"
    )
    return Chart(
        (most, *drawn),
        Axis(axis("pictures"), whole, log=True, ticks=recipe["images"]),
        Axis(axis("bits"), whole, log=True, ticks=(300, 1000, 3000, 10000)),
        precise=whole,
    )


def frontier(result: Result, recipe: Recipe) -> Chart:
    """What was forgotten against the loss on the new task, along the learning rates."""
    names = [f"r{r}" for r in recipe["ranks"]]
    drawn = [
        _frontier(name, rank(r), rank_short(r), result, colour=LORA, dash=dash, hollow=dash != "solid")
        for name, r, dash in zip(names, recipe["ranks"], ("dot", "dash", "solid")[-len(names) :], strict=True)
    ]
    full = _frontier("full", named("full_long"), named("full"), result, colour=FULL)
    return Chart(
        (full, *drawn),
        Axis(axis("loss_new"), two),
        Axis(axis("forgotten"), small),
        precise=three,
    )


def _frontier(name: str, title: str, short: str, result: Result, **style: object) -> Series:
    new, lost = result.curves.get(f"new/{name}"), result.curves.get(f"forgotten/{name}")
    if new is None or lost is None:
        return Series(title, [], [], short=short)
    losses, gone = (list(zip(*curve.y, strict=True)) for curve in (new, lost))
    found = [(mean(a), mean(b), sd(b)) for a, b in zip(losses, gone, strict=True)]
    best = min((x for x, *_ in found if x == x), default=0.0)
    return series(title, [each for each in found if each[0] <= best + FAR], short=short, **style)
