"""From what the eyes read to what the voice says, with a map between their offsets.

`spoken_form` cuts the display text into words, each with its range in the display text and its spoken text.
Formulas, numbers, units and abbreviations become words; footnote marks, links and addresses are silent.
"""

import bisect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

from content import thai_words
from content.pronunciation import lexicon
from narration import forms, formula, identifiers, numbers

#: A space that is no phrase break; in Thai a plain space between words is one.
NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class Word:
    """A stretch of the display text that is spoken as one unit.

    Attributes:
        start, end: character range in the display text.
        spoken: what the voice says.
        after: what follows in the spoken text: "", a space, NO_BREAK, or punctuation and a space (a pause).
        letters: single Latin letters are names of letters (in formulas), not words.
    """

    start: int
    end: int
    spoken: str
    after: str = " "
    letters: bool = False


@dataclass(frozen=True)
class SpokenForm:
    """A display text with its words in reading order."""

    display: str
    language: str
    words: tuple[Word, ...]

    @cached_property
    def text(self) -> str:
        """The spoken text, as one string."""
        return "".join(word.spoken + word.after for word in self.words).replace(NO_BREAK, " ").rstrip()

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Character range of each word in `text`."""
        spans, position = [], 0
        for word in self.words:
            spans.append((position, position + len(word.spoken)))
            position += len(word.spoken) + len(word.after)
        return tuple(spans)

    def word_at(self, offset: int) -> int:
        """Index of the word spoken at a character offset of `text` (the next one, between two words)."""
        return min(bisect.bisect_right([end for _, end in self.spans], offset), len(self.words) - 1)

    def to_json(self) -> dict[str, object]:
        """For a device's own voice: `{"text", "map": [[spoken start, end, display start, end], …]}`."""
        pairs = zip(self.spans, self.words, strict=True)
        return {"text": self.text, "map": [[a, b, word.start, word.end] for (a, b), word in pairs]}


_THAI = re.compile(r"[ก-\u0e45\u0e47-\u0e4e]")
_THAI_RUN = re.compile(r"[ก-\u0e2e\u0e30-\u0e45\u0e47-\u0e4e]+")
_GREEK = "\u0370-\u03ff√∂∇‖∑∏∞ℝℒℓµ"
_OPERATORS = "=≠≈∼≡≔<>≤≥≪≫+±×·⋅∘⊙⊗÷∝→⇒∈∉⊂"
_TRIGGER = rf"[{_GREEK}]|(?<![A-Za-z])[A-Za-z](?:['′″](?![A-Za-z])|[⁰¹²³⁻ᵀ⊤₀-₉]|_\w)"
_MATH = rf"(?=[A-Za-z0-9(]*(?:{_TRIGGER}))[\w{_GREEK}{_OPERATORS}'′″^_{{}}/().⁻⁺ᵀ⊤|-]*[\w{_GREEK}'′″}}⁻ᵀ⊤‖)]"
_WORD = r"[A-Za-zÀ-ÖØ-öø-ɏ][A-Za-zÀ-ÖØ-öø-ɏ0-9]*(?:['’‑-][A-Za-zÀ-ÖØ-öø-ɏ0-9]+)*(?:['’](?=\W|$))?"


