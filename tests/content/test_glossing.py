"""Terms of the glossary in the article: found where a section first uses them, with nothing said changed."""

from dataclasses import replace

import pytest

from content.catalog import LANGUAGES
from content.document import ARTICLES, load
from content.glossing import glossed
from content.markdown import parse
from content.model import Article, Paragraph, Piece, Section, Sentence
from content.terms import glossary
from tests.content.reading import everything


def with_words(language: str, *texts: str, **style: object) -> Article:
    sentences = tuple(
        Sentence(f"one-{n}", (Piece("text", text, **style),), n) for n, text in enumerate(texts)
    )
    section = Section("one", "One", (Paragraph(sentences),), 1)
    return replace(load(language), tldr=section, sections=(section,), notes=())


def found(article: Article) -> list[tuple[str, str]]:
    pieces = [piece for sentence in article.sections[0].sentences for piece in sentence.pieces]
    return [(piece.text, piece.term) for piece in pieces if piece.term]


@pytest.mark.parametrize(
    ("language", "text", "terms"),
    [
        ("en", "Ranks, a rank and a matrix.", [("Ranks", "rank"), ("matrix", "matrix")]),
        (
            "en",
            "Full fine-tuning of matrices.",
            [("Full fine-tuning", "full_fine_tuning"), ("matrices", "matrix")],
        ),
        ("en", "A step of a franking machine, players.", []),  # an everyday word, and parts of words
        ("th", "แรงก์กับเมทริกซ์ แล้วก็แรงก์", [("แรงก์", "rank"), ("เมทริกซ์", "matrix")]),
        ("th", "เก้าวิธี แล้วหนึ่งก้าว", [("ก้าว", "step")]),  # not the letters of another word
        ("th", "การปรับแบบแรงก์ต่ำ", [("การปรับแบบแรงก์ต่ำ", "low_rank_adaptation")]),
    ],
)
def test_a_term_is_found_once_as_the_longest_of_its_words(
    language: str, text: str, terms: list[tuple[str, str]]
) -> None:
    assert found(glossed(with_words(language, text))) == terms


def test_a_section_explains_a_term_where_it_first_uses_it() -> None:
    article = glossed(with_words("en", "One rank.", "Another rank."))
    assert [bool(p.term) for s in article.sections[0].sentences for p in s.pieces] == [
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("style", [{"link": "/x"}, {"say": "x"}, {"cap": True}, {"kind": "code"}])
def test_links_names_and_code_are_left_alone(style: dict[str, object]) -> None:
    article = with_words("en", "rank")
    (sentence,) = article.sections[0].sentences
    piece = replace(sentence.pieces[0], **style)
    section = replace(article.sections[0], blocks=(Paragraph((replace(sentence, pieces=(piece,)),)),))
    assert found(glossed(replace(article, sections=(section,)))) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_article_says_the_same_with_its_terms_marked(language: str) -> None:
    bare, marked = parse(ARTICLES / f"{language}.md", language), load(language)
    for one, other in zip(bare.chapters, marked.chapters, strict=True):
        assert [(s.id, s.plain, s.spoken, s.notes, s.citations) for s in one.sentences] == [
            (s.id, s.plain, s.spoken, s.notes, s.citations) for s in other.sentences
        ]
        terms = [piece.term for s in other.sentences for piece in s.pieces if piece.term]
        assert len(terms) == len(set(terms)), other.id
    assert sum(bool(p.term) for c in marked.chapters for s in c.sentences for p in s.pieces) > 50


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_uses_another_rendering_of_a_term(language: str) -> None:
    avoided = [
        (term, other)
        for term in glossary().values()
        for other in (term.avoid if language == "th" else term.avoid_en)
    ]
    assert avoided
    for place, text in everything(language).items():
        for term, other in avoided:
            assert other.lower() not in text.lower(), f"{place}: {other!r} for {term.words(language)!r}"
