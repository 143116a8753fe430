"""The article as it is heard: every sentence that is spoken, to be pressed."""

import html
from collections.abc import Iterator
from dataclasses import replace

from content.model import Article, Figure, Formula, List, Piece, Section
from web.article.typesetting import Setter
from web.kit.i18n import t
from web.kit.text import escape


def transcript(article: Article) -> Iterator[str]:
    """Every sentence that is spoken, to be pressed; without notes, citations and links."""
    setter = Setter(article)
    yield (
        f'<h2 class="label" data-anchor="listen">{escape(t("player.transcript"))}</h2>'
        f'<p class="note-s">{escape(t("player.hint"))}</p>'
    )
    for section in article.chapters:
        yield from _section(setter, section)


def _section(setter: Setter, section: Section) -> Iterator[str]:
    name = setter.article.language
    button = f'role="button" tabindex="-1" lang="{name}"'
    title = f'<span class="s" data-s="{section.id}-title" {button}>{escape(section.title)}</span>'
    yield f'<h3 data-anchor="listen-{section.id}">{title}</h3>'
    for block in section.blocks:
        if isinstance(block, Figure):
            continue
        if isinstance(block, Formula):
            said_as = html.escape(block.sentence.spoken)
            attributes = f'class="formula s" data-s="{block.sentence.id}" {button} aria-label="{said_as}"'
            yield f"<div {attributes}>\n\n$$\n{block.sentence.plain}\n$$\n\n</div>"
            continue
        for sentences in block.items if isinstance(block, List) else (block.sentences,):
            said = []
            for sentence in sentences:
                heard = [_plain(p) for p in sentence.pieces if not p.silent]
                said.append(f'<span class="s" data-s="{sentence.id}" {button}>{setter.pieces(heard)}</span>')
            yield " ".join(said)


def _plain(piece: Piece) -> Piece:
    """A piece without anything that could be pressed: the sentence itself is."""
    kind = "text" if piece.kind == "equation" else piece.kind
    return replace(piece, kind=kind, link="", cap=False, term="")
