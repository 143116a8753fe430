"""What judges of answers look for: words, whole, whatever their case and accents. No torch here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence


def words_of(text: str) -> list[str]:
    """Its words: letters and digits with what joins them inside (4,180; don't)."""
    return re.findall(r"\w+(?:[.,'’-]\w+)*", text)


def plain(text: str) -> str:
    """Text in small letters without accents."""
    parted = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parted if not unicodedata.combining(c))


def holds(answer: str, keys: Sequence[str]) -> bool:
    """Whether one of the keys stands in the answer as a word or words of its own."""
    found = plain(answer)
    return any(re.search(rf"(?<!\w){re.escape(plain(key))}(?!\w)", found) for key in keys)
