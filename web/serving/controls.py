"""The controls of the page. Each one shows what the URL says and writes it when it moves."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import partial

import streamlit as st

from lab.runs.serving_config import ADAPTERS, CHARACTERS, PROMPT, PROMPTS
from web.kit.controls import choose, meaning, show
from web.kit.i18n import number, t
from web.serving.state import State

TERMS = {"adapters": ("adapter",), "prompt": ("prompt",)}
"""The glossary's terms that help with a control."""


def controls(page: State) -> None:
    """How many adapters, how long a request, and the button."""
    with st.container(key="sv_controls", horizontal=True, gap="medium", vertical_alignment="bottom"):
        counts, lengths = (
            _with(ADAPTERS, page.query["adapters"]),
            _with(CHARACTERS, page.query["characters"]),
        )
        _choose(st.select_slider, page, "adapters", counts, _number)
        _choose(st.segmented_control, page, "characters", lengths, _number)
        if page.live("rounds"):
            st.button(t("serving.stop"), key="sv_stop", on_click=page.stop, args=("rounds",), type="primary")
        else:
            st.button(t("serving.run"), key="sv_run", on_click=page.measure, type="primary")


def prompt(page: State) -> None:
    """What the texts start from: one of a few, or the reader's own."""
    with st.container(key="sv_prompts", horizontal=True, gap="medium", vertical_alignment="bottom"):
        prompts = [*PROMPTS] if page.query["prompt"] in PROMPTS else [*PROMPTS, page.query["prompt"]]
        _choose(st.segmented_control, page, "prompt", prompts, _label)
        show("sv_own", "")  # what was typed has become one of the choices, and the field is free again
        st.text_input(
            t("serving.control.own"),
            key="sv_own",
            max_chars=PROMPT,
            placeholder=t("serving.control.own_example"),
            on_change=lambda: _typed(page),
        )
        if page.live("length"):
            st.button(t("serving.stop"), key="sv_stop_texts", on_click=page.stop, args=("length",))
        else:
            st.button(t("serving.write"), key="sv_write", on_click=page.write)


def _choose(
    control: Callable[..., object],
    page: State,
    key: str,
    values: list[str],
    label: Callable[[str], str],
) -> None:
    labels = {value: label(value) for value in values}
    change = partial(page.change, key)
    help = meaning(*TERMS.get(key, ()))
    choose(control, t(f"serving.control.{key}"), labels, page.query[key], f"sv_{key}", change, help=help)


def _number(text: str) -> str:
    return number(int(text))


def _label(prompt: str) -> str:
    """A prompt as the label of a control, which is Markdown."""
    return t("serving.prompt.empty") if prompt == "\n" else re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", prompt)


def _with(usual: Collection[int], value: str) -> list[str]:
    """The usual values as text, and that of a link."""
    return sorted({*map(str, usual), value}, key=int)


def _typed(page: State) -> None:
    """A prompt of the reader's own."""
    if own := st.session_state["sv_own"]:
        page.change("prompt", own)
