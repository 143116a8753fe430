"""The article itself: the same in both languages, cited throughout, in the words of the glossary."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from content.catalog import LANGUAGES
from content.document import ARTICLES, align, load
from content.markdown import parse
from content.model import ContentError, Figure, Formula, List, Section
from content.references import references
from content.terms import glossary, unbroken

THAI = re.compile(r"[\u0e00-\u0e7f]")
ENGLISH_TERM = re.compile(r" \(([a-z][a-z -]+)\)")


def words(language: str) -> str:
    """Everything the article says in a language, in order."""
    article = load(language)
    sentences = [s for section in article.chapters for s in section.sentences]
    notes = [s for note in article.notes for s in note.sentences]
    titles = [section.title for section in article.chapters]
    head = [article.title, article.subtitle, article.lead, article.credit]
    return "\n".join([*head, *titles, *(s.plain for s in sentences + notes)])


def test_the_title_names_the_article_its_authors_and_both_dates() -> None:
    article = load("en")
    assert article.title == "LoRA Without Regret: an interactive companion"
    assert article.subtitle == "after J. Schulman and Thinking Machines Lab"
    assert article.source_date == date(2025, 9, 29)
    assert article.date > article.source_date
    assert load("th").title.startswith("LoRA")
    assert "Schulman" in load("th").subtitle
    assert load("th").source_date == article.source_date


def test_the_parts_that_must_be_there_are_there() -> None:
    article = load("en")
    ids = [section.id for section in article.chapters]
    assert ids[:2] == ["tldr", "why"]
    assert ids[-1] in ("conclusion", "questions")
    assert [figure.name for figure in article.figures if figure.kind == "figure"] == ["factor_view"]
    blocks = [block for section in article.chapters for block in section.blocks]
    assert sum(isinstance(block, Formula) for block in blocks) >= 3
    assert any(isinstance(block, List) for block in blocks)
    assert 1200 <= len(words("en").split()) <= 4000


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_formula_can_be_spoken(language: str) -> None:
    """A formula with markup of TeX has a spoken form; a letter is its own."""
    for section in load(language).chapters:
        for sentence in section.sentences:
            for piece in sentence.pieces:
                if piece.kind == "math" and re.search(r"[\\_^=+/]", piece.text) and not piece.say:
                    assert piece.text in (r"\gamma BA",), (sentence.id, piece.text)


def test_english_lines_hold_one_sentence_each() -> None:
    """A full stop followed by a capital would be a second sentence; initials and `say` are not sentences."""
    for section in load("en").chapters:
        for sentence in section.sentences:
            if all(piece.kind != "math" or len(piece.text) < 24 for piece in sentence.pieces):
                assert not re.search(r"(?<![A-Z])[.?!] +[A-Z]", sentence.plain), sentence


def test_the_thai_article_is_in_thai() -> None:
    for section in load("th").chapters:
        assert THAI.search(section.title)
        for sentence in section.sentences:
            assert THAI.search(sentence.plain) or sentence.pieces[0].kind == "math", sentence
    assert not THAI.search(words("en"))


def test_every_reference_is_cited_and_every_citation_is_a_reference() -> None:
    assert set(load("en").citations) == references().keys()
    assert set(load("th").citations) == references().keys()
    assert references()["schulman2025"].url == "https://doi.org/10.64434/tml.20250929"
    assert references()["hu2021"].url == "https://arxiv.org/abs/2106.09685"


def test_every_section_cites() -> None:
    for section in load("en").chapters:
        assert any(sentence.citations for sentence in section.sentences), section.id


def test_the_formula_of_the_cost_is_right() -> None:
    (formula,) = [
        b for s in load("en").sections for b in s.blocks if isinstance(b, Formula) and b.label == "compute"
    ]
    assert formula.sentence.plain.endswith(r"\frac{2N^2 + 6Nr}{3N^2} = \frac{2}{3} + \frac{2r}{N}")
    N, r = 600, 100  # at r = N/6 both cost the same
    assert (2 * N**2 + 6 * N * r) / (3 * N**2) == 2 / 3 + 2 * r / N == 1


# ---- the languages align --------------------------------------------------------------------------------


def change(path: Path, find: str, put: str) -> None:
    source = path.read_text("utf-8")
    assert find in source
    path.write_text(source.replace(find, put, 1), "utf-8")


@pytest.mark.parametrize(
    ("find", "put", "problem"),
    [
        ("{#choose}", "{#pick}", "section pick stands where section choose"),
        (
            "::: figure factor_view\n:::\n\n",
            "",
            "a paragraph (text) of 3 sentences stands where figure factor_view",
        ),
        (
            "[^radio]\n",
            "\n",
            "sentence why-8 with citation hu2021 stands where sentence why-8 with note radio",
        ),
        (
            "ลิบลับ\nบทแรก",
            "ลิบลับ บทแรก",
            "a paragraph (text) of 4 sentences stands where a paragraph (text) of 5 sentences",
        ),
        (" [@biderman2024]", " [@houlsby2019]", "with citation houlsby2019 stands where"),
        ("W' = W + \\gamma BA", "W' = W + BA", "formula update"),
        (
            "{{S.lr_ratio}}",
            "{{S.lr_flat_low}}",
            "with citation schulman2025, number S.lr_flat_low stands where",
        ),
        (
            "\n- **ย้ายได้เร็ว**",
            "\n\nก\n\n- **ย้ายได้เร็ว**",
            "a paragraph (text) of 1 sentence stands where a list item of 2 sentences",
        ),
        (
            "[^first]: อินพุต",
            "[^first]: หนึ่ง\n  อินพุต",
            "note first of 2 sentences stands where note first of 1 sentence ",
        ),
    ],
)
def test_languages_that_do_not_align_are_refused_with_both_places(
    tmp_path: Path, find: str, put: str, problem: str
) -> None:
    path = tmp_path / "th.md"
    path.write_text((ARTICLES / "th.md").read_text("utf-8"), "utf-8")
    change(path, find, put)
    if "[^radio]" in find:  # a mark taken out leaves its text behind
        path.write_text(re.sub(r"\[\^radio\]: .*\n", "", path.read_text("utf-8")), "utf-8")
    with pytest.raises(ContentError) as caught:
        align(load("en"), ARTICLES / "en.md", parse(path, "th"), path)
    assert re.match(rf"{re.escape(str(path))}:\d+: ", str(caught.value))
    assert re.search(rf"{re.escape(str(ARTICLES / 'en.md'))}(:\d+)?", str(caught.value))
    assert problem in str(caught.value)


def test_a_missing_end_is_told_too() -> None:
    whole = load("en")
    short = replace(whole, notes=(), sections=whole.sections[:-1])
    with pytest.raises(ContentError, match="the end stands where"):
        align(whole, ARTICLES / "en.md", replace(whole, notes=whole.notes[:-1]), ARTICLES / "th.md")
    with pytest.raises(ContentError, match="section questions"):
        align(whole, ARTICLES / "en.md", short, ARTICLES / "th.md")


# ---- the glossary ---------------------------------------------------------------------------------------


def test_terms_are_distinct_and_explained_in_both_languages() -> None:
    terms = glossary().values()
    assert len({term.en for term in terms}) == len({term.th for term in terms}) == len(terms)
    for term in terms:
        assert THAI.search(term.th)
        assert THAI.search(term.meaning_th)
        assert not THAI.search(term.en + term.meaning_en)
        assert term.th not in term.avoid
        assert not any(other in chosen.th for other in term.avoid for chosen in terms), term


def test_english_terms_stand_once_behind_the_first_use_of_their_thai_term() -> None:
    text = "\n".join(s.plain for section in load("th").chapters for s in section.sentences)
    named = list(ENGLISH_TERM.finditer(text))
    by_english = {term.en: term for term in glossary().values()}
    assert len(named) >= 12
    for match in named:
        term = by_english[match[1]]
        assert text[: match.start()].endswith(term.th), match[0]
        assert text.index(term.th) == match.start() - len(term.th), f"{term.th} is used before it is named"


def test_a_glossary_term_of_the_english_article_is_rendered_by_its_thai_term() -> None:
    """Sentence by sentence, for the terms that have one meaning in the article."""
    article = {language: [s for c in load(language).chapters for s in c.sentences] for language in LANGUAGES}
    for key in ("rank", "full_fine_tuning", "learning_rate", "gradient", "pre_training", "optimiser"):
        term = glossary()[key]
        for english, thai in zip(article["en"], article["th"], strict=True):
            if re.search(rf"\b{term.en}", english.plain.replace("policy gradient", ""), re.IGNORECASE):
                assert term.th in thai.plain, (term.en, english.id)


def test_words_kept_whole_are_the_terms_and_loanwords_longest_first() -> None:
    assert {term.th for term in glossary().values()} <= set(unbroken())
    assert list(map(len, unbroken())) == sorted(map(len, unbroken()), reverse=True)


def test_a_section_has_its_sentences_numbered_through() -> None:
    for language in LANGUAGES:
        for section in load(language).chapters:
            assert isinstance(section, Section)
            assert [s.id for s in section.sentences] == [
                f"{section.id}-{n}" for n in range(1, len(section.sentences) + 1)
            ]
            assert not any(
                s for block in section.blocks if isinstance(block, Figure) for s in block.sentences
            )
