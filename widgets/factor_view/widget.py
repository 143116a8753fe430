"""The factor view: W, A, B, BA and W + γBA of a trained layer, painted in the browser during a drag."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from content.terms import unbroken
from widgets.component import component
from widgets.factor_view.layer import LayerData
from widgets.factor_view.view import ALPHA, MAX_RANK, RANKS, SOURCE, TRAINED_ALPHA, View
from widgets.memory import remembered

_factor_view = component("factor_view")


def factor_view(
    layer: LayerData,
    *,
    key: str,
    text: Mapping[str, str],
    language: str,
    mode: str,
    rank: int,
    alpha: float = TRAINED_ALPHA[SOURCE],
    rule: str = SOURCE,
    layers: Mapping[str, str] | None = None,
    on_change: Callable[[View], None] | None = None,
    compact: bool = False,
    figure: int | None = None,
) -> dict[str, Any]:
    """Show a layer. Dragging paints in the browser; the server hears once, on release.

    The big arrays travel once: what the browser is told besides them changes only when the reader comes to
    another state by a link or the history, so that Streamlit sends the same message by its hash.

    Args:
        layer: what to show; its mode and rule must be those asked for.
        key: of the widget, and of its state in the session.
        text: the strings of `factor_view`.
        language: for numbers.
        mode, rank, alpha, rule: the state asked for, as a `View` has them.
        layers: names and titles of the layers to choose from; none, no choice.
        on_change: called with the new view before the page runs again; for the URL.
        compact: the figure of the article: B, A, BA, one slider, four numbers; says nothing to the server.
        figure: the number of that figure.

    Returns:
        What the reader sees now, as JSON of a `View`.
    """
    asked = View(layer.name, mode, rank, alpha, rule).to_json()
    shown = remembered(key, asked)

    def heard() -> None:
        said = st.session_state[key].get("view")
        if isinstance(said, Mapping):  # what a browser says is read as a URL is: nothing in it is trusted
            view = View.from_query(
                {name: str(value) for name, value in said.items()}, tuple(layers or ()), layer.name
            )
            shown["now"] = view.to_json()
            if on_change:
                on_change(view)

    _factor_view(
        key=key,
        data={
            "layer": layer.payload,
            "opened": shown["opened"],
            "visit": shown["visit"],
            "text": dict(text),
            "language": language,
            "unbroken": unbroken() if language == "th" else (),
            "layers": dict(layers or {}),
            "ranks": RANKS,
            "most": MAX_RANK,
            "source": SOURCE,
            "trained": TRAINED_ALPHA,
            "alphas": ALPHA,
            "compact": compact,
            "figure": figure,
        },
        default={"view": None},
        on_view_change=heard,
        height="content",
    )
    return dict(shown["now"])
