"""What a lesson of the language model is called in the reader's language, and why their text is refused."""

from __future__ import annotations

from lora_core.language.records import DataError
from web.kit.i18n import number, t
from web.kit.refusals import clipped


def name(lesson: str) -> str:
    """As a choice: Answer in JSON."""
    return t(f"lesson.{lesson}.name")


def about(lesson: str, examples: int = 0) -> str:
    """What it holds, in one line."""
    return t(f"lesson.{lesson}.about", examples=number(examples))


def teaches(lesson: str) -> str:
    """What a reader learns from it, in two sentences."""
    return t(f"lesson.{lesson}.teaches")


def measure(lesson: str) -> str:
    """What its one number counts. The reader's own text has none."""
    return t(f"lesson.{lesson}.measure")


def question(lesson: str, place: int) -> str:
    """What one of its three questions means; the model is asked in English."""
    return t(f"lesson.{lesson}.question{place + 1}")


def mark(mark: str) -> str:
    """A mark under an answer."""
    return t(f"lesson.mark.{mark}")


def refused(error: DataError) -> str:
    """Why a text cannot be trained on, by line and field."""
    values = {
        key: number(value)
        if isinstance(value, int)
        else clipped(str(value))
        if key != "expected"
        else str(value)
        for key, value in error.values.items()
    }
    return t(f"lesson.data.{error.key}", **values)
