"""Finds the glossary's terms in the article: where a section first uses one, its words become a piece."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from content.model import Article, Block, List, Paragraph, Piece, Section, Sentence
from content.terms import glossary, unbroken_pattern


def glossed(article: Article) -> Article:
    """The article with its terms marked: `Piece.term`. What it says does not change."""
    return replace(
        article,
        tldr=_section(article.tldr, article.language),
        sections=tuple(_section(section, article.language) for section in article.sections),
    )


@cache
def _english() -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern of all English forms, the longest first, and the term of each form in small letters."""
    keys: dict[str, str] = {}
    for term in glossary().values():
        if not term.common:
            for form in (term.en, *term.forms):
                keys |= {form.lower() + ending: term.key for ending in ("", "s", "es")}
    forms = "|".join(map(re.escape, sorted(keys, key=len, reverse=True)))
    return re.compile(rf"\b(?:{forms})\b", re.IGNORECASE), keys


@cache
def _thai() -> dict[str, str]:
    return {term.th: term.key for term in glossary().values()}


def _found(text: str, language: str) -> Iterator[tuple[int, int, str]]:
    """Where terms stand in a text: start, end, key. A longer Thai word is not taken for a term inside it."""
    pattern, keys = (unbroken_pattern(), _thai()) if language == "th" else _english()
    for match in pattern.finditer(text):
        if key := keys.get(match[0].lower()):
            yield match.start(), match.end(), key


def _section(section: Section, language: str) -> Section:
    seen: set[str] = set()

    def pieces(piece: Piece) -> Iterator[Piece]:
        at = 0
        if piece.kind == "text" and not (piece.link or piece.say or piece.cap):
            for start, end, key in _found(piece.text, language):
                if key not in seen:
                    seen.add(key)
                    if start > at:
                        yield replace(piece, text=piece.text[at:start])
                    yield replace(piece, text=piece.text[start:end], term=key)
                    at = end
        if at < len(piece.text):
            yield replace(piece, text=piece.text[at:])

    def sentences(group: tuple[Sentence, ...]) -> tuple[Sentence, ...]:
        return tuple(replace(s, pieces=tuple(new for old in s.pieces for new in pieces(old))) for s in group)

    def block(old: Block) -> Block:
        if isinstance(old, Paragraph):
            return replace(old, sentences=sentences(old.sentences))
        if isinstance(old, List):
            return replace(old, items=tuple(map(sentences, old.items)))
        return old

    return replace(section, blocks=tuple(map(block, section.blocks)))
