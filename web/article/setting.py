"""The article on the page: `content.model` as Markdown for `st.markdown`, and figures in their slots.

Text reaches Streamlit with every character that Markdown would read escaped, and formulas between dollars,
which Streamlit sets with KaTeX. A sentence is `<span class="s" data-s="why-3">`, where a voice finds it.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from content.model import Article, Figure, Formula, List, Note, Paragraph, Piece, Section, Sentence
from content.references import Reference, references
from content.terms import unbroken_pattern
from web.i18n import day, t, tn

CHARACTERS_A_MINUTE = 1000
"""Reading speed, spaces not counted; read aloud, English is 987 ± 118 (Trauzettel-Klosinski, Dietz 2012)."""

MARKDOWN = str.maketrans({c: f"&#{ord(c)};" for c in '\\`*_[]{}~$:|#<>&"^='})
GLUED = re.compile(r'<span translate="no">\$[^$]{1,24}\$</span>(?:[,.;)!?]|&#58;)+')
"""A short formula and the punctuation after it, which stay on one line."""


def escape(text: str) -> str:
    """Text that neither Markdown nor HTML reads anything into; Thai terms kept in one piece."""
    text = text.translate(MARKDOWN).replace(" ๆ", "\u00a0ๆ")
    return unbroken_pattern().sub(r'<span class="nb">\g<0></span>', text)


def label(key: str, **values: object) -> str:
    """A string for an HTML attribute."""
    return html.escape(t(key, **values))


@dataclass(frozen=True)
class Setter:
    """Sets one article. Numbers of notes and references are the article's own."""

    article: Article

    @property
    def notes(self) -> dict[str, Note]:
        return {note.label: note for note in self.article.notes}

    # ---- sentences ----------------------------------------------------------------------------------------

    def sentence(self, sentence: Sentence) -> str:
        """A sentence as a span, then its sidenotes, which wide screens float into the margin."""
        attributes = f'class="s" data-s="{sentence.id}" lang="{self.article.language}"'
        sides = "".join(self.side(self.notes[label]) for label in sentence.notes)
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
        if piece.cap:
            return f'<span class="drop">{words}</span>'
        for tag in ("strong",) * piece.strong + ("em",) * piece.emphasis:
            words = f"<{tag}>{words}</{tag}>"
        return f'<a href="{html.escape(piece.link)}">{words}</a>' if piece.link else words

    # ---- notes and references -----------------------------------------------------------------------------

    def mark(self, note: Note) -> str:
        """The number in the text. It leads to the sidenote or to the list, whichever the screen shows."""
        n, name = note.number, label("article.note", n=note.number)
        links = "".join(
            f'<a class="to-{where}" href="#{where}-{n}" aria-label="{name}">{n}</a>'
            for where in ("side", "foot")
        )
        return f'<sup class="n" id="mark-{n}">{links}</sup>'

    def side(self, note: Note) -> str:
        n = note.number
        back = f'<a href="#mark-{n}" aria-label="{label("article.back", n=n)}">{n}</a>'
        attributes = f'class="side" id="side-{n}" role="note" aria-label="{label("article.note", n=n)}"'
        return f"<span {attributes}>{back} {self.note(note)}</span>"

    def note(self, note: Note) -> str:
        return " ".join(self.pieces(s.pieces) for s in note.sentences)

    def foot(self) -> str:
        """The footnotes as a list, for screens without a margin and for print."""
        items = []
        for note in self.article.notes:
            n = note.number
            back = f'<a href="#mark-{n}" aria-label="{label("article.back", n=n)}">↑</a>'
            items.append(f'<li id="foot-{n}">\n\n{self.note(note)}&nbsp;{back}\n\n</li>')
        return self.appendix("foot", "notes", "\n\n".join(items))

    def citation(self, keys: Iterable[str]) -> str:
        numbers = {key: number for number, key in enumerate(self.article.citations, 1)}
        links = ", ".join(
            f'<a href="#reference-{numbers[key]}" title="{html.escape(short(references()[key]))}" '
            f'aria-label="{html.escape(t("article.reference", n=numbers[key]))}">{numbers[key]}</a>'
            for key in sorted(keys, key=numbers.__getitem__)
        )
        return f'<span class="cite">&nbsp;&#91;{links}&#93;</span>'

    def references(self) -> str:
        """The works cited, and whose findings and words these are."""
        items = [
            f'<li id="reference-{number}">{escape(authors(work))} ({work.year}). '
            f"<cite>{escape(work.title)}</cite>. {place(work)}</li>"
            for number, work in enumerate((references()[key] for key in self.article.citations), 1)
        ]
        credit = f'<p class="credit">{escape(self.article.credit)} {place(source())}</p>'
        return self.appendix("references", "references", "\n".join(items), credit)

    def appendix(self, kind: str, name: str, items: str, after: str = "") -> str:
        heading = f'<h2 class="label" data-anchor="{name}">{escape(t(f"article.{name}"))}</h2>'
        section = f'<section class="{kind}" aria-labelledby="{name}">'
        return f"{section}\n\n{heading}\n\n<ol>\n\n{items}\n\n</ol>\n\n{after}\n\n</section>"

    # ---- blocks and sections ------------------------------------------------------------------------------

    def block(self, block: Paragraph | List | Formula) -> str:
        if isinstance(block, Formula):
            sentence = block.sentence
            attributes = f'class="formula" id="eq-{block.label}" data-s="{sentence.id}" translate="no"'
            number = f'<span class="eq-n" aria-hidden="true">{escape(f"({block.number})")}</span>'
            return f"<div {attributes}>\n\n$$\n{sentence.plain}\n$$\n\n{number}\n\n</div>"
        if isinstance(block, List):
            marker = "1." if block.ordered else "-"
            return "\n".join(f"{marker} {self.sentences(item)}" for item in block.items)
        text = self.sentences(block.sentences)
        return f'<div class="where">\n\n{text}\n\n</div>' if block.kind == "where" else text

    def section(self, section: Section, kind: str = "") -> Iterator[str | Figure]:
        """A section's Markdown, cut only where a figure stands."""
        heading = f'<h2 data-anchor="{section.id}" class="{kind}">{escape(section.title)}</h2>'
        parts = [f'<div class="titled">{heading}{self.hear(section)}</div>']
        for block in section.blocks:
            if isinstance(block, Figure):
                yield "\n\n".join(parts)
                yield block
                parts = []
            else:
                parts.append(self.block(block))
        yield "\n\n".join(parts)

    def hear(self, section: Section) -> str:
        """A button beside a heading: the player reads on from there."""
        name = label("player.here_section", title=section.title)
        attributes = f'role="button" tabindex="0" data-hear="{section.id}-title" aria-label="{name}"'
        return f'<span class="hear" {attributes}></span>'

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


def source() -> Reference:
    """The article that this one accompanies."""
    return references()["schulman2025"]


def authors(work: Reference) -> str:
    """The authors as a list of references names them."""
    *first, last = work.authors
    if work.et_al:
        return t("article.et_al", names=", ".join(work.authors))
    return t("article.two_authors", first=", ".join(first), last=last) if first else last


def place(work: Reference) -> str:
    """A link to where a work is found."""
    return f'<a class="nb" href="{work.url}" translate="no">{escape(work.place)}</a>'


def short(work: Reference) -> str:
    return f"{authors(work)} ({work.year}). {work.title}"
