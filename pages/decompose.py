"""Decompose: a picture or a matrix, five approximations of any rank, and what each is good for."""

import streamlit as st

from web.decompose.assumptions import assumptions
from web.decompose.method_words import names, uses
from web.decompose.own_matrix import own_matrix, payload, take, thumbs
from web.kit.i18n import group, language, number, t
from web.kit.layers import LAYERS, titles
from web.kit.text import variables
from web.kit.upload_control import upload_control
from web.kit.uploads import MATRIX_SIDE, MAX_BYTES
from widgets.decompose.view import View
from widgets.decompose.widget import decompose


def follow(view: View) -> None:
    """Let the URL say what the reader sees."""
    st.query_params.update(view.to_query())  # in one step: each step is an entry in the history


with st.container(key="decompose_head"):
    st.title(t("decompose.title"), anchor=False)
    with st.container(key="decompose_own"):
        upload_control(
            "decompose_upload",
            hint=t("uploads.hint.matrix", size=number(MAX_BYTES >> 20), side=MATRIX_SIDE),
            accept="image/png,image/jpeg,image/webp,.npy,.csv,.tsv,.txt",
            most=MAX_BYTES,
            read=take,
        )
        assumptions()

own = own_matrix()
view = View.from_query(st.query_params.to_dict(), LAYERS, own=own is not None)
decompose(
    payload(view, own),
    view,
    key="decompose",
    text=group("decompose_view") | names(),
    language=language(),
    thumbs=thumbs(own),
    layers=titles(),
    own=own.name if own else "",
    on_change=follow,
)

with st.container(key="decompose_good"):
    st.markdown(variables(t("decompose.intro")), unsafe_allow_html=True)
    st.html(uses())
