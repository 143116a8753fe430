"""The page from top to bottom: the tally, a card a claim, the source's figures beside ours."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from lab.claims import load
from web.experiments import card, source
from web.experiments.figures import FIGURES
from web.experiments.live import actions, picture, settings
from web.experiments.state import Card, State, find_runs, read_url, state, sync
from web.kit.i18n import language, number, t
from web.kit.text import escape
from widgets.contents.widget import contents

EVERY = 0.3  # s between two looks at a run
WAITING = 2.0  # s between two looks at one that waits


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


def pace(one: Card) -> float | None:
    """Seconds until the pool is asked again; those who wait ask less often, and not all together."""
    if not one.live or one.run is None:
        return None
    return EVERY if one.run.state == "running" else WAITING + hash(one.run.id) % 100 / 100


def claim(page: State, one: Card) -> None:
    """One card."""
    sync(one)
    if pace(one) != one.pace:
        st.rerun()  # a run began, was given a place, or ended
    name = one.name
    with st.container(key=f"ex_card_{name}"):
        st.html(card.place(name))
        with st.container(key=f"ex_text_{name}"):
            st.html(card.words(name) + card.making(name))
        with st.container(key=f"ex_pic_{name}"):
            picture(page, one)
            with st.container(key=f"ex_live_{name}"):
                if load(name).settings:
                    with st.container(key=f"ex_settings_{name}", horizontal=True, gap="medium"):
                        settings(page, one)
                actions(page, one)
