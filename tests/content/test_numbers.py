"""Numbers in the article: what a mark becomes, what is refused, and that no number stands without one."""

import re
from pathlib import Path

import pytest

from content import numbers
from content.catalog import LANGUAGES
from content.document import ARTICLES, load
from content.markdown import parse
from content.model import Article, ContentError, Sentence
from content.numbers import MARK, computed, facts, fill, record
from content.references import references
from lab.claims import Record, Result, Verdict
from tests.content.test_markdown import HEAD

RESULT = Result(
    per_seed={
        "text/r4": [1.0, 2.0, 3.0],
        "full": [1.5, 1.5, 1.5],
        "alpha/r:r8": [4.0, 4.0, 4.0],
        "broken": [1.0, None, 1.0],
    },
    chosen={"full": 0.0035, "text/r4": 12345.678},
)
RECORD = Record(
    "c01_capacity",
    {},
    [0, 1, 2],
    RESULT,
    Verdict("partly", {}, {"share": 0.675, "gap": -0.5}),
    {},
    "",
    "",
    1.0,
)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "record", lambda name: RECORD if name == RECORD.name else record(name))


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("{{c01_capacity:mean:text/r4|.2f}}", "2.00"),
        ("{{c01_capacity:sd:text/r4|.1f}}", "1.0"),
        ("{{c01_capacity:sd:full|.1f}}", "0.0"),
        ("{{c01_capacity:diff:full:text/r4|.2f}}", "−0.50"),
        ("{{c01_capacity:ratio:alpha/r:r8:text/r4|.0f}}", "2"),  # a condition with a colon in it
        ("{{c01_capacity:ratio:text/r4:alpha/r:r8|.0%}}", "50%"),
        ("{{c01_capacity:chosen:full|.1e}}", "3.5 × 10⁻³"),
        ("{{c01_capacity:chosen:text/r4|,.0f}}", "12,346"),
        ("{{c01_capacity:number:share|.1%}}", "67.5%"),
        ("{{c01_capacity:number:gap|.1f}}", "−0.5"),
        ("{{c01_capacity:seeds|d}}", "3"),
    ],
)
def test_a_recorded_number_is_read_from_its_record(recorded: None, mark: str, text: str) -> None:
    for language in LANGUAGES:
        assert fill(f"a {mark} b", language)[0] == f"a {text} b"


def test_a_number_whose_record_is_not_there_yet_is_an_ellipsis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "record", lambda name: None)
    assert fill("{{c01_capacity:mean:full|.2f}}", "en")[0] == numbers.MISSING


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("{{=64*2048|,}}", "131,072"),
        ("{{=4096**2}}", "16,777,216"),
        ("{{= (3 - 5) / 8 |.2f}}", "−0.25"),
        ("{{=-2e-4|.0e}}", "−2 × 10⁻⁴"),
        ("{{=16*(4096+4096)/4096**2|.1%}}", "0.8%"),
        ("{{=2**12}} and {{=1/4|.2f}}", "4,096 and 0.25"),
    ],
)
def test_a_computed_number_is_computed(mark: str, text: str) -> None:
    assert fill(mark, "en")[0] == text


@pytest.mark.parametrize("text", ["x", "2 + x", "__import__('os')", "(1).real", "1 if 2 else 3", "'a'*3", ""])
def test_nothing_but_arithmetic_is_computed(text: str) -> None:
    with pytest.raises(ValueError, match="not plain arithmetic"):
        computed(text)


def test_a_fact_is_written_and_said_as_its_language_does(monkeypatch: pytest.MonkeyPatch) -> None:
    fact = numbers.Fact("10 billion", "hu2021", "abstract", "10,000 ล้าน", "ten billion", "หมื่นล้าน")
    monkeypatch.setattr(numbers, "facts", lambda: {"H.many": fact, "H.ratio": numbers.Fact("0.1", "hu2021")})
    assert fill("{{H.many}}!", "en") == ('[10 billion]{say="ten billion"}!', ("H.many",))
    assert fill("{{H.many}}!", "th") == ('[10,000 ล้าน]{say="หมื่นล้าน"}!', ("H.many",))
    assert fill("{{H.ratio}} {{H.ratio|.0%}}", "th") == ("0.1 10%", ("H.ratio", "H.ratio"))


