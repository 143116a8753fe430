"""Names of models, machines and code: Llama-3.1-8B, H200, LoRALinear, as parts that can be said."""

from __future__ import annotations

import re
from functools import cache

from content.pronunciation import lexicon
from narration.numbers import cardinal

Part = tuple[int, int, str]  # where it stands in the text, and what is said for it

NAME = re.compile(
    r"(?<![\w./@$\\^{-])(?=[A-Za-z.‑-]*\d|[A-Za-z]*[a-z][A-Z]|[A-Z]*[A-Z][A-Z][a-z])"
    r"[A-Za-z](?:[A-Za-z0-9]|\.(?=\d)|[-‑](?=[A-Za-z0-9]))*(?:['’]s)?(?![\w@^'’])"
)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([BMKTbmkt])")
_MIXTURE = re.compile(r"(\d+)x(\d+(?:\.\d+)?)([BMbm])")
_ACTIVE = re.compile(r"A(\d+(?:\.\d+)?)([BMbm])")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]")
_VOWELS = set("AEIOU")


def parts(text: str, language: str) -> list[Part] | None:
    """What is said for each part of a name with digits or of an identifier; None for a plain word."""
    text, _, _ = text.partition("’" if "’" in text else "'")
    if text in lexicon("en").word or re.fullmatch("[A-Z]+s", text):
        return None
    if any(character.isdigit() for character in text):
        found: list[Part] = []
        for segment in re.finditer(r"[^-‑]+", text):
            found += _segment(segment[0], segment.start(), language)
        return found
    if "-" in text or "‑" in text:
        return None
    return _humps(text)


def _segment(text: str, at: int, language: str) -> list[Part]:
    end = at + len(text)
    if text in lexicon("en").word:
        return [(at, end, lexicon("en").word[text][0])]
    if match := _SIZE.fullmatch(text):
        return [(at, end, _sized(match[1], match[2], language))]
    if match := _MIXTURE.fullmatch(text):
        link = lexicon(language).say["by"]
        return [(at, end, f"{cardinal(match[1], language)} {link} {_sized(match[2], match[3], language)}")]
    if match := _ACTIVE.fullmatch(text):
        return [(at, at + 1, "A"), (at + 1, end, _sized(match[1], match[2], language))]
    pieces: list[Part] = []
    for match in re.finditer(r"\d+(?:\.\d+)*|[A-Za-z]+|\.", text):
        start, stop = at + match.start(), at + match.end()
        if match[0][0].isdigit():
            pieces.append((start, stop, _number(match[0], language)))
        elif match[0] == "s" and pieces:
            pieces[-1] = (pieces[-1][0], stop, pieces[-1][2] + "s" * (language == "en"))
        elif match[0] != ".":
            pieces += [(start + a, start + b, said) for a, b, said in _letters(match[0])]
    return pieces


def _number(text: str, language: str) -> str:
    whole, *rest = text.split(".")
    gap = " " if language == "en" else ""
    said = [cardinal(whole, language)]
    for each in rest:
        said += [lexicon(language).say["point"], cardinal(str(int(each)), language)]
    return gap.join(said)


def _sized(number: str, scale: str, language: str) -> str:
    unit = lexicon(language).unit["k" if scale in "kK" else scale.upper()][0]
    return f"{cardinal(number, language)}{' ' if language == 'en' else ''}{unit}"


def _letters(text: str) -> list[Part]:
    """A run of letters: a word of the lexicon, humps, an abbreviation that is spelled, or a word."""
    if text in lexicon("en").word:
        return [(0, len(text), lexicon("en").word[text][0])]
    if humps := _humps(text):
        return humps
    return [(0, len(text), _spelled(text))]


def _spelled(text: str) -> str:
    """G P T; but MATH and BERT, which can be said as words, as words."""
    sayable = len(text) >= 4 and _VOWELS & set(text)
    return " ".join(text) if text.isupper() and len(text) <= 5 and not sayable else text


def _humps(text: str) -> list[Part] | None:
    """LoRALinear -> LoRA, Linear; None for a word of one hump."""
    found: list[Part] = []
    position = 0
    while position < len(text):
        known = _known().match(text, position)
        match = known or _HUMP.match(text, position)
        if match is None:
            return None
        said = lexicon("en").word[match[0]][0] if known else _spelled(match[0])
        found.append((position, match.end(), said))
        position = match.end()
    short = any(b - a < 2 for a, b, _ in found)
    if len(found) < 2 or short or (text[0].islower() and found[0][1] < 3):
        return None
    return found


@cache
def _known() -> re.Pattern[str]:
    """Words of the lexicon with a hump of their own, before another hump or the end."""
    words = [word for word in lexicon("en").word if word.isalpha() and not word.islower() and len(word) > 2]
    ordered = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?:{'|'.join(map(re.escape, ordered))})(?=[A-Z]|$)")
