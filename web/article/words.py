"""Strings of the article's page for HTML attributes."""

import html

from web.kit.i18n import t


def label(key: str, **values: object) -> str:
    """A string for an HTML attribute."""
    return html.escape(t(key, **values))
