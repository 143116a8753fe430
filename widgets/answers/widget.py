"""Answers side by side: of a model as it came, as it learns, and fine-tuned whole, with a slider for time."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from content.terms import unbroken
from widgets.component import component

_answers = component("answers")


@dataclass(frozen=True)
class Answer:
    """What a model said to a question.

    Attributes:
        marks: name in the reader's language -> 0 (no) to 1 (yes).
    """

    text: str
    marks: Mapping[str, float]


@dataclass(frozen=True)
class Round:
    """The answers to all questions after a step."""

    step: int
    answers: Sequence[Answer]


@dataclass(frozen=True)
class Column:
    """One model.

    Attributes:
        name: title, and a line below it.
        rounds: in time; of a model that stays as it is, one.
        moves: it follows the slider.
    """

    name: str
    about: str
    rounds: Sequence[Round]
    moves: bool = False


def answers(
    columns: Sequence[Column],
    *,
    key: str,
    questions: Sequence[tuple[str, str]],
    asked: str,
    text: Mapping[str, str],
    language: str,
    steps: int,
    live: bool,
    run: str,
) -> None:
    """Show the answers.

    Args:
        questions: each as the model was asked, and as HTML what it means in the reader's language, if that is
            another.
        asked: stands over the questions, as HTML.
        text: the strings of `answers` itself.
        steps: of the whole run, for the slider's words.
        live: further rounds will come: the slider stays at the last unless the reader moves it.
        run: id of the run; another one begins at its last round.
    """
    _answers(
        key=key,
        data={
            "columns": [asdict(each) for each in columns],
            "questions": [list(each) for each in questions],
            "asked": asked,
            "text": dict(text),
            "language": language,
            "unbroken": unbroken() if language == "th" else (),
            "steps": steps,
            "live": live,
            "run": run,
        },
        height="content",
    )
