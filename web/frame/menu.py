"""The frame's navigation in the reader's language: destinations, tabs, and the menu of narrow screens."""

import streamlit as st

from web.frame.navigation import DESTINATIONS, Destination, Page, destination_of
from web.kit.i18n import group, language, t
from widgets.menu.widget import Entry, Place, menu, tabs


def _place(destination: Destination) -> Place:
    pages = [
        Entry(page.key, page.path, t(f"page.{page.key}"), t(f"frame.line.{page.key}"))
        for page in destination.pages
    ]
    return Place(t(f"frame.destination.{destination.key}"), pages)


def frame_menu(here: Page) -> str | None:
    """Put wordmark and destinations into the bar; what the reader asks for: a page's key or `LISTEN`."""
    return menu(
        [_place(each) for each in DESTINATIONS],
        here=here.key,
        language=language(),
        text=group("menu")
        | {
            "brand": t("frame.name"),
            "language": t("frame.language"),
            "en": t("document.english_name"),
            "en_sign": t("document.english"),
            "th": t("document.thai_name"),
            "th_sign": t("document.thai"),
        },
    )


def frame_tabs(here: Page) -> str | None:
    """Put the tabs of the page's destination below the bar, if it has several pages."""
    destination = destination_of(here)
    if len(destination.pages) > 1:
        return tabs(_place(destination), here=here.key, language=language())
    with st.container(key="no_tabs"):  # takes the place of the tabs of the page before, at once
        st.html("<i></i>")
    return None
