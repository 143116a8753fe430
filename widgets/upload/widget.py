"""A button, and a place to drop on, that brings files into the server's memory."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from widgets.component import component

_upload = component("upload")


def upload(
    *,
    key: str,
    text: Mapping[str, str],
    accept: str,
    most: int,
    refusal: str,
    on_files: Callable[[Sequence[tuple[str, str]]], None],
    files: int = 1,
) -> None:
    """Show the button.

    Args:
        text: `choose`, `hint`, `sending`, `large` (with {name}), `many`, `failed`, and the server's refusals.
        accept: what the file dialogue offers, as HTML has it; content is what counts.
        most: bytes of one file; a larger one is not sent.
        refusal: why the last file was refused; empty if it was not.
        on_files: called with (name under which the server holds it, file name) of each, before the page runs.
        files: how many may be brought together.
    """
    count = f"{key}.count"

    def heard() -> None:
        said = st.session_state[key].get("files")
        if not isinstance(said, list):
            return
        st.session_state[count] = st.session_state.get(count, 0) + 1
        on_files(
            [
                (str(each.get("id")), str(each.get("name")))
                for each in said[:files]
                if isinstance(each, Mapping)
            ]
        )

    _upload(
        key=key,
        data={
            "text": dict(text),
            "accept": accept,
            "most": most,
            "files": files,
            "refusal": refusal,
            "told": st.session_state.get(count, 0),
        },
        on_files_change=heard,
        height="content",
    )
