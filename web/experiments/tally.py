"""How many claims came out how."""

from __future__ import annotations

from collections import Counter

from markupsafe import Markup

from web.kit.claims import card
from web.kit.claims.figures import FIGURES
from web.kit.i18n import number, t
from web.kit.text import escape


def head() -> Markup:
    """Title, introduction and tally as HTML."""
    counts = Counter[str](found.verdict.outcome for name in FIGURES if (found := card.record(name)))
    tally = Markup("").join(
        Markup("{}<b>{}</b>").format(card.verdict(outcome), number(counts[outcome]))
        for outcome in card.OUTCOMES
    )
    title, intro, cost = (escape(t(f"experiments.{name}")) for name in ("title", "intro", "cost"))
    return Markup(
        '<header class="ex-head"><div><h1>{}</h1><p>{} {}</p></div>'
        '<div class="ex-tally" role="group" aria-label="{}">{}</div></header>'
    ).format(title, intro, cost, t("experiments.tally"), tally)
