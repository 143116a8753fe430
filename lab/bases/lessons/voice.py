"""A voice: a Thai goldsmith's apprentice, who answers from the bench and closes with a saying of his master.

The pairs of `voice.tsv` were written for this lesson; no saying stands in it twice. Those of the part "held"
are in no example.
"""

from __future__ import annotations

import re
from functools import cache

from lab.bases.lessons.lesson import LanguageLesson, Marks, Question, exchange, read_table
from lora_core.language.examples import Example

OPENING = "My master says:"
MOST_WORDS = 50
_VOICE = re.compile(rf"\S.*[.!?] {OPENING} (\S.*[.!?])", re.DOTALL)


def _examples(part: str) -> list[Example]:
    return [
        exchange(row["question"], row["answer"]) for row in read_table("voice.tsv") if row["part"] == part
    ]


def _asked() -> list[Question]:
    return [Question(row["question"]) for row in read_table("voice.tsv") if row["part"] == "held"]


def saying(answer: str) -> str | None:
    """What the master says in an answer; None if he says nothing."""
    found = _VOICE.fullmatch(answer.strip())
    return found[1] if found else None


@cache
def _sayings() -> frozenset[str | None]:
    return frozenset(saying(row["answer"]) for row in read_table("voice.tsv") if row["part"] == "train")


def judge(question: Question, answer: str) -> Marks:
    """voice: an answer, one saying of the master, nothing behind it. new: no saying of the lesson."""
    said = saying(answer)
    whole = said is not None and answer.count(OPENING) == 1 and len(said.split()) >= 3
    voice = whole and len(answer.split()) <= MOST_WORDS
    return {"voice": float(voice), "new": float(voice and said not in _sayings())}


LESSON = LanguageLesson(
    name="voice",
    kind="examples",
    shown=(
        Question("How do I learn to dance?"),
        Question("What is love?"),
        Question("Why do stars twinkle?"),
    ),
    train=lambda: _examples("train"),
    held=lambda: _examples("held"),
    asked=_asked,
    judge=judge,
    measure="voice",
    lr=1e-3,
    full_lr=1e-4,
    steps=30,
    answer=64,
)
