"""The navigation of every page: the bar's destinations, the tabs below it and the sheet of narrow screens.

Every page is a real link; a plain press is answered here, so that the document, and the player in it, stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from widgets.component import component

_menu = component("menu", isolate_styles=False)

LISTEN = "listen"
"""What `menu` returns, in place of a page, when the sign of what is playing was pressed."""


@dataclass(frozen=True)
class Entry:
    """A page to be led to.

    Args:
        key, path: of the page. title: in tabs and in the sheet. line: what is done there, in the sheet.
    """

    key: str
    path: str
    title: str
    line: str


@dataclass(frozen=True)
class Place:
    """A destination of the bar: its title and its pages, of which the first is led to."""

    title: str
    pages: Sequence[Entry]


def menu(places: Sequence[Place], *, here: str, language: str, text: Mapping[str, str]) -> str | None:
    """Show wordmark, destinations and what is playing; on a narrow screen the button of the sheet.

    Args:
        here: key of the page that is shown.
        language: of the links.
        text: the strings `open`, `close`, `pages`, `hear`, `share`, `language`, `brand`, and of each language
            its name, `<language>`, and its sign, `<language>_sign`.

    Returns:
        Key of the page that the reader is to be led to, or `LISTEN`, once.
    """
    data = {
        "form": "bar",
        "places": [asdict(place) for place in places],
        "here": here,
        "language": language,
        "text": dict(text),
    }
    said = _menu(key="menu", data=data, default={}, on_page_change=lambda: None, width="stretch")
    return said.get("page") or None


def tabs(place: Place, *, here: str, language: str) -> str | None:
    """Show the pages of a destination as a row of tabs; returns the page that was pressed, once."""
    data = {"form": "tabs", "places": [asdict(place)], "here": here, "language": language}
    said = _menu(key="tabs", data=data, default={}, on_page_change=lambda: None, width="stretch")
    return said.get("page") or None
