"""Streamlit's controls, bound to a setting: each shows what the setting is, and reports when it is moved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import streamlit as st

from content.terms import glossary
from web.kit.i18n import language

V = TypeVar("V")


def choose(
    control: Callable[..., object],
    title: str,
    labels: Mapping[V, str],
    value: V,
    key: str,
    change: Callable[[V], None],
    **options: Any,
) -> None:
    """A control over values with labels.

    Args:
        control: `st.selectbox`, `st.segmented_control` or `st.select_slider`.
        labels: of each value, in the language of now: Streamlit may ask for one when no reader's run is on.
        value: the setting's.
        change: called with the value that the reader took.
        options: the control's own.
    """
    if control is st.segmented_control:
        options["required"] = True
    show(key, value)
    control(
        title,
        list(labels),
        format_func=labels.__getitem__,
        key=key,
        on_change=_moved,
        args=(key, labels, change),
        **options,
    )


def meaning(*terms: str) -> str | None:
    """What the glossary says of a control's terms: its `help`, or None where it has no term.

    Raises:
        KeyError: the glossary has no such term.
    """
    spoken = language()
    found = [glossary()[term] for term in terms]
    return "\n\n".join(f"**{term.words(spoken)}** {term.meaning(spoken)}" for term in found) or None


def show(key: str, value: object) -> None:
    """Let a control show a value, and leave it alone when it does already."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def _moved(key: str, values: Collection[V], change: Callable[[V], None]) -> None:
    """A control moved, to one of its values.

    The browser names a value by its label. Where the language was switched at that moment, it is a label of
    the other language and no value: then nothing moved, and the control is set right when it is drawn.
    """
    value = st.session_state[key]
    if value in values:
        change(value)
