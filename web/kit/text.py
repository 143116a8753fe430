"""Text as HTML: what is put into a page is escaped by markupsafe, here and nowhere else.

HTML is written as a template, `Markup('<p id="{}">{}</p>').format(name, escape(text))`. What is put in is
escaped unless it is `Markup` already, so a plain string may stand in an attribute as it is. Running text goes
through `escape`, which also keeps Markdown from reading anything into it.
"""

import re

import markupsafe
from markupsafe import Markup

from content.terms import unbroken_pattern

MARKDOWN = re.compile(r"(?<!&)#|[\\`*_\[\]{}~$:|^=]")
"""What Markdown would read, in text whose HTML is escaped: an ampersand before `#` begins an entity there."""

THAI = re.compile(r"[\u0e00-\u0e7f]")


def escape(text: str) -> Markup:
    """Running text that neither Markdown nor HTML reads anything into; Thai terms kept in one piece.

    Its spans have no place in an attribute: there a plain string is enough.
    """
    safe = MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", markupsafe.escape(text))
    safe = safe.replace(" ๆ", "\u00a0ๆ")
    return Markup(unbroken_pattern().sub(r'<span class="nb">\g<0></span>', safe))


def language_of(text: str) -> str:
    """The language that a model's text is read in: "th" if more than a quarter of it is Thai, else "en"."""
    return "th" if len(THAI.findall(text)) > len(text) / 4 else "en"


def heading(title: str, about: str = "") -> Markup:
    """The title of a part of a page, and a sentence under it."""
    below = Markup('<p class="cap">{}</p>').format(about) if about else ""
    return Markup("<h2>{}</h2>{}").format(title, below)


def variables(text: str) -> Markup:
    """Running text with `*W*` as a variable."""
    return Markup("").join(
        Markup('<i class="m">{}</i>').format(escape(part)) if odd % 2 else escape(part)
        for odd, part in enumerate(text.split("*"))
    )
