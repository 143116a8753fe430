"""A tour of the site: a card that walks from page to page, points at a real control and can move it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from widgets.component import component

_tour = component("tour")


@dataclass(frozen=True)
class Stop:
    """One step.

    Args:
        page: key of the page it stands on. path: its path in the URL.
        target: selector of the control in the document; after ` >>> ` a selector inside its shadow root.
        act: what "do it for me" does with the control: press it, or move it through its range.
        title, text, do: what the card says, and its button.
    """

    page: str
    path: str
    target: str
    act: Literal["press", "move"]
    title: str
    text: str
    do: str


def tour(stops: Sequence[Stop], *, text: Mapping[str, str]) -> str | None:
    """Put the tour into the frame; nothing is seen until `tour_button` starts it.

    Args:
        text: the strings `next`, `back`, `leave`, `done`, `step`, `label`.

    Returns:
        The page that the reader is to be led to, once.
    """
    told = {"form": "card", "stops": [asdict(stop) for stop in stops], "text": dict(text)}
    said = _tour(key="tour", data=told, default={}, on_page_change=lambda: None, height="content")
    return said.get("page") or None


def tour_button(label: str) -> None:
    """The button that starts the tour."""
    _tour(key="tour_button", data={"form": "button", "label": label}, width="content", height="content")
