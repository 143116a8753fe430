"""How a method starts, painted: what γ B A holds, and which way W + ΔW moves first."""

from __future__ import annotations

import numpy as np

from lab.runs.starts import read
from web.kit.i18n import number, t
from web.methods.family import Member
from widgets.heatmap.widget import Line, Matrix, heatmap

SIZE = (176, 176)
SCALE = 99.5  # percentile of the entries at which the colours end


def starts(member: Member, *, key: str) -> None:
    """What is held, on a scale of its own; and directions, all of one length, on one scale."""
    every, gradient = read()
    start = every[member.key]
    holds = bool(start.held.any())
    kind = member.key if member.key in ("pissa", "adalora", "lora-ga", "qlora") else "zero"
    held = Matrix(
        start.held,
        alt=t(f"methods.start.held.{kind}.alt"),
        title=t(f"methods.start.held.{'four_bits' if kind == 'qlora' else 'product'}"),
        lines=[Line(t(f"methods.start.held.{kind}"))],
    )
    heatmap(
        [held],
        key=f"{key}_held",
        label=t("methods.start.group.held"),
        limit=float(np.percentile(np.abs(start.held if holds else every["pissa"].held), SCALE)),
        palette="div",
        size=SIZE,
        least="8rem",
    )
    cosine, rank = number(start.cosine, 2), t("methods.start.rank", rank=number(start.rank))
    first = Matrix(
        start.first,
        alt=t("methods.start.first.alt", method=member.name, cosine=cosine),
        title=t("methods.start.first"),
        lines=[Line(t("methods.start.cosine", cosine=cosine)), Line(rank)],
    )
    full = Matrix(
        gradient,
        alt=t("methods.start.full.alt"),
        title=t("methods.start.full"),
        lines=[Line(t("methods.start.goal"))],
    )
    heatmap(
        [first, full],
        key=f"{key}_first",
        label=t("methods.start.group.first"),
        limit=float(np.percentile(np.abs(gradient), SCALE)),
        palette="div",
        size=SIZE,
        least="8rem",
    )
