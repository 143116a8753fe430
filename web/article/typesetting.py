"""The article on the page: `content.model` as Markdown for `st.markdown`, and figures in their slots.

Text reaches Streamlit with every character that Markdown would read escaped, and formulas between dollars,
which Streamlit sets with KaTeX. A sentence is `<span class="s" data-s="why-3">`, where a voice finds it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat
from typing import Literal

from markupsafe import Markup

from content.model import Article, Figure, Formula, List, Note, Paragraph, Piece, Section, Sentence
from content.references import references
from web.article.citations import short
from web.article.picture import picture
from web.kit.i18n import day, t, tn
from web.kit.text import escape, joint, prepare, running

CHARACTERS_A_MINUTE = 1000
"""Reading speed, spaces not counted; read aloud, English is 987 ± 118 (Trauzettel-Klosinski, Dietz 2012)."""

GLUED = re.compile(r'<span translate="no">\$[^$]{1,24}\$</span>(?:[,.;)!?]|&#58;)+')
"""A short formula and the punctuation after it, which stay on one line."""

SUMMARY = Markup('<section class="tldr" aria-labelledby="tldr">\n\n{}\n\n</section>')
HEAD = Markup(
    """\
<header class="head">

<p class="label">{kicker}</p>

<h1 data-anchor="top">{title}<span class="colon">: </span><span class="kind">{kind}</span></h1>

<p class="after">{subtitle}</p>

{picture}

<p class="lead">{lead}</p>

<p class="note-s">{dates} · {length}</p>

