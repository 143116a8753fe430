"""The glossary: one Thai rendering for each English term, from `glossary/terms.toml`."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TERMS = Path(__file__).parent / "glossary" / "terms.toml"


@dataclass(frozen=True)
class Term:
    """A term in both languages.

    Attributes:
        key: its name in the file.
        en, th: the chosen words.
        meaning_en, meaning_th: one line each.
        avoid: other Thai renderings, which the texts must not use; avoid_en: other English ones.
        forms: other forms of the English words, plurals in -s and -es apart (`matrices`).
        common: in English also a word of every day, which the article does not explain where it stands.
    """

    key: str
    en: str
    th: str
    meaning_en: str
    meaning_th: str
    avoid: tuple[str, ...] = ()
    avoid_en: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    common: bool = False

    def words(self, language: str) -> str:
        return self.th if language == "th" else self.en

    def meaning(self, language: str) -> str:
        return self.meaning_th if language == "th" else self.meaning_en


@cache
def glossary() -> dict[str, Term]:
    """All terms by key.

    Raises:
        TypeError: a term lacks a field or has an unknown one.
    """
    return {key: Term(key, **_fields(table)) for key, table in _file()["term"].items()}


def _fields(table: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}


@cache
def unbroken() -> tuple[str, ...]:
    """Thai words that no line break may split, longest first: every term, and loanwords beside them."""
    return tuple(
        sorted({*(term.th for term in glossary().values()), *_file()["loanwords"]}, key=len, reverse=True)
    )


@cache
def unbroken_pattern() -> re.Pattern[str]:
    """Matches one of `unbroken`, as its only group: `split` gives what lies between, and matches, in turn.

    A syllable is never cut: ก้าว is not found in เก้าวิธี.
    """
    words = "|".join(map(re.escape, unbroken()))
    return re.compile(rf"(?<![เแโใไ])({words})(?![ะาำ\u0e31\u0e34-\u0e3a\u0e45\u0e47-\u0e4e])")


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(TERMS.read_text("utf-8"))
