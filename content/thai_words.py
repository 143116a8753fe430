"""Thai words: Thai has no spaces between them, so a segmenter finds them, but for the terms that stay whole.

kham reads its dictionary anew at every call (0.09 s), so what is to be cut is cut in one call, and kept.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from content.pronunciation import lexicon, thai_terms

#: Signs that never begin a word: vowels written after or over their consonant, tone marks, the silencer.
_FOLLOWS = "ะาำ\u0e31\u0e34-\u0e3a\u0e45\u0e47-\u0e4e"
_FRAGMENT = re.compile(rf"[{_FOLLOWS}].*|[ก-ฮ][{_FOLLOWS}]*\u0e4c.*|[ก-ฮ]", re.DOTALL)
_NUMERALS = "ศูนย์ หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า สิบ ยี่สิบ เอ็ด ร้อย พัน หมื่น แสน ล้าน จุด"
_KEPT = 20_000  # runs
_MISTYPED = re.compile("เเ|\u0e4d(?P<tone>[\u0e48-\u0e4b]?)\u0e32|(?P<early>[\u0e48-\u0e4b])\u0e4d\u0e32")

Ranges = tuple[tuple[int, int], ...]
_cuts: dict[str, Ranges] = {}


def normalised(text: str) -> tuple[str, list[int]]:
    """A run as it should have been typed, and where each of its characters, and its end, stood before.

    Mended: ํ and า apart, as texts from PDF files have them (ทํางาน, นํ้า), and two เ in the place of แ.
    """
    if not _MISTYPED.search(text):
        return text, list(range(len(text) + 1))
    written: list[str] = []
    places: list[int] = []
    position = 0
    for match in _MISTYPED.finditer(text):
        written += text[position : match.start()]
        places += range(position, match.start())
        mended = "แ" if match[0] == "เเ" else (match["tone"] or match["early"] or "") + "ำ"
        written += mended
        places += [match.start()] * len(mended)
        position = match.end()
    return "".join(written) + text[position:], [*places, *range(position, len(text) + 1)]


def words(text: str) -> list[tuple[int, int, str]]:
    """The words of a run of Thai script: where each stands in the run, and the word as it should be typed."""
    mended, places = normalised(text)
    return [(places[a], places[b], mended[a:b]) for a, b in segment(mended)]


def segment(text: str) -> Ranges:
    """Word ranges that cover a run of Thai script (no spaces, digits, ๆ or ฯลฯ inside).

    Glossary and lexicon terms are matched first; what the segmenter leaves as an unpronounceable fragment
    (a vowel sign, a silenced letter, one consonant) joins the word before it.
    """
    prepare([text])
    return _cuts[text]


def prepare(texts: Iterable[str]) -> None:
    """Cut many runs at once, so that `segment` answers from memory."""
    new = [text for text in dict.fromkeys(texts) if text not in _cuts]
    if len(_cuts) + len(new) > _KEPT:
        _cuts.clear()
    plain: list[str] = []
    pieces: dict[str, list[tuple[int, int, bool]]] = {}
    for text in new:
        if _spoken_words().fullmatch(text) and text not in thai_terms():
            _cuts[text] = tuple(match.span() for match in _one_spoken_word().finditer(text))
            continue
        pieces[text] = _around(_terms(), text)
        plain += [text[a:b] for a, b, whole in pieces[text] if not whole]
    cut = iter(_with_kham(plain))
    for text, found in pieces.items():
        _cuts[text] = _filled(found, cut)
        for a, b in _cuts[text]:
            _cuts.setdefault(text[a:b], ((0, b - a),))


def _around(whole: re.Pattern[str], text: str) -> list[tuple[int, int, bool]]:
    """Ranges that cover the text: what must stay whole (True) and what is between."""
    found, position = [], 0
    for match in whole.finditer(text):
        if match.start() > position:
            found.append((position, match.start(), False))
        found.append((*match.span(), True))
        position = match.end()
    return [*found, (position, len(text), False)] if position < len(text) else found


def _with_kham(texts: list[str]) -> list[list[tuple[int, int]]]:
    """kham's words of several runs, in one call."""
    if not texts:
        return []
    import kham

    found: list[list[tuple[int, int]]] = [[] for _ in texts]
    starts = [0]
    for text in texts:
        starts.append(starts[-1] + len(text) + 1)
    index = 0
    for token in kham.segment_tokens("\n".join(texts)):
        while token.char_start >= starts[index + 1]:
            index += 1
        a, b, words = token.char_start - starts[index], token.char_end - starts[index], found[index]
        part = texts[index][a:b]
        if words and (
            (_FRAGMENT.fullmatch(part) and part not in "ณธ")
            or texts[index][words[-1][0] : a] in list("เแโใไ")
        ):
            words[-1] = (words[-1][0], b)
        else:
            words.append((a, b))
    return found


def parts(term: str) -> Ranges:
    """The words inside a term that `segment` keeps whole."""
    return _inside_terms().get(term, ((0, len(term)),))


@cache
def _inside_terms() -> dict[str, Ranges]:
    """All terms cut, but for the lexicon's own words; in one call."""
    loans = re.compile(rf"(?:{_pattern(lexicon('th').word)})(?![{_FOLLOWS}])")
    terms = [term for term in thai_terms() if term not in lexicon("th").word]
    pieces = [_around(loans, term) for term in terms]
    cut = iter(
        _with_kham(
            [term[a:b] for term, found in zip(terms, pieces, strict=True) for a, b, w in found if not w]
        )
    )
    return {term: _filled(found, cut) for term, found in zip(terms, pieces, strict=True)}


def _filled(pieces: list[tuple[int, int, bool]], cut: Iterator[list[tuple[int, int]]]) -> Ranges:
    words: list[tuple[int, int]] = []
    for a, b, whole in pieces:
        words += [(a, b)] if whole else [(a + x, a + y) for x, y in next(cut)]
    return tuple(words)


def _pattern(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or "(?!)"


@cache
def _terms() -> re.Pattern[str]:
    return re.compile(rf"(?<![เแโใไ])(?:{_pattern(thai_terms())})(?![{_FOLLOWS}])")


@cache
def _one_spoken_word() -> re.Pattern[str]:
    """The words that numbers, units and formulas are spoken with."""
    words = lexicon("th")
    values = {*words.say.values(), *words.symbol.values(), *(one for one, _ in words.unit.values())}
    runs = [run for value in sorted(values) for run in re.findall(r"[\u0e00-\u0e7f]+", value)]
    pieces = [_around(_terms(), run) for run in runs]
    cut = iter(
        _with_kham([run[a:b] for run, found in zip(runs, pieces, strict=True) for a, b, w in found if not w])
    )
    spoken = {run[a:b] for run, found in zip(runs, pieces, strict=True) for a, b in _filled(found, cut)}
    return re.compile(f"(?:{_pattern({*_NUMERALS.split(), *spoken})})(?![{_FOLLOWS}])")


@cache
def _spoken_words() -> re.Pattern[str]:
    return re.compile(f"(?:{_one_spoken_word().pattern})+")


def forget() -> None:
    """Drop what `prepare` has kept."""
    _cuts.clear()
