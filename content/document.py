"""The article in each language: `load("th")` reads `article/th.md`, whose syntax `README.md` describes."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import zip_longest
from pathlib import Path

from content.catalog import LANGUAGES
from content.glossing import glossed
from content.markdown import parse
from content.model import Article, ContentError, Figure, Formula, List, Sentence

ARTICLES = Path(__file__).parent / "article"


def load(language: str) -> Article:
    """The article in a language, checked, with its counterparts in the other languages.

    Raises:
        ContentError: malformed content, or languages that do not align.
    """
    return _articles()[language]


@cache
def _articles() -> dict[str, Article]:
    found = {language: parse(ARTICLES / f"{language}.md", language) for language in LANGUAGES}
    first, *others = LANGUAGES
    for other in others:
        align(found[first], ARTICLES / f"{first}.md", found[other], ARTICLES / f"{other}.md")
    return {language: glossed(article) for language, article in found.items()}


def align(one: Article, one_path: Path, other: Article, other_path: Path) -> None:
    """Check that two languages have the same sections, blocks, sentences, notes, figures and citations.

    Raises:
        ContentError: at the first place in `other` that differs, naming both places.
    """
    line = 1
    for expected, found in zip_longest(_outline(one), _outline(other)):
        line = found[1] if found else line
        if expected is None or found is None or expected[0] != found[0]:
            wanted = f"{expected[0]} ({one_path}:{expected[1]})" if expected else f"the end of {one_path}"
            raise ContentError(
                other_path, line, f"{found[0] if found else 'the end'} stands where {wanted} does"
            )


def _outline(article: Article) -> Iterator[tuple[str, int]]:
    """What must agree between languages, in order, each with its line."""
    for section in article.chapters:
        yield f"section {section.id}", section.line
        for block in section.blocks:
            if isinstance(block, Figure):
                yield f"{block.kind} {block.name}", block.line
            elif isinstance(block, List):
                for item in block.items:
                    yield f"{'an ordered' if block.ordered else 'a'} list item{_length(item)}", item[0].line
                    yield from map(_signature, item)
            elif isinstance(block, Formula):
                yield f"formula {block.label} {block.sentence.plain}", block.sentence.line
            else:
                yield f"a paragraph ({block.kind}){_length(block.sentences)}", block.sentences[0].line
                yield from map(_signature, block.sentences)
    for note in article.notes:
        yield f"note {note.label}{_length(note.sentences)}", note.sentences[0].line
        yield from map(_signature, note.sentences)


def _length(sentences: Sequence[Sentence]) -> str:
    return f" of {len(sentences)} sentence{'s' * (len(sentences) != 1)}"


def _signature(sentence: Sentence) -> tuple[str, int]:
    marks = [f"note {label}" for label in sentence.notes] + [f"citation {key}" for key in sentence.citations]
    marks += [f"number {key}" for key in sorted(sentence.numbers)]  # their order is the language's own
    marks += sorted(f"formula {p.link}" for p in sentence.pieces if p.kind == "equation")
    return f"sentence {sentence.id}" + (f" with {', '.join(marks)}" if marks else ""), sentence.line
