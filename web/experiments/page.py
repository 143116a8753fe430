"""The page from top to bottom: the tally, a card a claim, the source's figures beside ours."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from web.experiments import source
from web.kit.claims import card
from web.kit.claims.figures import FIGURES
from web.kit.claims.live import claim, pace
from web.kit.claims.state import find_runs, read_url, state, sync
from web.kit.i18n import language, number, t
from web.kit.text import escape
from widgets.contents.widget import contents


def experiments() -> None:
    """All cards. What runs is asked for in the fragment of its card."""
    page = state()
    read_url(page)
    find_runs(page)
    with st.container(key="ex_head"):
        st.html(head())
    with st.container(key="ex_contents"):
        names = [(name, t(f"experiments.{name}.title")) for name in FIGURES]
        contents(names, key="ex_index", title=t("experiments.contents"), language=language())
    with st.container(key="ex_list"):
        for one in page.cards.values():
            sync(one)
            one.pace = pace(one)
            st.fragment(claim, run_every=one.pace)(page, one)
    st.html(source.table())


def head() -> str:
    """Title, introduction and tally as HTML."""
    judged = [found.verdict.outcome for name in FIGURES if (found := card.record(name))]
    tally = "".join(
        f"{card.verdict(outcome)}<b>{number(Counter(judged)[outcome])}</b>" for outcome in card.OUTCOMES
    )
    return (
        f'<header class="ex-head"><div><h1>{escape(t("experiments.title"))}</h1>'
        f"<p>{escape(t('experiments.intro'))} {escape(t('experiments.cost'))}</p></div>"
        f'<div class="ex-tally" role="group" aria-label="{t("experiments.tally")}">{tally}</div></header>'
    )
