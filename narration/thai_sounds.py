"""Thai words as phonemes with tones: lexicon first, then thaiphon's rules and its volubilis data.

Notation, one syllable after another with dots between: onset, vowel, ː when long, coda, tone number:
`ʔa2.dɛːp2.tɤː3`. Tones: 1 mid, 2 low, 3 falling, 4 high, 5 rising. The diphthongs are iːa, ɯːa, uːa.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from content import thai_words
from content.pronunciation import lexicon

if TYPE_CHECKING:
    from thaiphon.model.syllable import Syllable as Found

_ONSET = "(?:tɕʰ|tɕ|[ptk]ʰ|[ptkbdfshmnŋlrwjʔ])[rlw]?"
_VOWEL = "[iɯu](?:ːa|a)|[iɯueɤoɛaɔ]ː?"
_SYLLABLE = re.compile(rf"({_ONSET})({_VOWEL})([ptkmnŋwjfsl]?)([1-5])")
_TONES = {"MID": 1, "LOW": 2, "FALLING": 3, "HIGH": 4, "RISING": 5}


@dataclass(frozen=True)
class Syllable:
    """One Thai syllable.

    Attributes:
        onset: a consonant or cluster in IPA ("kʰr"); "ʔ" where none is written.
        vowel: its quality: a e i o u ɛ ɔ ɤ ɯ, or a diphthong ia ɯa ua.
        long: the vowel is long.
        coda: p t k m n ŋ w j, in loanwords f s l, or "".
        tone: 1 mid, 2 low, 3 falling, 4 high, 5 rising.
    """

    onset: str
    vowel: str
    long: bool
    coda: str
    tone: int

    def __str__(self) -> str:
        vowel = self.vowel[0] + "ː" * self.long + self.vowel[1:]
        return f"{self.onset}{vowel}{self.coda}{self.tone}"


def parse(sounds: str) -> tuple[Syllable, ...]:
    """Read the notation above.

    Raises:
        ValueError: a syllable is malformed.
    """
    found = []
    for part in sounds.split("."):
        match = _SYLLABLE.fullmatch(part)
        if not match:
            raise ValueError(f"not a syllable: {part!r} in {sounds!r}; expected like tʰaj1 or kʰwaːm5")
        onset, vowel, coda, tone = match.groups()
        found.append(Syllable(onset, vowel.replace("ː", ""), "ː" in vowel, coda, int(tone)))
    return tuple(found)


@cache
def word(text: str) -> tuple[Syllable, ...]:
    """The syllables of one Thai word or term; nothing for what cannot be said."""
    known = lexicon("th").word.get(text)
    if known and known[1]:
        return parse(known[1])
    from thaiphon import analyze

    pieces = [text[a:b] for a, b in thai_words.parts(text)]
    if len(pieces) > 1 and all(_is_known(piece) for piece in pieces):
        return tuple(syllable for piece in pieces for syllable in word(piece))
    return tuple(
        _syllable(syllable, text) for syllable in analyze(known[0] if known else text).best.syllables
    )


def _is_known(text: str) -> bool:
    from thaiphon import analyze

    return text in lexicon("th").word or analyze(text).source == "lexicon"


def words(text: str) -> list[tuple[str, tuple[Syllable, ...]]]:
    """The words of a run of Thai script, each with its syllables."""
    return [(text[a:b], word(text[a:b])) for a, b in thai_words.segment(text)]


def _syllable(found: "Found", text: str) -> Syllable:
    """thaiphon's syllable in our notation, its known slips put right."""
    onset, vowel = found.onset, found.vowel.symbol
    parts = () if onset is None else (onset,) if hasattr(onset, "symbol") else (onset.first, onset.second)
    begin = "".join(part.symbol for part in parts) or "ʔ"
    end = found.coda.symbol.strip("\u031a") if found.coda else ""
    long = found.vowel_length.name == "LONG"
    if vowel == "i" and long and end == "w":  # เ–ียว is a diphthong
        vowel = "iə"
    if vowel == "ɔ" and long and not end and "าะ" in text:  # เ–าะ is short
        long = False
    return Syllable(begin, vowel.replace("ə", "a"), long, end.replace("ʔ", ""), _TONES[found.tone.name])
