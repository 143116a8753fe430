"""Five approximations of one matrix at a rank that is dragged; every rank is in the browser already."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from content.terms import unbroken
from lora_core.matrix.nested import DECOMPOSITIONS
from widgets.component import component
from widgets.decompose.view import DRAWS, MARKS, SOURCES, SPECTRA, View
from widgets.memory import remembered

_decompose = component("decompose")


def decompose(
    matrix: Mapping[str, Any],
    view: View,
    *,
    key: str,
    text: Mapping[str, str],
    language: str,
    thumbs: Mapping[str, Any],
    layers: Mapping[str, str],
    own: str,
    on_change: Callable[[View], None],
) -> None:
    """Show a matrix and what five methods make of it. A drag paints; the server hears once, on release.

    Args:
        matrix: a `Shown.payload` of what the view asks for.
        view: the state asked for.
        text: the strings of `decompose_view`.
        thumbs: the tiles' pictures, `Shown.thumb` by source.
        layers: names and titles of the layers of the source "delta".
        own: what the reader brought is called; empty if nothing was.
        on_change: called with the new view before the page runs again; for the URL.
    """
    shown = remembered(key, view.to_json())

    def heard() -> None:
        said = st.session_state[key].get("view")
        if isinstance(said, Mapping):  # what a browser says is read as a URL is: nothing in it is trusted
            query = {name: str(value) for name, value in said.items()}
            chosen = View.from_query(query, tuple(layers), own=bool(own))
            shown["now"] = chosen.to_json()
            on_change(chosen)

    _decompose(
        key=key,
        data={
            "matrix": matrix,
            "opened": shown["opened"],
            "visit": shown["visit"],
            "now": {name: shown["now"][name] for name in ("source", "layer", "spectrum", "draw")},
            "text": dict(text),
            "language": language,
            "unbroken": unbroken() if language == "th" else (),
            "thumbs": thumbs,
            "layers": dict(layers),
            "own": own,
            "methods": DECOMPOSITIONS,
            "sources": SOURCES,
            "spectra": SPECTRA,
            "marks": MARKS,
            "draws": DRAWS,
        },
        default={"view": None},
        on_view_change=heard,
        height="content",
    )
