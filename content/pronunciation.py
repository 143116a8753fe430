"""The pronunciation lexicons of `content/lexicon/` and the glossary's terms.

`content/lexicon/<language>.tsv` holds lines of `kind, written, spoken, sound`: see the head of each file.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from content.terms import unbroken

CONTENT = Path(__file__).parent
KINDS = ("word", "symbol", "unit", "short", "say")


@dataclass(frozen=True)
class Lexicon:
    """What one language needs to say what is written.

    Attributes:
        word: term -> (respelling, phonemes of the built-in voice or "").
        symbol: sign or TeX command -> words.
        unit: sign after a number -> (singular, plural).
        short: abbreviation -> words.
        say: words the rules need ("minus", "point" …).
    """

    word: dict[str, tuple[str, str]] = field(default_factory=dict)
    symbol: dict[str, str] = field(default_factory=dict)
    unit: dict[str, tuple[str, str]] = field(default_factory=dict)
    short: dict[str, str] = field(default_factory=dict)
    say: dict[str, str] = field(default_factory=dict)


@cache
def lexicon(language: str) -> Lexicon:
    """Read one language's lexicon.

    Raises:
        ValueError: a line has an unknown kind, a missing column or a term that stands twice.
    """
    path = CONTENT / "lexicon" / f"{language}.tsv"
    found = Lexicon()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("# "):
            continue
        kind, written, spoken, *rest = [*line.split("\t"), "", ""]
        if kind not in KINDS or not written or not spoken:
            raise ValueError(
                f"{path}:{number}: expected one of {KINDS}, a term and how it is spoken: {line!r}"
            )
        if written in getattr(found, kind):
            raise ValueError(f"{path}:{number}: {kind} {written!r} stands twice")
        if kind == "word":
            found.word[written] = (spoken, rest[0])
        elif kind == "unit":
            one, _, many = spoken.partition("|")
            found.unit[written] = (one, many or one)
        else:
            getattr(found, kind)[written] = spoken
    return found


@cache
def thai_terms() -> frozenset[str]:
    """Thai words that no segmenter may cut: the lexicon's and the glossary's."""
    terms = {*lexicon("th").word, *(part for term in unbroken() for part in term.split())}
    return frozenset(
        term for term in terms if len(term) >= 4 and all("ก" <= sign <= "\u0e4e" for sign in term)
    )


@cache
def digest() -> str:
    """Eight digits that change with any lexicon or the glossary."""
    content = "".join(repr(lexicon(language)) for language in ("en", "th")) + repr(sorted(thai_terms()))
    return hashlib.sha256(content.encode()).hexdigest()[:8]
