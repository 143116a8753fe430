"""The control by which a reader uploads files to a page, and the sentence that says why they were refused."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import streamlit as st

from web.kit.i18n import group, number, t
from web.kit.reader import reader_id
from web.kit.upload_store import UPLOADS, UploadedFile
from web.kit.uploads import RefusedError
from widgets.upload.widget import upload


class File(NamedTuple):
    """A file that a reader uploaded: its own name, and where it lies."""

    name: str
    file: UploadedFile


def upload_control(
    key: str,
    *,
    hint: str,
    accept: str,
    most: int,
    read: Callable[[Sequence[File]], None],
    files: int = 1,
) -> None:
    """The button, what it takes, and what was wrong with the last file.

    Args:
        hint: what may be uploaded, in the reader's language.
        accept: what the file dialogue offers.
        most: bytes of one file.
        read: takes the files, before the page runs; may raise RefusedError.
    """
    memory = f"{key}.refusal"

    def arrived(named: Sequence[tuple[str, str]]) -> None:
        st.session_state.pop(memory, None)
        try:
            read([File(name, _taken(held)) for held, name in named])
        except RefusedError as refused:
            st.session_state[memory] = refused

    refused = st.session_state.get(memory)
    upload(
        key=key,
        text=group("uploads") | _refusals() | {"hint": hint},
        accept=accept,
        most=most,
        refusal=sentence(refused) if refused else "",
        on_files=arrived,
        files=files,
    )


def sentence(refused: RefusedError) -> str:
    """A refusal in the reader's language."""
    fields = {
        name: number(value, 1 if isinstance(value, float) else None)
        if isinstance(value, int | float)
        else value
        for name, value in refused.fields.items()
    }
    key = refused.key if "." in refused.key else f"uploads.refused.{refused.key}"
    return t(key, **fields)


def _taken(held: str) -> UploadedFile:
    file = UPLOADS.take(held, reader_id())
    if file is None:
        raise RefusedError("gone")
    return file


def _refusals() -> dict[str, str]:
    """What the server says before a page sees the file."""
    return {key: t(f"uploads.refused.{key}") for key in ("reader", "sent", "busy")}
