"""W, A, B, BA and W + γBA of a trained layer, under the reader's hand."""

import streamlit as st

from web.adapter.page import own_adapter
from web.kit.i18n import group, language, t
from web.kit.layers import LAYER, LAYERS, layer_data, titles
from web.kit.text import variables
from widgets.factor_view.view import View
from widgets.factor_view.widget import factor_view


def follow(view: View) -> None:
    """Let the URL say what the reader sees."""
    st.query_params.update(view.to_query())  # in one step: each step is an entry in the history


with st.container(key="matrices_intro"):
    st.title(t("matrices.title"), anchor=False)
    st.markdown(variables(t("matrices.intro")), unsafe_allow_html=True)

view = View.from_query(st.query_params.to_dict(), LAYERS, LAYER)
factor_view(
    layer_data(view.layer, view.mode, view.rule),
    key="matrices",
    text=group("factor_view"),
    language=language(),
    mode=view.mode,
    rank=view.rank,
    alpha=view.alpha,
    rule=view.rule,
    layers=titles(),
    on_change=follow,
)

own_adapter()
