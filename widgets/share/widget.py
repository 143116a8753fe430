"""A button that opens the address of what is shown: to copy, and as a code for a room to scan."""

from collections.abc import Mapping, Sequence

from widgets.component import component

_share = component("share")


def share(*, addresses: Sequence[str], text: Mapping[str, str]) -> None:
    """Show the button.

    Args:
        addresses: of this computer, as others in the room reach it; none if the server listens to itself.
        text: the strings of `share.*`.
    """
    _share(key="share", data={"addresses": list(addresses), "text": dict(text)}, width="content")
