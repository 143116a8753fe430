"""The article's syntax: what it means, and that what is malformed is refused by file and line."""

from pathlib import Path

import pytest

from content.markdown import parse
from content.model import Article, ContentError, Figure, Formula, List, Paragraph

HEAD = """---
title = "T"
subtitle = "S"
lead = "L"
credit = "C"
date = 2026-01-02
source_date = 2025-09-29
---

{#tldr}
## In short

Short.

"""
BODY = """{#one}
## One

[A]{.cap} first.
A second, with [GPT-3]{say="G P T three"} and $d_\\text{in}${say="d in"} and $x$ [@hu2021; @schulman2025].[^n]

{say="y is x."}
$$
y = x
$$ (same)

{.where}
$y$ is new.

- **Bold.**
  In an item.
- Another *one*.

::: figure factor_view
:::

Last.

[^n]: A note [@chen2023].
  Of two sentences.
"""


def read(tmp_path: Path, source: str) -> Article:
    path = tmp_path / "en.md"
    path.write_text(source, "utf-8")
    return parse(path, "en")


def test_a_section_is_sentences_in_blocks(tmp_path: Path) -> None:
    article = read(tmp_path, HEAD + BODY)
    (section,) = article.sections
    assert (section.id, section.title) == ("one", "One")
    kinds = [type(block) for block in section.blocks]
    assert kinds == [Paragraph, Formula, Paragraph, List, Figure, Paragraph]
    assert [s.id for s in section.sentences] == [f"one-{n}" for n in range(1, 9)]
    assert [s.plain for s in section.sentences] == [
        "A first.",
        r"A second, with GPT-3 and d_\text{in} and x.",
        "y = x",
        "y is new.",
        "Bold.",
        "In an item.",
        "Another one.",
        "Last.",
    ]


def test_what_is_said_differs_from_what_is_shown_only_where_it_is_marked(tmp_path: Path) -> None:
    section = read(tmp_path, HEAD + BODY).sections[0]
    assert [s.spoken for s in section.sentences][:4] == [
        "A first.",
        "A second, with G P T three and d in and x.",
        "y is x.",
        "y is new.",
    ]


def test_runs_keep_their_style_and_their_sources(tmp_path: Path) -> None:
    article = read(tmp_path, HEAD + BODY)
    first, second, formula, where, bold, _, another, _ = article.sections[0].sentences
    assert first.pieces[0].cap
    assert first.pieces[0].text == "A"
    assert second.citations == ("hu2021", "schulman2025")
    assert second.notes == ("n",)
    assert formula.pieces[0].kind == "math"
    assert article.sections[0].blocks[2] == Paragraph((where,), "where")
    assert [p.strong for p in bold.pieces] == [True]
    assert [p.emphasis for p in another.pieces] == [False, True, False]


def test_notes_are_numbered_by_their_marks_and_citations_by_first_use(tmp_path: Path) -> None:
    body = BODY.replace("Last.", "Last.[^first]") + "[^first]: Defined after, marked after.\n"
    article = read(tmp_path, HEAD + body)
    assert [(note.number, note.label, len(note.sentences)) for note in article.notes] == [
        (1, "n", 2),
        (2, "first", 1),
    ]
    assert article.citations == ("hu2021", "schulman2025", "chen2023")


def test_each_sentence_knows_its_line(tmp_path: Path) -> None:
    source = HEAD + BODY
    lines = source.splitlines()
    for sentence in read(tmp_path, source).sections[0].sentences:
        words = sentence.pieces[-1].text if sentence.pieces[0].kind == "math" else sentence.pieces[0].text
        if sentence.id == "one-3":  # a formula starts with its dollars
            words = "$$"
        assert words in lines[sentence.line - 1]


def test_formulas_are_numbered_and_referred_to_from_before_and_behind(tmp_path: Path) -> None:
    body = BODY.replace("[A]{.cap} first.", "By [](#eq-same) and [](#eq-next) too.") + "\n$$\nz\n$$ (next)\n"
    (section,) = read(tmp_path, HEAD + body).sections
    assert [(b.label, b.number) for b in section.blocks if isinstance(b, Formula)] == [
        ("same", 1),
        ("next", 2),
    ]
    first = section.sentences[0]
    assert first.plain == "By (1) and (2) too."
    assert [(p.text, p.link) for p in first.pieces if p.kind == "equation"] == [
        ("(1)", "#eq-same"),
        ("(2)", "#eq-next"),
    ]


