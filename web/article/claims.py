"""A claim in the article: the reader may guess, then sees the recorded figure and its verdict.

Each claim is a fragment, so that an answer runs this one alone, and its figure is drawn only once it is asked
for: a page full of claims is as light as one without.
"""

import math
from statistics import fmean
from typing import Any

import streamlit as st
from markupsafe import Markup

from lab.claims import Record
from web.article.guesses import ASKED, CHOICES, Choice, Drawn
from web.kit.claims.card import claim_figure, finding, link, record, verdict
from web.kit.claims.figures import VIEWS
from web.kit.i18n import group, language, number, t
from web.kit.text import escape
from widgets.guess.widget import Curve, guess

GIVEN = "guesses"
ALWAYS = "guesses_always"


@st.fragment
def claim(name: str) -> None:
    """The place of a claim in the text. Nothing as long as nothing is recorded."""
    found = record(name)
    if found is None or name not in VIEWS:
        return
    answers: dict[str, Any] = st.session_state.setdefault(GIVEN, {})
    given = answers.get(name)

    def answered(value: dict[str, Any]) -> None:
        answers[name] = {key: each for key, each in value.items() if key != "always"}
        if value.get("always") and not st.session_state.get(ALWAYS):
            st.session_state[ALWAYS] = "new"

    with st.container(key=f"claim_{name}"):
        st.html(head(found, seen=given is not None))
        if given != {}:  # the reader did not only want to see
            ask(found, given, answered)
        if given is not None:
            claim_figure(name, f"article_{name}")
            way = Markup('<p class="claim-link"><a href="{}">{}</a></p>')
            st.html(way.format(link(name, {}), escape(t("guess.open"))))
    if st.session_state.get(ALWAYS) == "new":
        st.session_state[ALWAYS] = True
        st.rerun()  # the other claims hear of it


def ask(found: Record, given: dict[str, Any] | None, answered: Any) -> None:
    """The question; with an answer, what was guessed beside what was measured."""
    name, asked = found.name, ASKED[found.name]
    curve = asked.curve(name, found) if isinstance(asked, Drawn) else None
    answer = asked.answer(found) if isinstance(asked, Choice) else ""
    guess(
        t(f"guess.{name}.question"),
        key=f"guess_{name}",
        text=group("guess"),
        language=language(),
        given=given,
        on_given=answered,
        choices=[] if curve else [(each, t(f"guess.{name}.{each}")) for each in CHOICES],
        answer=answer,
        curve=curve,
        said=said(given, answer, curve),
        auto=bool(st.session_state.get(ALWAYS)),
    )


def said(given: dict[str, Any] | None, answer: str, curve: Curve | None) -> str:
    """The guess held against the measurement, in a sentence."""
    if not given:
        return ""
    if curve:
        pairs = list(zip(given["curve"][1:], curve.truth[1:], strict=True))
        if curve.log:
            return t(
                "guess.off_factor", by=number(math.exp(fmean(abs(math.log(a / b)) for a, b in pairs)), 1)
            )
        return t("guess.off", by=number(fmean(abs(a - b) for a, b in pairs), 2))
    return t("guess.right") if given["choice"] == answer else t("guess.wrong")


def head(found: Record, *, seen: bool) -> Markup:
    """The line above a claim: which it is, and once seen its verdict; on paper always, and the finding."""
    name = found.name
    paper = Markup('<div class="on-paper">{}</div>').format(finding(found, VIEWS[name][0]))
    label = t("guess.claim", n=number(int(name[1:3]))) if name[1:3].isdigit() else t("guess.experiment")
    return Markup(
        '<p class="claim-head"><span class="label">{label}</span>'
        '<span class="claim-verdict{on_paper}">{verdict}</span></p>{paper}'
    ).format(
        label=escape(label),
        on_paper="" if seen else " on-paper",
        verdict=verdict(found.verdict.outcome),
        paper="" if seen else paper,
    )
