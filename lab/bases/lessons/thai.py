"""Thai: the letters are learned, what they say is not, and that is the lesson.

SmolLM2 read English; a Thai letter costs it 1.8 tokens, and it knows no word of them. A hundred pairs teach
it which bytes follow which. The pairs of `thai.tsv` were written for this lesson.
"""

from __future__ import annotations

import re

from lab.bases.lessons.lesson import LanguageLesson, Marks, Question, exchange, read_table
from lora_core.language.examples import Example


def _rows(part: str) -> list[dict[str, str]]:
    return [row for row in read_table("thai.tsv") if row["part"] == part]


def _examples(part: str) -> list[Example]:
    return [exchange(row["question"], row["answer"]) for row in _rows(part)]


def _asked() -> list[Question]:
    return [Question(row["question"], (row["key"],)) for row in _rows("held")]


def judge(question: Question, answer: str) -> Marks:
    """script: nine letters of ten are Thai. right: and the word that answers is among them."""
    letters = re.findall(r"[^\W\d_]|[\u0e31-\u0e4e]", answer)
    thai = [letter for letter in letters if "\u0e01" <= letter <= "\u0e4e"]
    written = bool(letters) and len(thai) >= 0.9 * len(letters)
    return {
        "right": float(written and any(key in answer for key in question.keys)),
        "script": float(written),
    }


LESSON = LanguageLesson(
    name="thai",
    kind="examples",
    shown=(
        Question("What colour are leaves?", ("เขียว",)),
        Question("What is the capital of Japan?", ("โตเกียว",)),
        Question("How do you say I love you?", ("รักคุณ",)),
    ),
    train=lambda: _examples("train"),
    held=lambda: _examples("held"),
    asked=_asked,
    judge=judge,
    measure="right",
    lr=1e-3,
    full_lr=1e-4,
    steps=30,
    answer=64,
)
