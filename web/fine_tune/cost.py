"""What a choice costs, counted: numbers that train, memory, operations a step, beside full fine-tuning."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from markupsafe import Markup

from lab.bases.registry import BASES
from lab.runs.config import TrainConfig
from lora_core.config import select
from lora_core.planning.cost import cost
from lora_core.planning.method_cost import method_cost
from web.kit.i18n import number, percent, t

FLOAT = 4  # bytes
ADAM = 2  # numbers that it keeps of each that trains


@dataclass(frozen=True)
class Counted:
    """One step: numbers that train, bytes of their gradients and of the optimiser's state, FLOPs."""

    trained: int
    memory: int
    flops: int


def of(config: TrainConfig) -> Counted:
    """The cost of one step of a run, over the linear layers and, where they train, the embeddings."""
    base = BASES[config.base]
    layers, rows = base.layers, config.batch * base.rows
    names = select(layers, config.targets)
    if config.adapter is not None:
        found = method_cost(config.adapter.method, layers, names, rank=config.adapter.rank, rows=rows)
        return Counted(found.trained, FLOAT * found.trained + found.optimizer_bytes, found.flops)
    full = cost(layers, names, rank=None, rows=rows)
    trained, flops = full.trained, full.flops
    if not isinstance(config.targets, str):  # what is looked up: no product, so no operations forward
        looked_up = [math.prod(shape) for name, shape in base.embeddings.items() if name in config.targets]
        trained += sum(looked_up)
        if looked_up:  # then the first layer's input has a gradient
            flops += 2 * rows * math.prod(next(iter(layers.values())))
    return Counted(trained, (1 + ADAM) * FLOAT * trained, flops)


def trained(config: TrainConfig) -> int:
    """How many numbers train."""
    return of(config).trained


def table(config: TrainConfig) -> Markup:
    """The counts of a choice, and what share they are of full fine-tuning's, as HTML."""
    mine, full = of(config), of(replace(config, adapter=None))
    written = {
        "trained": (mine.trained, full.trained, number(mine.trained)),
        "memory": (mine.memory, full.memory, t("fine_tune.cost.kb", n=number(mine.memory / 1000, 0))),
        "work": (mine.flops, full.flops, t("fine_tune.cost.mflop", n=number(mine.flops / 1e6, 0))),
    }
    adapter = config.adapter is not None
    rows = [
        Markup('<tr><th scope="row">{}</th><td>{}</td>{}</tr>').format(
            t(f"fine_tune.cost.{name}"),
            value,
            Markup("<td>{}</td>").format(_share(part, whole)) if adapter else "",
        )
        for name, (part, whole, value) in written.items()
    ]
    last = Markup('<th scope="col">{}</th>').format(t("fine_tune.cost.share")) if adapter else ""
    return Markup(
        '<table class="ft-cost"><thead><tr><th scope="col">{}</th>'
        '<th scope="col"><span class="vh">{}</span></th>{}</tr></thead><tbody>{}</tbody></table>'
    ).format(t("fine_tune.cost.title"), t("fine_tune.cost.value"), last, Markup("").join(rows))


def _share(part: int, whole: int) -> str:
    return percent(part / whole, 0 if part >= whole / 10 else 1)
