"""A picture drawn on the server as an inline SVG, which takes its colours and type from the page."""

from widgets.component import component

_drawing = component("drawing", isolate_styles=False)


def drawing(svg: str, *, key: str) -> None:
    """Show it. The text must be our own: it is not cleaned."""
    _drawing(key=key, data={"svg": svg})
