"""A button that copies an address of this site."""

from collections.abc import Mapping

from widgets.component import component

_copy_link = component("copy_link")


def copy_link(path: str, *, key: str, text: Mapping[str, str]) -> None:
    """Show the button.

    Args:
        path: path and query; the browser puts the origin before it.
        text: the strings `copy`, `copied` and `not_copied`.
    """
    _copy_link(key=key, data={"path": path, "text": dict(text)}, width="content")
