"""The article on the page: `content.model` as Markdown for `st.markdown`, and figures in their slots.

Text reaches Streamlit with every character that Markdown would read escaped, and formulas between dollars,
which Streamlit sets with KaTeX. A sentence is `<span class="s" data-s="why-3">`, where a voice finds it.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Literal

from content.model import Article, Figure, Formula, List, Note, Paragraph, Piece, Section, Sentence
from content.references import references
from web.article.citations import short
from web.article.words import label
from web.kit.i18n import day, t, tn
from web.kit.text import escape

CHARACTERS_A_MINUTE = 1000
"""Reading speed, spaces not counted; read aloud, English is 987 ± 118 (Trauzettel-Klosinski, Dietz 2012)."""

GLUED = re.compile(r'<span translate="no">\$[^$]{1,24}\$</span>(?:[,.;)!?]|&#58;)+')
"""A short formula and the punctuation after it, which stay on one line."""


@dataclass(frozen=True)
class Setter:
    """Sets one article. Numbers of notes and references are the article's own.

    Attributes:
        place: it stands alone, or with another language, first or beside it. With another there is no room
            for sidenotes and drop caps; what stands beside has no ids.
    """

    article: Article
    place: Literal["alone", "first", "beside"] = "alone"

    @cached_property
    def notes(self) -> dict[str, Note]:
        return {note.label: note for note in self.article.notes}

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each work that is cited."""
        return {key: number for number, key in enumerate(self.article.citations, 1)}

    # ---- sentences ----------------------------------------------------------------------------------------

    def sentence(self, sentence: Sentence) -> str:
        """A sentence as a span, then its sidenotes, which wide screens float into the margin."""
        attributes = f'class="s" data-s="{sentence.id}" lang="{self.article.language}"'
        notes = sentence.notes if self.place == "alone" else ()
        sides = "".join(self.side(self.notes[label]) for label in notes)
        return f"<span {attributes}>{self.pieces(sentence.pieces)}</span>{sides}"

    def sentences(self, sentences: Iterable[Sentence]) -> str:
        return " ".join(map(self.sentence, sentences))

    def pieces(self, pieces: Iterable[Piece]) -> str:
        return GLUED.sub(r'<span class="nb">\g<0></span>', "".join(map(self.piece, pieces)))

    def piece(self, piece: Piece) -> str:
        text = piece.text
        if piece.kind == "math":
            return f'<span translate="no">${text}$</span>'
        if piece.kind == "equation":
            name = label("article.equation", n=text.strip("()"))
            return f'<a class="eq" href="{piece.link}" aria-label="{name}">{escape(text)}</a>'
        if piece.kind == "note":
            return self.mark(self.notes[text])
        if piece.kind == "cite":
            return self.citation(text.split(","))
        words = f"<code>{escape(text)}</code>" if piece.kind == "code" else escape(text)
        if piece.cap and self.place == "alone":
            return f'<span class="drop">{words}</span>'
        if piece.term:
            attributes = f'tabindex="0" role="term" aria-describedby="{self.term(piece.term)}"'
            words = f'<span class="term" {attributes}>{words}</span>'
        for tag in ("strong",) * piece.strong + ("em",) * piece.emphasis:
            words = f"<{tag}>{words}</{tag}>"
        return f'<a href="{html.escape(piece.link)}">{words}</a>' if piece.link else words

    def term(self, key: str) -> str:
        """The id of a term's explanation."""
        return f"term-{self.article.language}-{key}"

    # ---- notes and references -----------------------------------------------------------------------------

    def mark(self, note: Note) -> str:
        """The number in the text. It leads to the sidenote or to the list, whichever the screen shows."""
        n, name = note.number, label("article.note", n=note.number)
        id = "" if self.place == "beside" else f' id="mark-{n}"'
        links = "".join(
            f'<a class="to-{where}" href="#{where}-{n}" aria-label="{name}">{n}</a>'
            for where in (("side", "foot") if self.place == "alone" else ("foot",))
        )
        return f'<sup class="n"{id}>{links}</sup>'

    def side(self, note: Note) -> str:
        n = note.number
        back = f'<a href="#mark-{n}" aria-label="{label("article.back", n=n)}">{n}</a>'
        attributes = f'class="side" id="side-{n}" role="note" aria-label="{label("article.note", n=n)}"'
        return f"<span {attributes}>{back} {self.note(note)}</span>"

    def note(self, note: Note) -> str:
        return " ".join(self.pieces(s.pieces) for s in note.sentences)

    def citation(self, keys: Iterable[str]) -> str:
        links = ", ".join(
            f'<a href="#reference-{self.numbers[key]}" title="{html.escape(short(references()[key]))}" '
            f'aria-label="{label("article.reference", n=self.numbers[key])}">{self.numbers[key]}</a>'
            for key in sorted(keys, key=self.numbers.__getitem__)
        )
        return f'<span class="cite">&nbsp;&#91;{links}&#93;</span>'

    # ---- blocks and sections ------------------------------------------------------------------------------

    def block(self, block: Paragraph | List | Formula) -> str:
        if isinstance(block, Formula):
            sentence = block.sentence
            attributes = f'class="formula" id="eq-{block.label}" data-s="{sentence.id}" translate="no"'
            number = f'<span class="eq-n" aria-hidden="true">{escape(f"({block.number})")}</span>'
            return f"<div {attributes}>\n\n$$\n{sentence.plain}\n$$\n\n{number}\n\n</div>"
        if isinstance(block, List):
            return "\n".join(
                map(self.item, block.items, range(1, len(block.items) + 1), repeat(block.ordered))
            )
        text = self.sentences(block.sentences)
        return f'<div class="where">\n\n{text}\n\n</div>' if block.kind == "where" else text

    def item(self, sentences: Iterable[Sentence], number: int, ordered: bool) -> str:
        return f"{f'{number}.' if ordered else '-'} {self.sentences(sentences)}"

    def title(self, section: Section, kind: str = "") -> str:
        heading = f'<h2 data-anchor="{section.id}" class="{kind}">{escape(section.title)}</h2>'
        return f'<div class="titled">{heading}{self.hear(section)}</div>'

    def section(self, section: Section, kind: str = "") -> Iterator[str | Figure]:
        """A section's Markdown, cut only where a figure stands."""
        parts = [self.title(section, kind)]
        for block in section.blocks:
            if isinstance(block, Figure):
                yield "\n\n".join(parts)
                yield block
                parts = []
            else:
                parts.append(self.block(block))
        yield "\n\n".join([*parts, self.turn(section)])

    def hear(self, section: Section) -> str:
        """A button beside a heading: the player reads on from there."""
        name = label("player.here_section", title=section.title)
        attributes = f'role="button" tabindex="0" data-hear="{section.id}-title" aria-label="{name}"'
        return f'<span class="hear" {attributes}></span>'

    def turn(self, section: Section) -> str:
        """Below a section, the ways to the one before and the one after."""
        all = self.article.sections
        if section not in all:
            return ""
        at = all.index(section)
        ways = [("previous", all[at - 1 : at]), ("next", all[at + 1 : at + 2])]
        links = "".join(
            f'<a class="{way}" href="#{other.id}" aria-label="{label(f"article.{way}", title=other.title)}">'
            f"{escape(other.title)}</a>"
            for way, found in ways
            for other in found
        )
        return f'<p class="turn">{links}</p>'

    def summary(self) -> str:
        text = "\n\n".join(part for part in self.section(self.article.tldr, "label") if isinstance(part, str))
        return f'<section class="tldr" aria-labelledby="tldr">\n\n{text}\n\n</section>'

    def head(self) -> str:
        """Title, credit, dates and the time it takes."""
        article = self.article
        title, _, kind = article.title.partition(": ")
        named = f'{escape(title)}<span class="colon">: </span><span class="kind">{escape(kind)}</span>'
        dates = t("article.dates", source=day(article.source_date), ours=day(article.date))
        length = tn("article.minutes", minutes(article))
        lines = [
            f'<p class="label">{escape(t("article.kicker"))}</p>',
            f'<h1 data-anchor="top">{named}</h1>',
            f'<p class="after">{escape(article.subtitle)}</p>',
            f'<p class="lead">{escape(article.lead)}</p>',
            f'<p class="note-s">{escape(dates)} · {escape(length)}</p>',
        ]
        return "\n\n".join(['<header class="head">', *lines, "</header>"])


def minutes(article: Article) -> int:
    """How long the article takes to read, at least a minute."""
    text = "".join(s.plain for section in article.chapters for s in section.sentences)
    return max(1, round(len(re.sub(r"\s", "", text)) / CHARACTERS_A_MINUTE))
