"""The reader's own text: pasted or from a file, and what of it is trained on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from markupsafe import Markup

from lora_core.language.data_files import KINDS, MOST_BYTES, decoded
from lora_core.language.examples import Example
from lora_core.language.records import DataError
from web.fine_tune import lesson_words
from web.fine_tune.teach.state import Teaching
from web.kit.controls import show
from web.kit.i18n import t, tn
from web.kit.text import language_of
from web.kit.upload_control import File, upload_control
from web.kit.upload_errors import RefusedError

SHOWN = 6
"""Examples of which the reader sees how they are read."""
LONGEST = 400
"""Characters of a message that are shown."""


def own_text(page: Teaching) -> None:
    """The text, and beside it how it is read: ink is trained on, what is pale is only read."""
    with st.container(key="te_own"):
        with st.container(key="te_own_text"):
            show("te_text", page.text)
            st.text_area(
                t("teach.own.text"),
                key="te_text",
                height=220,
                max_chars=MOST_BYTES,
                placeholder=t("teach.own.example"),
                on_change=lambda: _take(page, st.session_state["te_text"]),
            )
            upload_control(
                "te_file",
                hint=t("teach.own.hint", kinds=", ".join(KINDS[:6])),
                accept=",".join(KINDS),
                most=MOST_BYTES,
                read=lambda files: _read(page, files),
            )
        with st.container(key="te_own_read"):
            st.html(reading(page))


def _take(page: Teaching, text: str, file: str = "") -> None:
    page.text, page.file = text, file


def _read(page: Teaching, files: Sequence[File]) -> None:
    """Takes a file's text; what cannot be read as text is refused here, the rest when it is shown."""
    data, name = files[0].file.read(), files[0].name
    try:
        text = decoded(data)
    except DataError as error:
        raise RefusedError(f"lesson.data.{error.key}", **error.values) from error
    _take(page, text, name)


def reading(page: Teaching) -> Markup:
    """How the text is read, or why it cannot be."""
    if not page.text.strip():
        return Markup('<p class="cap">{}</p>').format(t("teach.own.empty"))
    try:
        examples = page.examples()
    except DataError as error:
        return Markup('<p class="ft-message" role="alert">{}</p>').format(lesson_words.refused(error))
    held = max(1, len(examples) // 10)
    counted = tn("teach.own.count", len(examples))
    head = Markup('<p class="cap"><b>{}</b> {}</p>').format(counted, tn("teach.own.held", held))
    key = Markup('<p class="cap">{}</p>').format(t("teach.own.key"))
    return (
        head
        + key
        + Markup('<ol class="te-read">{}</ol>').format(
            Markup("").join(_example(each) for each in examples[:SHOWN])
        )
    )


def _example(example: Example) -> Markup:
    messages = example.messages or ({"role": "assistant", "content": example.text},)
    parts = (
        Markup('<span class="{}" lang="{}">{}</span>').format(
            "ink" if message["role"] == "assistant" else "pale",
            language_of(message["content"]),
            _clipped(message["content"]),
        )
        for message in messages
    )
    return Markup("<li>{}</li>").format(Markup(" ").join(parts))


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
