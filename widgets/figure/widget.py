"""A chart that is updated in place while its data grows: `Plotly.react` on one node, never a new one.

Colours in a figure are the page's tokens (`"var(--m-lora)"`); the browser resolves them and draws
again when the reader's scheme changes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from widgets.component import component

_figure = component("figure", isolate_styles=False)


class Table(TypedDict):
    """The same data in words: cells as the reader should see them."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def figure(
    spec: Mapping[str, Any], *, key: str, alt: str, text: Mapping[str, str], table: Table | None = None
) -> None:
    """Draw a figure, or update the one that stands.

    Args:
        spec: `data` and `layout` as Plotly takes them (`layout.height` in px is required), and `narrow`,
            laid over the layout when the chart is less than 480 px wide.
        key: the figure's name on the page; the same key is the same node. Files saved from it have this name.
        alt: what the figure shows now, in a sentence, for those who cannot see it.
        text: the strings of `figure.*`.
        table: the data as a table that can be opened below the figure.
    """
    _figure(key=key, data={"spec": spec, "alt": alt, "text": dict(text), "table": table, "name": key})
