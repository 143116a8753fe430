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
        avoid: other Thai renderings, which the texts must not use.
    """

    key: str
    en: str
    th: str
    meaning_en: str
    meaning_th: str
    avoid: tuple[str, ...] = ()


@cache
def glossary() -> dict[str, Term]:
    """All terms by key.

    Raises:
        TypeError: a term lacks a field or has an unknown one.
    """
    return {
        key: Term(key, **fields | {"avoid": tuple(fields.get("avoid", ()))})
        for key, fields in _file()["term"].items()
    }


@cache
def unbroken() -> tuple[str, ...]:
    """Thai words that no line break may split, longest first: every term, and loanwords beside them."""
    return tuple(
        sorted({*(term.th for term in glossary().values()), *_file()["loanwords"]}, key=len, reverse=True)
    )


@cache
def unbroken_pattern() -> re.Pattern[str]:
    """Matches one of `unbroken`, as its only group: `split` gives what lies between, and matches, in turn."""
    return re.compile(f"({'|'.join(map(re.escape, unbroken()))})")


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(TERMS.read_text("utf-8"))
