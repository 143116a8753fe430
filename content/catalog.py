"""The strings of the interface: gettext `.po` files, read with Babel, one folder a language.

Every file in `content/strings/<language>/` belongs to the catalogue. A message's id is a dotted key
(`fine_tune.train`), its text is the words of that language, with named fields in braces (`{rank}`).
"""

from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

LANGUAGES = ("en", "th")
STRINGS = Path(__file__).parent / "strings"


@cache
def catalog(language: str) -> dict[str, str | tuple[str, ...]]:
    """All strings of one language.

    Args:
        language: one of LANGUAGES.

    Returns:
        Key to text, or to the tuple of plural forms where the message has them.

    Raises:
        ValueError: a file does not parse, a key stands twice, or a text is empty.
    """
    found: dict[str, str | tuple[str, ...]] = {}
    for path in sorted((STRINGS / language).glob("*.po")):
        with path.open("rb") as file:
            messages = read_po(file, locale=language, abort_invalid=True)
        for message in messages:
            if not message.id:  # the header
                continue
            key = message.id if isinstance(message.id, str) else message.id[0]
            text = message.string
            if key in found:
                raise ValueError(f"{path}: the key {key!r} stands twice")
            if not text or not all(text):
                raise ValueError(f"{path}: the key {key!r} has no text")
            found[key] = text if isinstance(text, str) else tuple(text)
    return found