@cache
def _scanner(language: str) -> re.Pattern[str]:
    words = lexicon(language)
    english = lexicon("en").word if language == "th" else words.word
    terms = sorted((term for term in english if not term.isalpha()), key=len, reverse=True)
    shorts = sorted(words.short, key=len, reverse=True)
    units = sorted(words.unit, key=len, reverse=True)
    term = "|".join(rf"{re.escape(text)}(?![A-Za-z0-9])" for text in terms) or "(?!)"
    short = "|".join(re.escape(text) + (r"(?![A-Za-z])" if text[-1].isascii() else "") for text in shorts)
    unit = "|".join(re.escape(text) + _no_longer(text) for text in units)
    return re.compile(
        rf"(?P<math>\$\$.+?\$\$|\$(?![\s$])[^$\n]*?(?<![\s\\])\$(?!\d)|\\\(.+?\\\)|\\\[.+?\\\])"
        rf"|(?P<silent>\[\^[^\]]*\]|!\[|\]\((?:[^()\s]|\([^()]*\))*\)|\]\[[^\]]*\]|</?[A-Za-z][^>]*>|{forms.ADDRESS}"
        rf"|(?<=[^\W\d_]{{2}})[⁰¹²³⁴-⁹]+|(?<=[.,;:!?)”\"])[⁰¹²³⁴-⁹]+|[†‡])"
        rf"|(?P<bullet>^[ \t]*(?:[-*+•‣▪–]|\#{{1,6}}|>)[ \t]+|^[ \t]*\#{{1,6}}[ \t]+)"
        rf"|^[ \t]*\(?(?P<item>\d{{1,3}}|[๐-๙]{{1,3}})[.)][ \t]+"
        rf"|(?P<short>(?<![A-Za-z]){_shorts(short)})"
        rf"|(?P<term>(?<![A-Za-z0-9])(?:{term}))"
        rf"|(?P<plain_math>{_MATH})"
        rf"|(?P<number>(?<![A-Za-z_]){numbers.NUMBER.pattern})(?:(?:[ \u00a0\u202f]?(?P<unit>{unit})))?"
        rf"|(?P<name>{identifiers.NAME.pattern})"
        rf"|(?P<word>{_WORD})"
        rf"|(?P<thai>{_THAI_RUN.pattern})|(?P<repeat>ๆ)"
        rf"|(?P<symbol>[{re.escape(_OPERATORS)}&#@§~°−](?!\w*\*))"
        rf"|(?P<space>\s+)|(?P<other>.)",
        re.MULTILINE | re.DOTALL,
    )


def _no_longer(unit: str) -> str:
    """What may not follow a unit: กม. is no beginning of กม./ชม., ม. none of ม.ค."""
    return r"(?![\w/])" if unit[-1].isalpha() else r"(?![ก-ฮ/])" if unit[-1] == "." else ""


def _shorts(short: str) -> str:
    return f"(?:{short})" if short else "(?!)"


def spoken_form(display: str, language: str, given: Sequence[tuple[int, int, str]] = ()) -> SpokenForm:
    """What to say for a text.

    Args:
        display: the text as read; Markdown and TeX are understood.
        language: "en" or "th".
        given: ranges of the display whose spoken text is known already (start, end, spoken), in order.

    Raises:
        ValueError: there is no narration in that language.
    """
    if language not in ("en", "th"):
        raise ValueError(f"no narration in {language!r}; there is 'en' and 'th'")
    prepare([(display, given)])
    words: list[Word] = []
    tail = ""
    for word in _with_given(display.translate(numbers.THAI_DIGITS), language, given):
        if isinstance(word, str):
            tail += word
            continue
        if words:
            words[-1] = replace(words[-1], after=_pause(tail, words[-1], word, display, language))
        words.append(word)
        tail = ""
    if words:
        end = next((mark for mark in reversed(tail) if mark in ".!?"), "." if language == "en" else "")
        words[-1] = replace(words[-1], after=end)
    return SpokenForm(display, language, tuple(words))


def prepare(texts: Iterable[tuple[str, Sequence[tuple[int, int, str]]]]) -> None:
    """Find the Thai words of many texts (display, given) at once, which is much faster than one by one."""
    written = [text for display, given in texts for text in (display, *(said for _, _, said in given))]
    thai_words.prepare(thai_words.normalised(run)[0] for text in written for run in _THAI_RUN.findall(text))


def _with_given(display: str, language: str, given: Sequence[tuple[int, int, str]]) -> Iterator[Word | str]:
    position = 0
    for start, end, spoken in given:
        yield from _spoken(display, language, position, start)
        said = spoken.strip(" .,;:!?")
        yield Word(start, end, said, letters=True) if said else " "
        position = end
    yield from _spoken(display, language, position, len(display))


def _spoken(display: str, language: str, begin: int, stop: int) -> Iterator[Word | str]:
    """Words of a range, and the text between them as strings."""
    position = begin
    for start, end, said in forms.find(display, language, begin, stop):
        yield from _scanned(display, language, position, start)
        yield Word(start, end, said)
        position = end
    yield from _scanned(display, language, position, stop)


