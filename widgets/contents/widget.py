"""The contents of a text: where the reader is, and the way elsewhere."""

from collections.abc import Iterable

from content.terms import unbroken_pattern
from widgets.component import component

_contents = component("contents")


def contents(items: Iterable[tuple[str, str]], *, key: str, title: str, language: str) -> None:
    """Show the contents; the section being read is marked, and its id stands in the URL's hash.

    A hash that is there from the start is scrolled to once layout and fonts have settled. When the language
    changes, the sentence that was being read stays where it was (elements with `data-s` are sentences).

    Args:
        items: the id of each section's heading, and its title.
        key: of the component.
        title: what the list is called.
        language: the language of the text.
    """
    parts = [(id, unbroken_pattern().split(name)) for id, name in items]
    _contents(key=key, data={"items": parts, "title": title, "language": language}, height="content")
