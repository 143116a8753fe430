"""Strings with a little markup, as HTML."""

from web.article.words import escape


def variables(text: str) -> str:
    """Text as HTML, inside Markdown too, with `*W*` as a variable, and Thai terms that no line breaks."""
    return "".join(
        f'<i class="m">{escape(part)}</i>' if odd % 2 else escape(part)
        for odd, part in enumerate(text.split("*"))
    )
