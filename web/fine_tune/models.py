"""Which model the page is about: the language model or the toys, as the URL says."""

from __future__ import annotations

import streamlit as st

from web.fine_tune.experiment import KEYS, state
from web.fine_tune.teach.state import KEYS as LESSON_KEYS
from web.fine_tune.teach.state import teaching
from web.kit.controls import choose
from web.kit.i18n import t

MODELS = ("language", "toys")


def is_language() -> bool:
    """Whether the URL names a lesson."""
    return "lesson" in st.query_params


def choose_model() -> None:
    """The switch between the two, each with the settings it was left with."""
    now = MODELS[0 if is_language() else 1]
    labels = {name: t(f"teach.model.{name}") for name in MODELS}
    choose(
        st.segmented_control, t("teach.model"), labels, now, "te_model", _switch, label_visibility="collapsed"
    )


def _switch(model: str) -> None:
    for key in {*KEYS, *LESSON_KEYS}:
        st.query_params.pop(key, None)
    (teaching() if model == "language" else state()).write_url()
