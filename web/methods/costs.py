"""What two methods cost on a model that people use, counted from its shapes, beside LoRA."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from markupsafe import Markup

from lora_core.planning.method_cost import MethodCost, method_cost
from lora_core.planning.shapes import LLAMA_3_1_8B
from web.kit.i18n import number, t
from web.kit.text import escape
from web.methods.family import Member

RANK, TOKENS = 16, 4096
ROW = Markup('<tr><th scope="row">{}</th>{}</tr>')
ROWS = ("trained", "optimizer", "flops", "frozen")


@cache
def of(method: str) -> MethodCost:
    """One step on all linear layers of the blocks."""
    names = LLAMA_3_1_8B.choose("all", head=False)
    return method_cost(method, LLAMA_3_1_8B.layers, names, rank=RANK, rows=TOKENS)


def value(name: str, counted: MethodCost) -> tuple[float, str]:
    """One count, and how it is written."""
    if name == "trained":
        return counted.trained, t("methods.cost.million", n=number(counted.trained / 1e6, 1))
    if name == "flops":
        return counted.flops, t("methods.cost.tflop", n=number(counted.flops / 1e12, 1))
    held = counted.optimizer_bytes if name == "optimizer" else counted.frozen_bytes
    return held, t("methods.cost.gb", n=number(held / 1e9, 2))


def table(pair: Sequence[Member]) -> Markup:
    """The counts of both, each with its ratio to LoRA's, as HTML."""
    heads = Markup("").join(Markup('<th scope="col">{}</th>').format(escape(each.name)) for each in pair)
    body = Markup("").join([*(_row(name, pair) for name in ROWS), _once(pair)])
    about = escape(t("methods.cost.about", model=LLAMA_3_1_8B.name, rank=number(RANK), tokens=number(TOKENS)))
    return Markup(
        '<table class="mt-cost"><caption>{}</caption>'
        "<thead><tr><td></td>{}</tr></thead><tbody>{}</tbody></table>"
    ).format(about, heads, body)


def _row(name: str, pair: Sequence[Member]) -> Markup:
    usual, _ = value(name, of("lora"))
    cells = []
    for member in pair:
        count, text = value(name, of(member.key))
        same, other = Markup("<span>{}</span>"), Markup('<span class="mt-other">{}</span>')
        if count == usual:
            beside = same.format(escape(t("methods.cost.same")))
        else:
            beside = other.format(escape(_ratio(count / usual)))
        cell = Markup("<td><b>{}</b>{}</td>")
        cells.append(cell.format(escape(text), beside if member.key != "lora" else ""))
    return ROW.format(escape(t(f"methods.cost.{name}")), Markup("").join(cells))


def _ratio(share: float) -> str:
    """To three digits; what does not show in them is nearly the same."""
    if abs(share - 1) < 5e-3:
        return t("methods.cost.nearly")
    digits = max(0, 2 - math.floor(math.log10(share))) if share < 100 else 0
    return t("methods.cost.times", n=number(share, min(digits, 3)))


def _once(pair: Sequence[Member]) -> Markup:
    cells = [Markup("<td>{}</td>").format(escape(t(f"methods.once.{each.key}"))) for each in pair]
    return ROW.format(escape(t("methods.cost.once")), Markup("").join(cells))