def test_what_is_shown_is_what_is_said(tmp_path: Path) -> None:
    path = tmp_path / "en.md"
    path.write_text(
        HEAD + "{#one}\n## One\n\nIt is {{=2**12}}, **{{S.lr_ratio}}** [@schulman2025].\n", "utf-8"
    )
    (sentence,) = parse(path, "en").sections[0].sentences
    assert sentence.plain == sentence.spoken == "It is 4,096, 9.8."
    assert sentence.numbers == ("=2**12", "S.lr_ratio")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{{S.nothing}} [@schulman2025].", "no fact 'S.nothing' in facts.toml"),
        ("{{S.lr_ratio}} times.", "S.lr_ratio is from schulman2025, which is not cited here"),
        ("{{S.lr_ratio}} times [@hu2021].", "S.lr_ratio is from schulman2025"),
        ("{{c01_capacity:mean:full}}.", "a number needs a format"),
        ("{{c01_capacity:mean:full|.2q}}.", "Unknown format code 'q'"),
        ("{{c01_capacity:mean:none|.2f}}.", "c01_capacity has no 'none'; there is text/r4, full"),
        ("{{c01_capacity:diff:full:none|.2f}}.", "no two conditions in 'full:none'"),
        ("{{c01_capacity:chosen:none|.2f}}.", "c01_capacity has no 'none'; there is full, text/r4"),
        ("{{c01_capacity:number:none|.2f}}.", "c01_capacity has no 'none'; there is share, gap"),
        ("{{c01_capacity:mean:broken|.2f}}.", "is not a number: a run diverged"),
        ("{{c13_luck:mean:full|.2f}}.", "no experiment 'c13_luck'; there are c01_capacity"),
        ("{{c01_capacity:median:full|.2f}}.", "no 'median' of a record"),
        ("{{=1/3}}.", "a number needs a format"),
        ("{{=1/0|.2f}}.", "not plain arithmetic"),
        ("{{=10**999|,}}.", "not plain arithmetic"),
        ("{{=1+}}.", "not plain arithmetic"),
        ("{{S.lr_ratio.", "is not closed"),
    ],
)
def test_a_mark_that_is_not_understood_is_refused_with_its_line(
    recorded: None, tmp_path: Path, line: str, problem: str
) -> None:
    path = tmp_path / "en.md"
    path.write_text(HEAD + "{#one}\n## One\n\n" + line + "\n", "utf-8")
    with pytest.raises(ContentError) as caught:
        parse(path, "en")
    assert str(caught.value).startswith(f"{path}:18: "), caught.value
    assert problem in str(caught.value)


def test_a_cited_number_stands_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "en.md"
    path.write_text(HEAD.replace('lead = "L"', 'lead = "{{S.lr_ratio}}"') + "{#one}\n## One\n\nA.\n", "utf-8")
    with pytest.raises(ContentError, match=r":4: S.lr_ratio is a cited number, which stands in a sentence"):
        parse(path, "en")


def test_facts_have_a_source_and_a_place_in_it() -> None:
    assert facts()
    for key, fact in facts().items():
        assert fact.source in references(), key
        assert fact.where, key


# ---- the article itself ---------------------------------------------------------------------------------

EXEMPT = (  # in this order: where a digit needs no mark
    r"\A---\n.*?\n---\n",
    r"\$\$.*?\$\$(?: \([a-z-]+\))?",
    r"\$[^$\n]+\$",
    r"\[[^\[\]\n]+\]\{say=\"[^\"\n]*\"\}",
    r"\{say=\"[^\"\n]*\"\}",
    r"\{\{[^{}\n]*\}\}",
    r"\[@[^\]\n]*\]",
    r"\[\^[^\]\n]+\]",
    r"\{#[^}\n]*\}",
    r"\]\([^)\n]*\)",
    r"^::: [a-z]+ [a-z0-9_]+$",
    r"^\d+\. ",
)


def bare(source: str) -> list[str]:
    """The lines with a digit that stands for itself."""
    for pattern in EXEMPT:
        source = re.sub(pattern, lambda m: "\n" * m[0].count("\n"), source, flags=re.DOTALL | re.MULTILINE)
    return [f"{at}: {line}" for at, line in enumerate(source.splitlines(), 1) if re.search(r"\d", line)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_number_of_the_article_stands_without_a_mark(language: str) -> None:
    assert bare((ARTICLES / f"{language}.md").read_text("utf-8")) == []
    article = load(language)
    assert not re.search(r"\d", article.title + article.subtitle + article.lead + article.credit)


def test_a_number_without_a_mark_is_found() -> None:
    """The test above can fail: each of these lines is found, and none of the exempt ones."""
    wrong = ["About 9.8 times.", "[GPT-3] it is.", "Over **14** models.", "๑๐ เท่า", "- 3 of them"]
    right = [
        "{{S.lr_ratio}} times.",
        '[GPT-3]{say="G P T three"}',
        "$x^2$ and [@hu2021]",
        "1. One",
        "see [](#eq-a2)",
    ]
    assert [line.partition(": ")[2] for line in bare("\n".join(wrong + right))] == wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_recorded_number_of_the_article_has_its_record(language: str) -> None:
    marks = MARK.findall((ARTICLES / f"{language}.md").read_text("utf-8"))
    names = {key.partition(":")[0] for key, _ in marks if ":" in key}
    assert {name for name in names if record(name) is None} == set()


def test_every_fact_is_used() -> None:
    used = {key for s in sentences(load("en")) for key in s.numbers}
    assert facts().keys() <= used


def sentences(article: Article) -> list[Sentence]:
    return [s for part in (*article.chapters, *article.notes) for s in part.sentences]