def _scanned(display: str, language: str, begin: int, stop: int) -> Iterator[Word | str]:
    """Words of a range that holds no form of several parts, and the text between them."""
    words = lexicon(language)
    last: Word | None = None
    for match in _scanner(language).finditer(display, begin, stop):
        kind, text, start, end = match.lastgroup, match[0], match.start(), match.end()
        for group in ("item", "number"):
            kind = group if match[group] else kind
        found: list[Word] = []
        if kind == "math":
            inner = re.sub(r"^(\$+|\\[(\[])|(\$+|\\[)\]])$", "", text)
            found = [Word(start, end, formula.read(inner, language), letters=True)]
        elif kind == "plain_math":
            found = [Word(start, end, formula.read(_plain(text), language), letters=True)]
        elif kind == "item":
            yield "\n"
            found = [Word(match.start("item"), match.end("item"), numbers.cardinal(match["item"], language))]
        elif kind == "bullet":
            yield "\n"
        elif kind == "number":
            number = numbers.NUMBER.fullmatch(match["number"])
            assert number is not None  # the scanner matched the same pattern
            found = [Word(start, end, numbers.expression(number, match["unit"] or "", language))]
        elif kind == "short":
            found = [Word(start, end, words.short[text])]
        elif kind == "name" and (named := identifiers.parts(text, language)):
            found = [Word(start + a, start + b, said, letters=True) for a, b, said in named]
        elif kind in ("term", "word", "name"):
            spoken = lexicon("en").word.get(text, (text.replace("‑", "-"), ""))[0]
            found = [Word(start, end, spoken, letters=_is_letter(text, display[:start]))]
        elif kind == "thai":
            found = [
                Word(start + a, start + b, lexicon("th").word.get(word, (word,))[0])
                for a, b, word in thai_words.words(text)
            ]
        elif kind == "repeat":
            found = [Word(start, end, last.spoken)] if last else []
        elif kind == "symbol" and text in words.symbol and display[end : end + 2].strip():
            found = [Word(start, end, words.symbol[text])]
        elif kind != "silent":
            yield text
        for word in found:
            if word.spoken:
                if kind == "name" and last and word is not found[0]:
                    # 3.1 and 8 billion are two numbers, with a pause between them.
                    numbers_meet = display[last.end - 1].isdigit() and display[word.start].isdigit()
                    yield ", " if numbers_meet else " "
                yield word
                last = word
        if kind == "item":
            yield ". "


def _plain(text: str) -> str:
    """Plain mathematics for the formula reader: d_in -> d_{\\text{in}}."""
    text = re.sub(r"[₀-₉]+", lambda m: "_{" + "".join(chr(ord(c) - 0x2080 + 48) for c in m[0]) + "}", text)
    return re.sub(r"_([A-Za-z0-9]{2,})", r"_{\\text{\1}}", text)


def _is_letter(text: str, before: str) -> bool:
    """A lone Latin letter is the name of a letter, but for "a", "I" and an "A" that opens a sentence."""
    if len(text) != 1 or text in "aI":
        return False
    return text != "A" or before.rstrip()[-1:] not in ("", ".", "!", "?", ":")


def _pause(tail: str, word: Word, following: Word, display: str, language: str) -> str:
    """What stands between two words, reduced to what a voice understands."""
    if "\n" in tail or re.search(r"[.][\"”)’\]*_]*\s", tail):
        return ". "
    for mark in "?!;:":
        if mark in tail:
            return mark + " "
    if re.search(r"[,()—…]|\s[-–−]\s", tail):
        return ", "
    if language == "en":
        return " "
    if word.spoken[-1:].isascii() or following.spoken[:1].isascii():
        return NO_BREAK
    beside_number = not (_THAI.match(display[word.end - 1]) and _THAI.match(display[following.start]))
    if beside_number:  # there a space belongs to the writing, not to the phrase
        return NO_BREAK if tail else ""
    return " " if tail else ""
