"""Keeps `<html lang>` at the reader's language and says Streamlit's own few words in it."""

from widgets.component import component

_render = component("document", isolate_styles=False)


def document(language: str, text: dict[str, str]) -> None:
    """Set the document's language; draws nothing.

    Args:
        language: a language tag, for `<html lang>`.
        text: what the skip link and the switch of languages are called.
    """
    _render(key="document", data={"language": language, "text": text}, height="content")
