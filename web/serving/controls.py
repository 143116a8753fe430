"""The controls of the page. Each one shows what the URL says and writes it when it moves."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

import streamlit as st

from lab.runs.serving_config import ADAPTERS, CHARACTERS, PROMPT, PROMPTS
from web.kit.i18n import number, t
from web.serving.state import State, change, measure, stop, write


def controls(page: State) -> None:
    """How many adapters, how long a request, and the button."""
    with st.container(key="sv_controls", horizontal=True, gap="medium", vertical_alignment="bottom"):
        counts = _with(ADAPTERS, page.query["adapters"])
        _hold("adapters", page.query["adapters"])
        st.select_slider(
            t("serving.control.adapters"),
            counts,
            format_func={count: number(int(count)) for count in counts}.__getitem__,
            key="sv_adapters",
            on_change=_moved,
            args=(page, "adapters", counts),
        )
        _pills(page, "characters", _with(CHARACTERS, page.query["characters"]), lambda n: number(int(n)))
        if page.live("rounds"):
            st.button(t("serving.stop"), key="sv_stop", on_click=stop, args=(page, "rounds"), type="primary")
        else:
            st.button(t("serving.run"), key="sv_run", on_click=measure, args=(page,), type="primary")


def prompt(page: State) -> None:
    """What the texts start from: one of a few, or the reader's own."""
    with st.container(key="sv_prompts", horizontal=True, gap="medium", vertical_alignment="bottom"):
        prompts = [*PROMPTS] if page.query["prompt"] in PROMPTS else [*PROMPTS, page.query["prompt"]]
        _pills(page, "prompt", prompts, _shown)
        _hold("own", "")
        st.text_input(
            t("serving.control.own"),
            key="sv_own",
            max_chars=PROMPT,
            placeholder=t("serving.control.own_example"),
            on_change=_typed,
            args=(page,),
        )
        if page.live("length"):
            st.button(t("serving.stop"), key="sv_stop_texts", on_click=stop, args=(page, "length"))
        else:
            st.button(t("serving.write"), key="sv_write", on_click=write, args=(page,))


def _shown(prompt: str) -> str:
    """A prompt as the label of a control, which is Markdown."""
    return t("serving.prompt.empty") if prompt == "\n" else re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", prompt)


def _pills(page: State, key: str, options: list[str], label: Callable[[str], str]) -> None:
    _hold(key, page.query[key])
    st.segmented_control(
        t(f"serving.control.{key}"),
        options,
        format_func={option: label(option) for option in options}.__getitem__,
        key=f"sv_{key}",
        required=True,
        on_change=_moved,
        args=(page, key, options),
    )


def _with(usual: Collection[int], value: str) -> list[str]:
    """The usual values as text, and the one that a link brought."""
    return sorted({*map(str, usual), value}, key=int)


def _hold(key: str, value: Any) -> None:
    """Let the widget show what the settings say, and leave it alone when it does already."""
    if st.session_state.get(f"sv_{key}") != value:
        st.session_state[f"sv_{key}"] = value


def _moved(page: State, key: str, options: Collection[str]) -> None:
    """A control moved, to one of its options; a label of the other language is none, and moves nothing."""
    value = str(st.session_state[f"sv_{key}"])
    if value in options:
        change(page, key, value)


def _typed(page: State) -> None:
    """A prompt of the reader's own; it becomes one of the choices, and the field is free again."""
    own = st.session_state["sv_own"]
    if own:
        change(page, "prompt", own)
