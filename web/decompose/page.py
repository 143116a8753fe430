"""The page from top to bottom."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from lora_core.matrix.nested import METHODS
from web.decompose import sources
from web.decompose.assumptions import OWN, assumptions, keep
from web.kit import uploads
from web.kit.i18n import group, language, number, t
from web.kit.layers import LAYERS, titles
from web.kit.text import variables
from web.kit.upload_control import File, upload_control
from widgets.decompose.matrix import Shown
from widgets.decompose.view import SPECTRA, View
from widgets.decompose.widget import decompose


def decompose_page() -> None:
    """What to try, the picture and its five approximations, and what each is good for."""
    with st.container(key="decompose_head"):
        with st.container(key="decompose_intro"):
            st.title(t("decompose.title"), anchor=False)
            st.markdown(variables(t("decompose.intro")), unsafe_allow_html=True)
        with st.container(key="decompose_own"):
            upload_control(
                "decompose_upload",
                hint=t("uploads.hint.matrix", size=number(uploads.MAX_BYTES >> 20), side=uploads.MATRIX_SIDE),
                accept="image/png,image/jpeg,image/webp,.npy,.csv,.tsv,.txt",
                most=uploads.MAX_BYTES,
                read=take,
            )
            assumptions()
    own: uploads.Matrix | None = st.session_state.get(OWN)
    view = View.from_query(st.query_params.to_dict(), LAYERS, own=own is not None)
    decompose(
        _payload(view, own),
        view,
        key="decompose",
        text=group("decompose_view") | names(),
        language=language(),
        thumbs=sources.thumbs() | ({"own": _shown(own).thumb()} if own else {}),
        layers=titles(),
        own=own.name if own else "",
        on_change=follow,
    )
    good()


def take(files: Sequence[File]) -> None:
    """What the reader brought, to be shown at once."""
    ((name, data),) = files
    keep(name, data)
    st.query_params.update({"source": "own"})


def follow(view: View) -> None:
    """Let the URL say what the reader sees."""
    st.query_params.update(view.to_query())  # in one step: each step is an entry in the history


def _shown(own: uploads.Matrix) -> Shown:
    return Shown(own.M, own.photo)


def _payload(view: View, own: uploads.Matrix | None) -> dict[str, Any]:
    """What the browser needs of the matrix; of the reader's own, the session keeps the last answer."""
    if view.source != "own" or own is None:
        which = {"delta": view.layer, "random": view.spectrum}.get(view.source, "")
        return sources.payload(view.source, which, view.draw)
    last = st.session_state.get("own_payload")
    if last is None or last[0] is not own or last[1] != view.draw:
        last = st.session_state["own_payload"] = own, view.draw, _shown(own).payload(view.draw)
    return dict(last[2])


def names() -> dict[str, str]:
    """What the widget calls the matrices, the methods and the spectra."""
    return {
        **{f"source_{name}": t(f"decompose.source.{name}") for name in sources.thumbs()},
        **{name: t(f"decompose.method.{name}") for name in METHODS},
        **{f"short_{name}": t(f"decompose.short.{name}") for name in METHODS},
        **{f"formula_{name}": t(f"decompose.formula.{name}") for name in METHODS},
        **{f"spectrum_{name}": t(f"decompose.spectrum.{name}") for name in SPECTRA},
    }


def good() -> None:
    """What each method is good for."""
    entries = "".join(
        f"<section><h3>{variables(t(f'decompose.full.{name}'))}</h3>"
        f'<p class="note-s">{variables(t(f"decompose.formula.{name}"))}</p>'
        f"<p>{variables(t(f'decompose.good.{name}'))}</p></section>"
        for name in METHODS
    )
    with st.container(key="decompose_good"):
        st.html(f'<h2>{variables(t("decompose.good"))}</h2><div class="decompose-good">{entries}</div>')
