"""Explains the glossary's terms where they stand in a text."""

from widgets.component import component

_glossary = component("glossary", isolate_styles=False)


def glossary() -> None:
    """Explain every `.term` of the page: the words are those of the element it is `aria-describedby`."""
    _glossary(key="glossary", height="content")
