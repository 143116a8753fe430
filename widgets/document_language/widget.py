"""Keeps `<html lang>` at the reader's language, so that fonts, line breaking and screen readers follow."""

from widgets.component import component

_render = component("document_language", isolate_styles=False)


def document_language(language: str) -> None:
    """Set the document's language; draws nothing."""
    _render(key="document_language", data={"language": language}, height="content")
