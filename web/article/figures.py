"""The figures that stand in the article."""

from collections.abc import Callable

import streamlit as st

from web.kit.i18n import group, language
from web.kit.layers import LAYER, layer_data
from widgets.factor_view.view import MAX_RANK
from widgets.factor_view.widget import factor_view


def _factor_view(number: int) -> None:
    factor_view(
        layer_data(LAYER),
        key="article_factor_view",
        text=group("factor_view"),
        language=language(),
        mode="compress",
        rank=MAX_RANK // 8,
        compact=True,
        figure=number,
    )


FIGURES: dict[str, Callable[[int], None]] = {"factor_view": _factor_view}


def figure(name: str, number: int) -> None:
    """Draw the figure of a slot; `number` is its place among the article's own figures."""
    with st.container(key=f"figure_{name}"):
        FIGURES[name](number)
