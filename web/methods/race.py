"""The race of all nine: the record with its error bars, and live with the methods that the reader chooses."""

from __future__ import annotations

import streamlit as st

from web.experiments.page import claim, pace
from web.experiments.state import State, find_runs, read_card, read_url, sync

NAME = "methods_race"


def race() -> None:
    """The same card as on the experiments page, and how to read its error bars."""
    if "methods_page" not in st.session_state:
        st.session_state["methods_page"] = State({NAME: read_card(NAME, {})})
    page: State = st.session_state["methods_page"]
    read_url(page)
    find_runs(page)
    one = page.cards[NAME]
    sync(one)
    one.pace = pace(one)
    st.fragment(claim, run_every=one.pace)(page, one)
