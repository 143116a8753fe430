"""C7 and C9: what is exact, or counted."""

from __future__ import annotations

from lab.claims import Result
from lab.claims.base import Recipe
from web.kit.claims.chart import FULL, LORA, Axis, Chart, Level, line, points
from web.kit.claims.words import axis, named, power, small, three, whole
from web.kit.i18n import t

CONDITIONS = (("twice_lr_b", FULL, "solid"), ("common_eps", LORA, "dash"), ("exact", LORA, "solid"))
DIGITS = (1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 1.0)


def difference(result: Result, recipe: Recipe) -> Chart:
    """How far the transformed runs are from the plain one, step by step."""
    drawn = [
        line(
            named(name),
            result.curves.get(f"difference/{name}"),
            short=named(f"{name}.short"),
            log=True,
            colour=colour,
            dash=dash,
        )
        for name, colour, dash in CONDITIONS
    ]
    return Chart(
        tuple(drawn),
        Axis(axis("step"), whole, low=0, high=recipe["steps"]),
        Axis(axis("difference"), power, log=True, ticks=DIGITS, low=1e-17, high=10),
        precise=power,
    )


WIDTHS = {64: ("dot", True), 256: ("dash", True), 1024: ("solid", False)}


def layer(result: Result, recipe: Recipe) -> Chart:
    return _flops("layer", result, recipe)


def network(result: Result, recipe: Recipe) -> Chart:
    return _flops("network", result, recipe)


def _flops(part: str, result: Result, recipe: Recipe) -> Chart:
    """What a step costs by rank, for each width, as a share of full fine-tuning."""
    ranks = list(recipe["ranks"])
    drawn = []
    for n in recipe["widths"]:
        dash, hollow = WIDTHS.get(n, ("solid", False))
        at = [(float(r), f"{part}/n{n}/r{r}") for r in ranks]
        name = t("experiments.series.width", n=whole(n))
        drawn.append(points(name, result, at, short=whole(n), dash=dash, hollow=hollow))
    return Chart(
        tuple(drawn),
        Axis(axis("rank"), whole, log=True, ticks=ranks),
        Axis(axis("flops"), small, ticks=[0.5, 1, 1.5, 2, 2.5], low=0.5),
        levels=(Level(1.0, named("full_long"), strong=True),),
        precise=three,
    )
