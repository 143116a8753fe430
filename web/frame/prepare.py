"""What the first page needs, fetched while the first reader's browser is still starting."""

import importlib
from collections.abc import Iterable
from threading import Thread

from content.catalog import LANGUAGES
from web.frame.server import FirstScreen

STREAMLITS_OWN = "pandas"
"""Streamlit looks for tables in whatever a component is given, and imports this to do so."""


def prepare(first_screens: Iterable[FirstScreen]) -> Thread:
    """Start fetching, in a thread of its own, and return it."""
    thread = Thread(target=_fetch, args=(list(first_screens),), name="prepare", daemon=True)
    thread.start()
    return thread


def _fetch(first_screens: list[FirstScreen]) -> None:
    for first_screen in first_screens:
        for language in LANGUAGES:
            first_screen(language, "")
    importlib.import_module(STREAMLITS_OWN)