def test_a_claim_is_a_figure_of_its_own_kind(tmp_path: Path) -> None:
    (section,) = read(tmp_path, HEAD + BODY.replace("Last.", "::: claim c01_capacity\n:::")).sections
    (ours, claim) = (b for b in section.blocks if isinstance(b, Figure))
    assert (ours.kind, ours.name) == ("figure", "factor_view")
    assert (claim.kind, claim.name) == ("claim", "c01_capacity")


NO_FIGURE = "::: figure heat_map\n:::\n"


@pytest.mark.parametrize(
    ("find", "put", "line", "problem"),
    [
        ("---\ntitle", "title", 1, "no front matter"),
        ('title = "T"\n', "", 1, "title is missing"),
        ('title = "T"', "title = T", 2, "front matter"),
        ('title = "T"', 'title = "T"\nauthor = "X"', 1, "unknown field author"),
        ("date = 2026-01-02", 'date = "soon"', 1, "date is missing or not a date"),
        ("{#tldr}\n", "{#short}\n", 11, "{#tldr}, the summary"),
        (BODY, "", 14, "no section after the summary"),
        ("{#tldr}\n", "Early.\n\n{#tldr}\n", 10, "text before the first heading"),
        ("{#one}\n", "", 15, "needs an id"),
        ("{#one}\n", "{#tldr}\n", 16, "section tldr stands twice, first in line 11"),
        ("## One", "### One", 16, "sections are '##'"),
        ("Last.\n", "Last.\n\n{#two}\n## Two\n", 39, "section two has no text"),
        ("::: figure factor_view\n:::\n", NO_FIGURE, 33, "no figure 'heat_map'; there are factor_view"),
        ("::: figure factor_view\n:::\n", "::: figure factor_view\n", 33, "not closed"),
        (":::\n\nLast.", ":::\n\n::: figure factor_view\n:::\n\nLast.", 36, "stands twice, first in line 33"),
        (":::\n\nLast.", "Caption.\n:::\n\nLast.", 33, "its words come with it"),
        ("[^n]: A note [@chen2023].\n  Of two sentences.\n", "", 19, "footnote n has no text"),
        ("A note [@chen2023].\n  Of two sentences.", "", 38, "footnote n has no text"),
        ("Last.", "Last.[^n]", 36, "mark [^n] stands twice, first in line 19"),
        ("[^n]: A", "[^m]: Unused.\n\n[^n]: A", 38, "nothing refers to footnote m"),
        ("Of two", "Of[^n] two", 39, "mark [^n] stands twice"),
        ("[^n]: A", "[^n]: First.\n\n[^n]: A", 40, "footnote n stands twice, first in line 38"),
        ("and $x$ [", "and $x [", 19, "'$' is not understood"),
        ("y = x\n$$", "y = x\n", 22, "a display formula is not closed"),
        ("$$ (same)", "$$", 22, "needs a label"),
        ("Last.", "[](#eq-other).", 36, "no formula '#eq-other'; there are #eq-same"),
        ("Last.", "[](#one).", 36, "no formula '#one'"),
        ("Last.", "::: claim c99\n:::", 36, "no claim 'c99'; there are c01_capacity"),
        ("Last.", "$$\nz\n$$ (same)", 36, "formula same stands twice, first in line 22"),
        ("[@hu2021;", "[@nobody;", 19, "no reference 'nobody'"),
        ("[@hu2021; @s", "[@hu2021, @s", 19, "'[@' is not understood"),
        ('{say="G P T three"}', "{say=G P T}", 19, "']{' is not understood"),
        ('[GPT-3]{say="G P T three"}', '[GPT-3]{voice="x"}', 19, "take one of"),
        ("Last.", "Last\\\nline.", 36, "no hardbreak"),
        ("Last.", "{.note}\nLast.", 37, "takes {.where}"),
        ("Last.", "- One.\n\n  Two.", 36, "a list item is one paragraph"),
    ],
)
def test_malformed_content_names_its_file_and_line(
    tmp_path: Path, find: str, put: str, line: int, problem: str
) -> None:
    assert find in HEAD + BODY
    with pytest.raises(ContentError) as caught:
        read(tmp_path, (HEAD + BODY).replace(find, put, 1))
    assert str(caught.value).startswith(f"{tmp_path / 'en.md'}:{line}: "), caught.value
    assert problem in str(caught.value)
