"""The article as a voice reads it: chapters of utterances, in reading order.

An utterance is a sentence of the content with what is known about its spoken form; its id is the sentence's,
so that the page can mark what is spoken. A chapter opens with its title, whose id is `<section>-title`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from content.document import load
from content.model import Figure, List, Section, Sentence
from content.pronunciation import lexicon
from narration import formula, numbers
from narration.spoken import SpokenForm, spoken_form

#: Seconds of silence after a sentence, by what follows it.
PAUSES = {"sentence": 0.25, "item": 0.35, "block": 0.5, "title": 0.6, "chapter": 0.9}


@dataclass(frozen=True)
class Utterance:
    """A sentence to say.

    Attributes:
        id: of the sentence, the same in every language.
        language: "en" or "th".
        display: the text whose offsets the word times have.
        given: ranges of `display` whose spoken text is known (formulas, the author's `say`).
        pause: seconds of silence after it.
    """

    id: str
    language: str
    display: str
    given: tuple[tuple[int, int, str], ...] = ()
    pause: float = 0.0

    @property
    def form(self) -> SpokenForm:
        return spoken_form(self.display, self.language, self.given)


@dataclass(frozen=True)
class Chapter:
    """A section of the article."""

    id: str
    title: str
    utterances: tuple[Utterance, ...]


@cache
def chapters(language: str) -> tuple[Chapter, ...]:
    """The chapters of the article in a language.

    Raises:
        ContentError: malformed content.
    """
    return tuple(_chapter(section, language) for section in load(language).chapters)


def _chapter(section: Section, language: str) -> Chapter:
    said = list(_sentences(section, language))
    if said:
        said[-1] = (said[-1][0], "chapter")
    title = Utterance(f"{section.id}-title", language, section.title, pause=PAUSES["title"])
    return Chapter(
        section.id, section.title, (title, *(utterance(s, language, PAUSES[end]) for s, end in said))
    )


def _sentences(section: Section, language: str) -> Iterator[tuple[Sentence, str]]:
    """Sentences in reading order, each with what ends there."""
    for block in section.blocks:
        if isinstance(block, Figure):
            continue
        groups = block.items if isinstance(block, List) else (block.sentences,)
        for number, group in enumerate(groups):
            for sentence in group[:-1]:
                yield sentence, "sentence"
            yield group[-1], "block" if number == len(groups) - 1 else "item"


def utterance(sentence: Sentence, language: str, pause: float) -> Utterance:
    """A sentence with what is known of its spoken form; `pause` in seconds."""
    given, at = [], 0
    for piece in sentence.pieces:
        if piece.silent:
            continue
        end = at + len(piece.text)
        if piece.say:
            given.append((at, end, piece.say))
        elif piece.kind == "math":
            given.append((at, end, formula.read(piece.text, language)))
        elif piece.kind == "equation":
            number = numbers.cardinal(piece.text.strip("()"), language)
            given.append((at, end, f"{lexicon(language).say['equation']} {number}"))
        at = end
    return Utterance(sentence.id, language, sentence.plain, tuple(given), pause)
