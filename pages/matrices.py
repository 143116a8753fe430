"""W, A, B, BA and W + γBA of a trained layer, under the reader's hand."""

import streamlit as st

from lora_core.recipes import layers
from web.article.setting import escape
from web.i18n import group, language, t
from web.matrices import BASE, LAYERS, from_query, layer_data
from widgets.factor_view.view import View
from widgets.factor_view.widget import factor_view


def follow(view: View) -> None:
    """Let the URL say what the reader sees."""
    st.query_params.update(view.to_query())  # in one step: each step is an entry in the history


def variables(text: str) -> str:
    """Text as HTML, with `*W*` as a variable."""
    return "".join(
        f'<i class="m">{escape(part)}</i>' if odd % 2 else escape(part)
        for odd, part in enumerate(text.split("*"))
    )


def titles() -> dict[str, str]:
    shapes = layers(BASE)
    return {name: t(f"matrices.layer.{name}", rows=shapes[name][0], cols=shapes[name][1]) for name in LAYERS}


with st.container(key="matrices_intro"):
    st.title(t("matrices.title"), anchor=False)
    st.markdown(variables(t("matrices.intro")), unsafe_allow_html=True)

view = from_query(st.query_params.to_dict())
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
