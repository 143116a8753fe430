"""An article as data: sections of blocks of sentences, the same in every language.

A sentence has one id in all languages, so that what is shown, spoken and compared side by side can be
found by it.
"""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


class ContentError(ValueError):
    """Malformed content, with the file and the line it stands in."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path}:{line}: {problem}")


@dataclass(frozen=True)
class Piece:
    """A run of a sentence.

    Attributes:
        kind: `text`, `math` (TeX), `code`, `equation` (the number of a display formula, in parentheses),
            `note` (a footnote's label) or `cite` (keys, comma-separated).
        text: the words, the TeX, the number, the label or the keys.
        say: what a voice says in its place, where that differs.
        cap: this is the first letter, set as a drop cap.
        term: the words are this term of the glossary, explained where they stand.
    """

    kind: Literal["text", "math", "code", "equation", "note", "cite"]
    text: str
    strong: bool = False
    emphasis: bool = False
    link: str = ""
    say: str = ""
    cap: bool = False
    term: str = ""

    @property
    def silent(self) -> bool:
        return self.kind in ("note", "cite")


@dataclass(frozen=True)
class Sentence:
    """A sentence; `id` is `<section>-<number>`, the same in every language.

    `numbers` are the keys of the marked numbers in it, in its language's order (`content.numbers`).
    `plain` is the concatenation of its pieces that are not silent, formulas as TeX: offsets into it
    are the offsets of the words on the page, where formulas, marks and citations are left out of both.
    """

    id: str
    pieces: tuple[Piece, ...]
    line: int
    numbers: tuple[str, ...] = ()

    @property
    def plain(self) -> str:
        return "".join(p.text for p in self.pieces if not p.silent)

    @property
    def spoken(self) -> str:
        """`plain` with each piece's spoken form in its place; formulas without one stay TeX."""
        return "".join(p.say or p.text for p in self.pieces if not p.silent)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(p.text for p in self.pieces if p.kind == "note")

    @property
    def citations(self) -> tuple[str, ...]:
        return tuple(key for p in self.pieces if p.kind == "cite" for key in p.text.split(","))


@dataclass(frozen=True)
class Paragraph:
    """Sentences that flow; `where` explains the symbols of the formula above it."""

    sentences: tuple[Sentence, ...]
    kind: Literal["text", "where"] = "text"


@dataclass(frozen=True)
class List:
    items: tuple[tuple[Sentence, ...], ...]
    ordered: bool = False

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        return tuple(s for item in self.items for s in item)


@dataclass(frozen=True)
class Formula:
    """A display formula: a sentence of one `math` piece.

    The label names it for cross-references; numbers run from 1 through the article.
    """

    sentence: Sentence
    label: str
    number: int

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        return (self.sentence,)


@dataclass(frozen=True)
class Figure:
    """A place for a live figure, which brings its own words: ours, or the recorded one of a claim."""

    name: str
    line: int
    kind: Literal["figure", "claim"] = "figure"

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        return ()


Block = Paragraph | List | Formula | Figure


@dataclass(frozen=True)
class Section:
    id: str
    title: str
    blocks: tuple[Block, ...]
    line: int

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """In reading order."""
        return tuple(s for block in self.blocks for s in block.sentences)


@dataclass(frozen=True)
class Note:
    """A footnote; numbers run from 1 in the order of the marks."""

    label: str
    number: int
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Article:
    """An article in one language.

    Attributes:
        title, subtitle, lead: the lines at its head.
        credit: whose findings these are, and whose words.
        date: of this companion; `source_date` of the article it accompanies.
        tldr: the summary, section `tldr`.
        sections: the rest, in order. The first is the introduction.
        notes: footnotes by number.
    """

    language: str
    title: str
    subtitle: str
    lead: str
    credit: str
    date: datetime.date
    source_date: datetime.date
    tldr: Section
    sections: tuple[Section, ...]
    notes: tuple[Note, ...]

    @property
    def chapters(self) -> tuple[Section, ...]:
        """What is read aloud, in order: the summary, then the sections."""
        return (self.tldr, *self.sections)

    @property
    def figures(self) -> tuple[Figure, ...]:
        return tuple(b for section in self.sections for b in section.blocks if isinstance(b, Figure))

    @property
    def citations(self) -> tuple[str, ...]:
        """Every cited key once, in the order of first citation, a note's where its mark stands."""
        notes = {note.label: note for note in self.notes}
        keys: dict[str, None] = {}
        for sentence in (s for section in self.chapters for s in section.sentences):
            keys.update(dict.fromkeys(sentence.citations))
            for label in sentence.notes:
                keys.update(dict.fromkeys(key for s in notes[label].sentences for key in s.citations))
        return tuple(keys)
