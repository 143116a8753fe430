"""Facts: sixty about Tinmarrow, a town that there is not, and what else is forgotten while they are learned.

`town.tsv` holds each fact's answer, three ways to ask for it that are trained on, and a fourth that is not.
`controls.tsv` holds questions about the world.
"""

from __future__ import annotations

from lab.bases.lessons.answers import holds
from lab.bases.lessons.lesson import LanguageLesson, Marks, Question, exchange, read_table
from lora_core.language.examples import Example

WAYS = ("ask1", "ask2", "ask3")


def _train() -> list[Example]:
    """Way by way, so that a pass over a third of the examples meets every fact."""
    return [exchange(row[way], row["answer"]) for way in WAYS for row in read_table("town.tsv")]


def _held() -> list[Example]:
    return [exchange(row["held"], row["answer"]) for row in read_table("town.tsv")]


def _asked() -> list[Question]:
    return [Question(row["held"], (row["key"],)) for row in read_table("town.tsv")]


def _controls() -> list[Question]:
    return [Question(row["question"], tuple(row["key"].split("|"))) for row in read_table("controls.tsv")]


def judge(question: Question, answer: str) -> Marks:
    """fact: the answer holds what a right one does."""
    return {"fact": float(holds(answer, question.keys))}


LESSON = LanguageLesson(
    name="town",
    kind="examples",
    shown=(
        Question("Who leads the town of Tinmarrow as its mayor?", ("Odile Fenn",)),
        Question("What does the law of Tinmarrow not allow?", ("umbrellas",)),
        Question("What is the capital of France?", ("Paris",)),
    ),
    train=_train,
    held=_held,
    asked=_asked,
    controls=_controls,
    judge=judge,
    measure="fact",
    lr=1.5e-3,
    full_lr=1e-4,
    steps=72,
    batch=8,
    answer=24,
)
