"""A button that copies an address of this site."""

from collections.abc import Mapping

from widgets.component import component

_copy_link = component("copy_link")


def copy_link(path: str, *, key: str, text: Mapping[str, str]) -> None:
    """Show the button.

    Args:
        path: path and query relative to the page, as `./fine-tune?rank=4`.
        text: the strings `copy`, `copied` and `not_copied`.
    """
    _copy_link(key=key, data={"path": path, "text": dict(text)}, width="content")
