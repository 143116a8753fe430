"""Strings with a little markup, as HTML."""

from html import escape


def variables(text: str) -> str:
    """Text as HTML, with `*W*` as a variable."""
    return "".join(
        f'<i class="m">{escape(part)}</i>' if odd % 2 else escape(part)
        for odd, part in enumerate(text.split("*"))
    )
