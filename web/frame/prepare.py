"""What the first page needs, fetched while the first reader's browser is still starting."""

import importlib
from threading import Thread

from content.catalog import LANGUAGES
from web.frame.first import first_screen

STREAMLITS_OWN = "pandas"
"""Streamlit looks for tables in whatever a component is given, and imports this to do so."""


def prepare() -> Thread:
    """Start fetching, in a thread of its own, and return it."""
    thread = Thread(target=_fetch, name="prepare", daemon=True)
    thread.start()
    return thread


def _fetch() -> None:
    for language in LANGUAGES:
        first_screen(language, summary=True)
    importlib.import_module(STREAMLITS_OWN)
