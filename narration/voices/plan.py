"""Spoken form -> the phonemes of the built-in voice, English and Thai mixed in one string.

The phonemes are misaki's alphabet. Latin script is pronounced as English by hibari's rules, Thai script by
`thai_sounds`; each word keeps its range in the string, each Thai syllable its rime and tone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from hibari.g2p import G2P

from content import thai_words
from content.pronunciation import lexicon
from narration import thai_sounds
from narration.spoken import NO_BREAK, SpokenForm, Word

_SCRIPT = re.compile(r"(?P<thai>[\u0e00-\u0e7f]+)|(?P<latin>[^\u0e00-\u0e7f]+)")
_ONSETS = {
    "p": "b", "t": "d", "k": "ɡ", "pʰ": "p", "tʰ": "t", "kʰ": "k", "tɕ": "ʤ", "tɕʰ": "ʧ", "ʔ": "", "r": "ɹ",
}  # fmt: skip
_RIMES = {"aj": "I", "aw": "W", "aːj": "ɑːj", "aːw": "ɑːw", "ɔj": "Y", "ɔːj": "Y", "eː": "A"}
_VOWELS = {
    "a": "ʌ", "aː": "ɑː", "i": "ɪ", "iː": "iː", "u": "ʊ", "uː": "uː", "e": "ɛ", "eː": "ɛː", "ɛ": "æ",
    "ɛː": "æː", "o": "O", "oː": "O", "ɔ": "ɔ", "ɔː": "ɔː", "ɤ": "ɜ", "ɤː": "ɜː", "ɯ": "ʊ",
    "ɯː": "u", "ia": "iə", "ua": "uə", "ɯa": "ʊə",
}  # fmt: skip


@dataclass
class Plan:
    """Phonemes with what they belong to; ranges are in characters of `phonemes`.

    Attributes:
        words: the range of each word of the spoken form, in order.
        tones: the rime of each Thai syllable and its tone, 1 to 5.
        breaks: places where a list item or a line ends inside the sentence.
        said: the sounds of each word to read: Thai syllables with tone numbers, English phonemes.
    """

    phonemes: str = ""
    words: list[tuple[int, int]] = field(default_factory=list)
    tones: list[tuple[int, int, int]] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    said: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Part:
    """A run of one script inside a word; `mark` follows it, `sound` is its phonemes where they are known."""

    word: int
    text: str
    thai: bool
    mark: str
    sound: str = ""
    letters: bool = False


def plan(form: SpokenForm, g2p: G2P) -> Plan:
    """The phonemes of a sentence."""
    made = Plan(words=[(-1, -1)] * len(form.words), said=[[] for _ in form.words])
    run: list[_Part] = []
    parts = list(_parts(form))
    thai_words.prepare(part.text for part in parts if part.thai)
    for part in [*parts, None]:
        if part is None or part.thai:
            _english(made, run, g2p)
            run = []
        else:
            run.append(part)
        if part is not None and part.thai:
            _thai(made, part)
    made.phonemes = made.phonemes.rstrip(" ")
    for word, (_, end) in zip(form.words[:-1], made.words[:-1], strict=True):
        if word.after == ". " and end > 0:
            made.breaks.append(end + len(made.phonemes[end:]) - len(made.phonemes[end:].lstrip(" .")))
    at = 0
    for index, (begin, end) in enumerate(
        made.words
    ):  # a word without a sound stands where its neighbour ends
        made.words[index] = (at, at) if begin < 0 else (begin, end)
        at = made.words[index][1]
    return made


def _parts(form: SpokenForm) -> Iterator[_Part]:
    for index, word in enumerate(form.words):
        sound = _known(form, word)
        runs = list(_SCRIPT.finditer(word.spoken))
        for number, match in enumerate(runs):
            thai = match.lastgroup == "thai"
            mark = word.after.replace(NO_BREAK, "") or " " if number == len(runs) - 1 else " "
            if form.language == "th" and mark == word.after == " ":  # a Thai space is a phrase break
                mark = ", "
            if match[0].strip():
                yield _Part(index, match[0].strip(), thai, mark, sound, word.letters)


def _known(form: SpokenForm, word: Word) -> str:
    spoken, sound = lexicon("en").word.get(form.display[word.start : word.end], ("", ""))
    return sound if spoken == word.spoken else ""


def _say(made: Plan, word: int, phonemes: str) -> None:
    begin = len(made.phonemes)
    made.phonemes += phonemes
    old = made.words[word]
    made.words[word] = (old[0] if old[0] >= 0 else begin, len(made.phonemes))


def _thai(made: Plan, part: _Part) -> None:
    for _, syllables in thai_sounds.words(part.text):
        for number, syllable in enumerate(syllables):
            onset = syllable.onset
            cluster = onset[-1] if onset[-1] in "rlw" and len(onset) > 1 else ""
            head = onset[: len(onset) - len(cluster)]
            start = _ONSETS.get(head, head) + _ONSETS.get(cluster, cluster)
            weak = number < len(syllables) - 1 and not syllable.long and not syllable.coda
            _say(made, part.word, start + ("" if weak else "ˈ"))
            rime = len(made.phonemes)
            _say(made, part.word, _rime(syllable))
            made.tones.append((rime, len(made.phonemes), syllable.tone))
        made.said[part.word].append(".".join(map(str, syllables)))
        made.phonemes += " "
    made.phonemes = made.phonemes.rstrip(" ") + (part.mark.strip() or "") + " "


def _rime(syllable: thai_sounds.Syllable) -> str:
    vowel = syllable.vowel + ("ː" if syllable.long and len(syllable.vowel) == 1 else "")
    return _RIMES.get(vowel + syllable.coda) or _VOWELS[vowel] + syllable.coda


def _english(made: Plan, run: list[_Part], g2p: G2P) -> None:
    """Append the phonemes of consecutive Latin parts, read as one stretch of English."""
    if not run:
        return
    marked, plain, owner = "", "", []
    for part in run:
        if part.sound:
            marked += f"[{part.text}](/{part.sound}/)"
        elif part.letters:
            marked += re.sub(r"[A-Za-z][\w'’+-]*", lambda match: _named(match[0], g2p), part.text)
        else:
            marked += part.text
        plain += part.text + part.mark
        owner += [part.word] * len(part.text) + [-1] * len(part.mark)
        marked += part.mark
    at = 0
    for token in g2p.phonemize_tokens(g2p.tokenize(marked)):
        at = max(at, plain.find(token.text, at))
        word = owner[at] if at < len(owner) else -1
        at += len(token.text)
        if word >= 0 and token.phonemes and any(sign.isalpha() for sign in token.phonemes):
            _say(made, word, token.phonemes)
            made.said[word].append(token.phonemes)
        else:
            made.phonemes += token.phonemes or ""
        made.phonemes += " " if token.whitespace else ""
    made.phonemes = made.phonemes.rstrip(" ") + " "


def _named(text: str, g2p: G2P) -> str:
    """A word of a formula or of the author, with its sound where it is a letter or a known term."""
    sound = lexicon("en").word.get(text, ("", ""))[1]
    if len(text) == 1 and text != "a":
        sound = g2p.lexicon.get_NNP(text.upper())[0]
    return f"[{text}](/{sound}/)" if sound else text
