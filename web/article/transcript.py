"""The article as it is heard: every sentence that is spoken, to be pressed."""

from collections.abc import Iterator
from dataclasses import replace

from markupsafe import Markup

from content.model import Article, Figure, Formula, List, Piece, Section, Sentence
from web.article.typesetting import Setter
from web.kit.i18n import t
from web.kit.text import prepare, running

BUTTON = Markup('<span class="s" data-s="{}" role="button" tabindex="-1" lang="{}">{}</span>')
FORMULA = Markup(
    '<div class="formula s" data-s="{}" role="button" tabindex="-1" lang="{}" aria-label="{}">'
    "\n\n$$\n{}\n$$\n\n</div>"
)


def transcript(article: Article) -> Iterator[Markup]:
    """Every sentence that is spoken, to be pressed; without notes, citations and links."""
    setter = Setter(article)
    yield Markup('<h2 class="label" data-anchor="listen">{}</h2><p class="note-s">{}</p>').format(
        running(t("player.transcript")), running(t("player.hint"))
    )
    heard = [setter.joined(_heard(s)) for section in article.chapters for s in section.sentences]
    prepare(piece.text for pieces in heard for piece in pieces)
    for section in article.chapters:
        yield from _section(setter, section)


def _section(setter: Setter, section: Section) -> Iterator[Markup]:
    language = setter.article.language
    title = BUTTON.format(f"{section.id}-title", language, running(section.title, terms=False))
    yield Markup('<h3 data-anchor="listen-{}">{}</h3>').format(section.id, title)
    for block in section.blocks:
        if isinstance(block, Figure):
            continue
        if isinstance(block, Formula):
            said = block.sentence
            yield FORMULA.format(said.id, language, said.spoken, Markup(said.plain))
            continue
        for sentences in block.items if isinstance(block, List) else (block.sentences,):
            pressed = []
            for sentence in sentences:
                pressed.append(BUTTON.format(sentence.id, language, setter.pieces(_heard(sentence))))
            yield Markup(" ").join(pressed)


def _heard(sentence: Sentence) -> list[Piece]:
    return [_plain(piece) for piece in sentence.pieces if not piece.silent]


def _plain(piece: Piece) -> Piece:
    """A piece without anything that could be pressed: the sentence itself is."""
    kind = "text" if piece.kind == "equation" else piece.kind
    return replace(piece, kind=kind, link="", cap=False, term="")
