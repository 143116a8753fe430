"""C4 and C11: which layers are adapted."""

from __future__ import annotations

from lora_core.experiments import Result
from lora_core.experiments.base import Recipe
from lora_core.experiments.c04_layers import rank_of
from web.experiments.chart import FULL, LORA, Axis, Chart, rows
from web.experiments.words import axis, named, three, two, whole
from web.i18n import t


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
