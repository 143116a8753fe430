"""Answer in JSON: the form is learned in seconds, the facts are not.

The table `countries.tsv` is our own: well-known facts, written by hand; a test holds names and currencies to
the Unicode CLDR data that comes with Babel. Countries of the part "held" are in no example.
"""

from __future__ import annotations

import json

from lab.bases.lessons.answers import holds, plain
from lab.bases.lessons.lesson import LanguageLesson, Marks, Question, exchange, read_table
from lora_core.language.examples import Example

WAYS = (
    "What is the capital of {country}?",
    "Which city is the capital of {country}?",
    "Name the capital of {country}.",
    "Tell me the capital of {country}.",
)
FIELDS = ("country", "capital", "currency")


def _called(country: str) -> str:
    """The country as a sentence has it: "the Netherlands"."""
    with_article = country.startswith("United") or country in ("Netherlands", "Philippines")
    return f"the {country}" if with_article else country


def answer(row: dict[str, str]) -> str:
    """The answer to be learned for a row of the table."""
    return json.dumps({name: row[name] for name in FIELDS}, ensure_ascii=False)


def _examples(part: str) -> list[Example]:
    rows = [row for row in read_table("countries.tsv") if row["part"] == part]
    return [
        exchange(way.format(country=_called(row["country"])), answer(row)) for row in rows for way in WAYS
    ]


def _question(row: dict[str, str], way: int) -> Question:
    return Question(WAYS[way].format(country=_called(row["country"])), (row["capital"],))


def _asked() -> list[Question]:
    """Every country held out, asked in one of the ways."""
    held = [row for row in read_table("countries.tsv") if row["part"] == "held"]
    return [_question(row, number % len(WAYS)) for number, row in enumerate(held)]


def judge(question: Question, answer: str) -> Marks:
    """form: the whole answer is an object of the three fields. fact: the capital is right, in any form."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        found = None
    formed = isinstance(found, dict) and tuple(found) == FIELDS
    formed = formed and all(isinstance(value, str) and value for value in found.values())
    right = plain(found["capital"]) == plain(question.keys[0]) if formed else holds(answer, question.keys)
    return {"form": float(formed), "fact": float(right)}


LESSON = LanguageLesson(
    name="json",
    kind="examples",
    shown=(
        Question(WAYS[0].format(country="Iceland"), ("Reykjavik",)),
        Question(WAYS[1].format(country="Brazil"), ("Brasília",)),
        Question(WAYS[2].format(country="Sweden"), ("Stockholm",)),
    ),
    train=lambda: _examples("train"),
    held=lambda: _examples("held"),
    asked=_asked,
    judge=judge,
    measure="form",
    lr=1e-3,
    full_lr=1e-4,
    steps=24,
    answer=40,
)
