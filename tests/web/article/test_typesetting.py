"""How the article's text becomes Markdown: words stay words, formulas stay formulas."""

import html
import re
from dataclasses import replace
from datetime import date

import pytest
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from content.document import load
from content.markdown import FIGURES as NAMED
from content.model import Article, Formula, Note, Paragraph, Piece, Section, Sentence
from content.references import references
from web.article import appendices
from web.article.citations import bibtex, our_bibtex
from web.article.figures import FIGURES
from web.article.typesetting import Setter, minutes

MARKDOWN = MarkdownIt("commonmark").enable(["strikethrough", "table"]).use(dollarmath_plugin)


def article(*sentences: Sentence) -> Article:
    section = Section("one", "One", (Paragraph(sentences),), 1)
    day = date(2026, 1, 2)
    return Article("en", "T", "S", "L", "C", day, day, section, (section,), ())


def setting(*pieces: Piece) -> str:
    return Setter(article()).sentence(Sentence("one-1", pieces, 1))


def shown(markdown: str) -> str:
    """What a reader sees of words, after Markdown and HTML."""
    return html.unescape(re.sub(r"<[^>]*>", "", MARKDOWN.render(markdown))).strip()


@pytest.mark.parametrize(
    "tex",
    ["W_{ij}", "a|b", r"a \\ b", "a_i*b_j*c", r"\|x\|_2", "x < y > z", "a&b", "[a](b)", "`x`", r"\gamma BA"],
)
def test_a_formula_reaches_the_page_untouched(tex: str) -> None:
    tokens = MARKDOWN.parse(setting(Piece("text", "a_b *c* "), Piece("math", tex), Piece("text", " d_e | f")))
    inline = next(token for token in tokens if token.type == "inline")
    assert [token.content for token in inline.children or () if token.type == "math_inline"] == [tex]
    words = "".join(token.content for token in inline.children or () if token.type == "text")
    assert words == "a_b *c*  d_e | f"


@pytest.mark.parametrize("tex", [r"a_{ij} = b \\ c|d", r"\frac{2N^2 + 6Nr}{3N^2}"])
def test_a_display_formula_reaches_the_page_untouched(tex: str) -> None:
    block = Formula(Sentence("one-2", (Piece("math", tex),), 1), "same", 3)
    tokens = MARKDOWN.parse(Setter(article()).block(block))
    assert [token.content.strip() for token in tokens if token.type == "math_block"] == [tex]
    assert 'translate="no"' in tokens[0].content
    assert 'data-s="one-2"' in tokens[0].content
    assert 'id="eq-same"' in tokens[0].content
    assert "(3)" in shown(Setter(article()).block(block))


def test_a_reference_to_a_formula_is_its_number_linked() -> None:
    page = setting(Piece("text", "By "), Piece("equation", "(3)", link="#eq-same"), Piece("text", "."))
    assert '<a class="eq" href="#eq-same" aria-label="Equation 3">(3)</a>' in page


def test_formulas_are_not_translated_and_keep_the_comma_after_them() -> None:
    glued = setting(Piece("math", "x"), Piece("text", ", y"))
    assert glued.endswith('<span class="nb"><span translate="no">$x$</span>,</span> y</span>')
    assert 'class="nb"' not in setting(Piece("math", "x + " * 10 + "y"), Piece("text", "."))


def test_runs_carry_their_style() -> None:
    assert "<strong>a</strong>" in setting(Piece("text", "a", strong=True))
    assert "<em>a</em>" in setting(Piece("text", "a", emphasis=True))
    assert '<span class="drop">A</span>' in setting(Piece("text", "A", cap=True))
    assert "<code>a&#42;b</code>" in setting(Piece("code", "a*b"))
    assert '<a href="/x?a=1&amp;b=&#34;">a</a>' in setting(Piece("text", "a", link='/x?a=1&b="'))


def test_the_words_on_the_page_are_the_plain_text_of_the_sentence() -> None:
    """So that a place in `plain` is a place on the page, once formulas, marks and citations are left out."""
    for language in ("en", "th"):
        setter = Setter(load(language))
        for section in load(language).chapters:
            for sentence in section.sentences:
                words = [piece for piece in sentence.pieces if piece.kind in ("text", "code")]
                page = shown("".join(setter.piece(piece) for piece in words)).replace("\u00a0", " ")
                assert page == "".join(piece.text for piece in words).strip().replace("\u00a0", " ")


def test_reading_takes_a_minute_a_thousand_characters_and_at_least_one() -> None:
    assert minutes(article(Sentence("one-1", (Piece("text", "ab cd"),), 1))) == 1
    thousand = Sentence("one-1", (Piece("text", "a" * 1000 + " " * 500),), 1)
    assert minutes(article(thousand, thousand)) == 4  # the summary and the section, both of two


def test_every_figure_that_may_be_named_can_be_drawn() -> None:
    assert set(NAMED["figure"]) == FIGURES.keys()


# ---- what stands around the text ------------------------------------------------------------------------


def test_a_term_is_described_by_its_entry_in_the_glossary_of_its_language() -> None:
    page = setting(Piece("text", "rank", term="rank"))
    assert '<span class="term" tabindex="0" role="term" aria-describedby="term-en-rank">rank</span>' in page
    for language in ("en", "th"):
        shown_terms = appendices.terms([Setter(load(language))])
        ids = re.findall(r'<div id="([^"]+)">', shown_terms)
        assert f"term-{language}-rank" in ids
        assert len(ids) == len(set(ids))


def test_beside_another_language_there_are_no_ids_sidenotes_or_drop_caps() -> None:
    note = Note("n", 1, (Sentence("note-n-1", (Piece("text", "Aside."),), 1),))
    sentence = Sentence("one-1", (Piece("text", "A", cap=True), Piece("note", "n")), 1)
    noted = replace(article(sentence), notes=(note,))
    alone, first, beside = (Setter(noted, place).sentence(sentence) for place in ("alone", "first", "beside"))
    assert 'class="drop"' in alone
    assert 'class="side"' in alone
    assert 'class="drop"' not in first + beside
    assert 'class="side"' not in first + beside
    assert 'id="mark-1"' in first
    assert " id=" not in beside
    assert 'href="#foot-1"' in beside


def test_works_are_cited_in_bibtex() -> None:
    found = {key: bibtex(work) for key, work in references().items()}
    assert found["schulman2025"].splitlines()[0] == "@article{schulman2025,"
    assert "  author = {Schulman, J. and {Thinking Machines Lab}}," in found["schulman2025"]
    assert "  doi = {10.64434/tml.20250929}," in found["schulman2025"]
    assert "  author = {Hu, E. J. and others}," in found["hu2021"]
    assert "  eprint = {2106.09685}," in found["hu2021"]
    for entry in (*found.values(), our_bibtex(load("th"))):
        assert entry.count("{") == entry.count("}")
    assert our_bibtex(load("en")).startswith("@misc{pradit2026,")
