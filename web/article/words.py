"""Words for the page: Markdown in which nothing is read into a text, and strings for HTML attributes."""

import html

from content.terms import unbroken_pattern
from web.kit.i18n import t

MARKDOWN = str.maketrans({c: f"&#{ord(c)};" for c in '\\`*_[]{}~$:|#<>&"^='})


def escape(text: str) -> str:
    """Text that neither Markdown nor HTML reads anything into; Thai terms kept in one piece."""
    text = text.translate(MARKDOWN).replace(" ๆ", "\u00a0ๆ")
    return unbroken_pattern().sub(r'<span class="nb">\g<0></span>', text)


def label(key: str, **values: object) -> str:
    """A string for an HTML attribute."""
    return html.escape(t(key, **values))
