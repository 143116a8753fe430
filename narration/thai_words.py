"""Thai words: Thai has no spaces between them, so a segmenter finds them, after the terms that must stay whole."""

import re
from functools import cache

from narration.lexicon import thai_terms

#: Signs that never begin a word: vowels written after or over their consonant, tone marks, the silencer.
_FOLLOWS = "ะาำ\u0e31\u0e34-\u0e3a\u0e45\u0e47-\u0e4e"
_FRAGMENT = re.compile(rf"[{_FOLLOWS}].*|[ก-ฮ][{_FOLLOWS}]*\u0e4c.*|[ก-ฮ]", re.DOTALL)


@cache
def _terms() -> re.Pattern[str]:
    terms = sorted(thai_terms(), key=len, reverse=True)
    return re.compile("|".join(rf"{re.escape(term)}(?![{_FOLLOWS}])" for term in terms) or "(?!)")


def segment(text: str) -> list[tuple[int, int]]:
    """Word ranges that cover a run of Thai script (no spaces, digits, ๆ or ฯลฯ inside).

    Glossary and lexicon terms are matched first; what the segmenter leaves as an unpronounceable fragment
    (a vowel sign, a silenced letter, one consonant) joins the word before it.
    """
    found: list[tuple[int, int]] = []
    position = 0
    for match in _terms().finditer(text):
        found += _between(text, position, match.start())
        found.append(match.span())
        position = match.end()
    return found + _between(text, position, len(text))


def _between(text: str, start: int, end: int) -> list[tuple[int, int]]:
    import kham

    words: list[tuple[int, int]] = []
    for token in kham.segment_tokens(text[start:end]):
        a, b = start + token.char_start, start + token.char_end
        if words and _FRAGMENT.fullmatch(text[a:b]) and text[a:b] not in "ณธ":
            words[-1] = (words[-1][0], b)
        else:
            words.append((a, b))
    return words
