"""The matrix that a reader uploads to be taken apart; the session keeps it, and the last answer about it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from web.decompose import sources
from web.decompose.assumptions import OWN, keep
from web.kit import uploads
from web.kit.upload_control import File
from widgets.decompose.matrix import Shown
from widgets.decompose.view import View

PAYLOAD = "own_payload"


def take(files: Sequence[File]) -> None:
    """What the reader uploaded, to be shown at once.

    Raises:
        RefusedError: it is no picture and no matrix.
    """
    ((name, file),) = files
    keep(name, file.read())
    st.query_params.update({"source": "own"})


def own_matrix() -> uploads.Matrix | None:
    """What the reader uploaded in this session."""
    found: uploads.Matrix | None = st.session_state.get(OWN)
    return found


def thumbs(own: uploads.Matrix | None) -> dict[str, dict[str, Any]]:
    """The tiles' pictures, the reader's own beside those that everybody has."""
    return sources.thumbs() | ({"own": _shown(own).thumb()} if own else {})


def payload(view: View, own: uploads.Matrix | None) -> dict[str, Any]:
    """What the browser needs of the matrix of a view."""
    if view.source != "own" or own is None:
        which = {"delta": view.layer, "random": view.spectrum}.get(view.source, "")
        return sources.payload(view.source, which, view.draw)
    last = st.session_state.get(PAYLOAD)
    if last is None or last[0] is not own or last[1] != view.draw:
        last = st.session_state[PAYLOAD] = own, view.draw, _shown(own).payload(view.draw)
    return dict(last[2])


def _shown(own: uploads.Matrix) -> Shown:
    return Shown(own.M, own.photo)
