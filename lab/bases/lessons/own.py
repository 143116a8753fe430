"""The reader's own text: they bring the examples, and the loss on those held out is the measure."""

from __future__ import annotations

from lab.bases.lessons.lesson import LanguageLesson, Marks, Question


def judge(question: Question, answer: str) -> Marks:
    """Nothing: what is right is the reader's to say."""
    return {}


LESSON = LanguageLesson(
    name="own",
    kind="own",
    shown=(),
    train=list,
    held=list,
    asked=list,
    judge=judge,
    measure="",
    lr=1e-3,
    full_lr=1e-4,
    steps=40,
    answer=64,
)
