"""What a choice costs, counted: numbers that train, memory, operations a step, beside full fine-tuning."""

from __future__ import annotations

from dataclasses import replace

from lab.bases import recipes
from lab.runs.config import TrainConfig
from lora_core.config import select
from lora_core.planning.cost import Cost, cost
from web.kit.i18n import number, percent, t

# Shapes of what the GPTs look up: characters and positions. No product, so no operations forward.
EMBEDDINGS = {"embed": (192, 64), "position": (64, 64)}


def of(config: TrainConfig) -> Cost:
    """The cost of one step of a run, over the linear layers and, where they train, the embeddings."""
    layers = recipes.layers(config.base)
    text = recipes.recipe(config.base, config.task).kind == "text"
    rows = config.batch * (EMBEDDINGS["position"][0] if text else 1)
    names = select(layers, config.targets)
    rank = config.adapter.rank if config.adapter else None
    counted = cost(layers, names, rank=rank, rows=rows)
    if rank is not None or not text or isinstance(config.targets, str):
        return counted
    looked_up = [shape for name, shape in EMBEDDINGS.items() if name in config.targets]
    more = sum(d_out * d_in for d_out, d_in in looked_up)
    if not more:
        return counted
    d_out, d_in = next(iter(layers.values()))
    return replace(
        counted,
        trained=counted.trained + more,
        backward=counted.backward + 2 * rows * d_out * d_in,  # the gradient of the first layer's input
        gradient_bytes=counted.gradient_bytes + 4 * more,
        optimizer_bytes=counted.optimizer_bytes + 8 * more,
    )


def trained(config: TrainConfig) -> int:
    """How many numbers train."""
    return of(config).trained


def table(config: TrainConfig) -> str:
    """The counts of a choice, and what share they are of full fine-tuning's, as HTML."""
    mine, full = of(config), of(replace(config, adapter=None))
    rows = [
        ("trained", mine.trained, full.trained, number(mine.trained)),
        ("memory", _memory(mine), _memory(full), t("fine_tune.cost.kb", n=number(_memory(mine) / 1000, 0))),
        ("work", mine.flops, full.flops, t("fine_tune.cost.mflop", n=number(mine.flops / 1e6, 0))),
    ]
    share = config.adapter is not None
    body = "".join(
        f'<tr><th scope="row">{t(f"fine_tune.cost.{name}")}</th><td>{value}</td>'
        + (f"<td>{_share(n, whole)}</td>" if share else "")
        + "</tr>"
        for name, n, whole, value in rows
    )
    last = f'<th scope="col">{t("fine_tune.cost.share")}</th>' if share else ""
    return (
        f'<table class="ft-cost"><thead><tr><th scope="col">{t("fine_tune.cost.title")}</th>'
        f'<th scope="col"><span class="vh">{t("fine_tune.cost.value")}</span></th>{last}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _memory(counted: Cost) -> int:
    return counted.gradient_bytes + counted.optimizer_bytes


def _share(part: int, whole: int) -> str:
    return percent(part / whole, 0 if part >= whole / 10 else 1)
