"""How many claims came out how."""

from __future__ import annotations

from collections import Counter

from markupsafe import Markup

from web.kit.claims import card
from web.kit.claims.figures import FIGURES
from web.kit.i18n import number, t
from web.kit.text import escape


def head() -> Markup:
    """Title and tally as HTML."""
    counts = Counter[str](found.verdict.outcome for name in FIGURES if (found := card.record(name)))
    tally = Markup("").join(
        Markup("{}<b>{}</b>").format(card.verdict(outcome), number(counts[outcome]))
        for outcome in card.OUTCOMES
    )
    return Markup(
        '<header class="ex-head"><h1>{}</h1>'
        '<div class="ex-tally" role="group" aria-label="{}">{}</div></header>'
    ).format(escape(t("experiments.title")), t("experiments.tally"), tally)


def about() -> Markup:
    """How the source's models and ours differ, and what a live run takes."""
    intro, cost = (escape(t(f"experiments.{name}")) for name in ("intro", "cost"))
    return Markup('<p class="ex-about">{} {}</p>').format(intro, cost)