</header>"""
)


@dataclass(frozen=True)
class Setter:
    """Sets one article. Numbers of notes and references are the article's own.

    Attributes:
        place: it stands alone, or with another language, first or beside it. With another there is no room
            for sidenotes and drop caps; what stands beside has no ids.
    """

    article: Article
    place: Literal["alone", "first", "beside"] = "alone"

    def __post_init__(self) -> None:
        sections = self.article.chapters
        spoken = [s for section in sections for s in section.sentences]
        noted = [s for note in self.article.notes for s in note.sentences]
        for sentences in (spoken, noted):
            prepare(piece.text for s in sentences for piece in self.joined(s.pieces))
        article = self.article
        head = (article.title, article.subtitle, article.lead, article.credit)
        prepare((*head, *(section.title for section in sections)))

    @cached_property
    def notes(self) -> dict[str, Note]:
        return {note.label: note for note in self.article.notes}

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each work that is cited."""
        return {key: number for number, key in enumerate(self.article.citations, 1)}

    # ---- sentences ----------------------------------------------------------------------------------------

    def sentence(self, sentence: Sentence) -> Markup:
        """A sentence as a span, then its sidenotes, which wide screens float into the margin."""
        notes = sentence.notes if self.place == "alone" else ()
        return Markup('<span class="s" data-s="{}" lang="{}">{}</span>{}').format(
            sentence.id,
            self.article.language,
            self.pieces(sentence.pieces),
            Markup("").join(self.side(self.notes[label]) for label in notes),
        )

    def sentences(self, sentences: Iterable[Sentence]) -> Markup:
        return Markup(" ").join(map(self.sentence, sentences))

    def pieces(self, pieces: Iterable[Piece]) -> Markup:
        text, before = Markup(""), ""
        for piece in self.joined(pieces):
            after = piece.text if piece.kind == "text" else ""
            text += joint(before, after) + self.piece(piece)
            before = "" if piece.cap else after
        return Markup(GLUED.sub(r'<span class="nb">\g<0></span>', str(text)))

    def joined(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Pieces in which neighbours without a style are one, so that no word is cut between them."""
        found: list[Piece] = []
        for piece in pieces:
            cap = piece.cap and self.place == "alone"
            plain = not (
                piece.kind != "text" or cap or piece.term or piece.strong or piece.emphasis or piece.link
            )
            new = replace(piece, cap=cap, say="" if plain else piece.say)
            if plain and found and found[-1] == replace(new, text=found[-1].text):
                found[-1] = replace(new, text=found[-1].text + new.text)
            else:
                found.append(new)
        return found

    def piece(self, piece: Piece) -> Markup:
        text = piece.text
        if piece.kind == "math":
            return Markup('<span translate="no">${}$</span>').format(Markup(text))  # KaTeX reads it as it is
        if piece.kind == "equation":
            name = t("article.equation", n=text.strip("()"))
            link = Markup('<a class="eq" href="{}" aria-label="{}">{}</a>')
            return link.format(piece.link, name, escape(text))
        if piece.kind == "note":
            return self.mark(self.notes[text])
        if piece.kind == "cite":
            return self.citation(text.split(","))
        words = escape(text) if piece.kind == "code" else running(text)
        if piece.kind == "code":
            words = Markup("<code>{}</code>").format(words)
        if piece.cap:
            return Markup('<span class="drop">{}</span>').format(words)
        if piece.term:
            term = Markup('<span class="term" tabindex="0" role="term" aria-describedby="{}">{}</span>')
            words = term.format(self.term(piece.term), words)
        if piece.strong:
            words = Markup("<strong>{}</strong>").format(words)
        if piece.emphasis:
            words = Markup("<em>{}</em>").format(words)
        return Markup('<a href="{}">{}</a>').format(piece.link, words) if piece.link else words

    def term(self, key: str) -> str:
        """The id of a term's explanation."""
        return f"term-{self.article.language}-{key}"

    # ---- notes and references -----------------------------------------------------------------------------

    def mark(self, note: Note) -> Markup:
        """The number in the text. It leads to the sidenote or to the list, whichever the screen shows."""
        n, name = note.number, t("article.note", n=note.number)
        link = Markup('<a class="to-{where}" href="#{where}-{n}" aria-label="{name}">{n}</a>')
        links = [
            link.format(where=where, n=n, name=name)
            for where in (("side", "foot") if self.place == "alone" else ("foot",))
        ]
        id = "" if self.place == "beside" else Markup(' id="mark-{}"').format(n)
        return Markup('<sup class="n"{}>{}</sup>').format(id, Markup("").join(links))

    def side(self, note: Note) -> Markup:
        return Markup(
            '<span class="side" id="side-{n}" role="note" aria-label="{name}">'
            '<a href="#mark-{n}" aria-label="{back}">{n}</a> {text}</span>'
        ).format(
            n=note.number,
            name=t("article.note", n=note.number),
            back=t("article.back", n=note.number),
            text=self.note(note),
        )

    def note(self, note: Note) -> Markup:
        return Markup(" ").join(self.pieces(s.pieces) for s in note.sentences)

    def citation(self, keys: Iterable[str]) -> Markup:
        link = Markup('<a href="#reference-{n}" title="{work}" aria-label="{name}">{n}</a>')
        links = [
            link.format(n=n, work=short(references()[key]), name=t("article.reference", n=n))
            for n, key in sorted((self.numbers[key], key) for key in keys)
        ]
        return Markup('<span class="cite">&nbsp;&#91;{}&#93;</span>').format(Markup(", ").join(links))

    # ---- blocks and sections ------------------------------------------------------------------------------

    def block(self, block: Paragraph | List | Formula) -> Markup:
        if isinstance(block, Formula):
            return Markup(
                '<div class="formula" id="eq-{}" data-s="{}" translate="no">\n\n$$\n{}\n$$\n\n'
                '<span class="eq-n" aria-hidden="true">{}</span>\n\n</div>'
            ).format(
                block.label, block.sentence.id, Markup(block.sentence.plain), escape(f"({block.number})")
            )
        if isinstance(block, List):
            places = range(1, len(block.items) + 1)
            return Markup("\n").join(map(self.item, block.items, places, repeat(block.ordered)))
        text = self.sentences(block.sentences)
        return Markup('<div class="where">\n\n{}\n\n</div>').format(text) if block.kind == "where" else text

    def item(self, sentences: Iterable[Sentence], number: int, ordered: bool) -> Markup:
        return Markup("{} {}").format(f"{number}." if ordered else "-", self.sentences(sentences))

    def title(self, section: Section, kind: str = "") -> Markup:
        return Markup('<div class="titled"><h2 data-anchor="{}" class="{}">{}</h2>{}</div>').format(
            section.id, kind, running(section.title, terms=False), self.hear(section)
        )

    def section(self, section: Section, kind: str = "") -> Iterator[Markup | Figure]:
        """A section's Markdown, cut only where a figure stands."""
        parts = [self.title(section, kind)]
        for block in section.blocks:
            if isinstance(block, Figure):
                yield Markup("\n\n").join(parts)
                yield block
                parts = []
            else:
                parts.append(self.block(block))
        yield Markup("\n\n").join([*parts, self.turn(section)])

    def hear(self, section: Section) -> Markup:
        """A button beside a heading: the player reads on from there."""
        button = Markup(
            '<span class="hear" role="button" tabindex="0" data-hear="{}-title" aria-label="{}"></span>'
        )
        return button.format(section.id, t("player.here_section", title=section.title))

    def turn(self, section: Section) -> Markup:
        """Below a section, the ways to the one before and the one after."""
        all = self.article.sections
        if section not in all:
            return Markup("")
        at = all.index(section)
        ways = [("previous", all[at - 1 : at]), ("next", all[at + 1 : at + 2])]
        link = Markup('<a class="{}" href="#{}" aria-label="{}">{}</a>')
        links = [
            link.format(
                way, other.id, t(f"article.{way}", title=other.title), running(other.title, terms=False)
            )
            for way, found in ways
            for other in found
        ]
        return Markup('<p class="turn">{}</p>').format(Markup("").join(links))

    def summary(self) -> Markup:
        parts = [part for part in self.section(self.article.tldr, "label") if not isinstance(part, Figure)]
        return SUMMARY.format(Markup("\n\n").join(parts))

    def head(self) -> Markup:
        """Title, credit, dates and the time it takes."""
        article = self.article
        title, _, kind = article.title.partition(": ")
        dates = t("article.dates", source=day(article.source_date), ours=day(article.date))
        length = tn("article.minutes", minutes(article))
        return HEAD.format(
            kicker=running(t("article.kicker")),
            title=running(title, terms=False),
            kind=running(kind, terms=False),
            subtitle=running(article.subtitle),
            lead=running(article.lead),
            dates=running(dates),
            length=running(length),
            picture=picture(),
        )


def minutes(article: Article) -> int:
    """How long the article takes to read, at least a minute."""
    text = "".join(s.plain for section in article.chapters for s in section.sentences)
    return max(1, round(len(re.sub(r"\s", "", text)) / CHARACTERS_A_MINUTE))
