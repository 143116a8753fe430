"""C4 and C11: which layers are adapted."""

from __future__ import annotations

from lab.claims import Result
from lab.claims.base import Recipe
from lab.claims.c04_layers import rank_of
from web.kit.claims.chart import FULL, LORA, Axis, Chart, Level, points, rows
from web.kit.claims.words import axis, named, small, three, two, whole
from web.kit.i18n import t


def layers(result: Result, recipe: Recipe) -> Chart:
    """Loss by choice of layers at equal parameters."""
    adapted = {
        name: (
            t("experiments.with_rank", name=named(name), r=whole(rank_of(name, int(recipe["rank"])))),
            LORA,
        )
        for name in ("attention", "mlp", "all")
    }
    dots, names = rows(result, adapted | {"last": (named("last"), LORA), "full": (named("full"), FULL)})
    return Chart(dots, Axis(axis("loss_rows"), two), Axis("", two), rows=names, precise=three)


KERNELS = {"all": ("solid", False), "mlp": ("dash", False), "attention": ("dot", True)}


def kernels(result: Result, recipe: Recipe) -> Chart:
    """How alike LoRA's tangent kernel is to full fine-tuning's, by rank and by layers adapted."""
    ranks = recipe["ranks"]
    drawn = [
        points(
            named(name),
            result,
            [(float(r), f"{name}/r{r}") for r in ranks],
            colour=LORA,
            dash=dash,
            hollow=hollow,
        )
        for name, (dash, hollow) in KERNELS.items()
    ]
    return Chart(
        tuple(drawn),
        Axis(axis("rank"), whole, log=True, ticks=ranks),
        Axis(axis("alignment"), small, ticks=(0, 0.25, 0.5, 0.75, 1), high=1.05),
        levels=(Level(1.0, named("full_long"), strong=True),),
        precise=three,
    )
