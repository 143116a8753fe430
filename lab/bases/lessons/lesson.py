"""What a lesson for a language model is: examples, questions, a judge, and the run that succeeds at it.

No torch here: a page asks what there is to learn, and judges answers, without a model.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from lora_core.language.examples import Example

Marks = Mapping[str, float]
"""What a judge says of an answer: the mark's name -> 0 (no) to 1 (yes)."""


class Question(NamedTuple):
    """What a model is asked.

    Attributes:
        text: the user's message.
        keys: what a right answer holds, any one of them; none where there is nothing to be right about.
    """

    text: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class LanguageLesson:
    """One lesson, and its defaults: tuned on `held`, for SmolLM2-135M and a minute of one or two cores.

    Attributes:
        kind: learned from examples; by reward; or from the reader's own text, which brings the examples.
        shown: three questions, none in the lesson word for word, whose answers the page follows.
        train: reads the examples. held: reads those that only measure the loss.
        asked: questions whose answers are measured. controls: questions about something else, which show
            what is forgotten.
        judge: an answer's marks.
        measure: the mark that says whether the lesson is learned: its mean over `asked` is the one number.
        lr: LoRA's rate. full_lr: full fine-tuning's.
        rates: method -> its own rate, where that is not LoRA's.
        batch: examples a step; of a lesson by reward, answers a step.
        answer: tokens at which an answer is cut.
    """

    name: str
    kind: Literal["examples", "reward", "own"]
    shown: tuple[Question, ...]
    train: Callable[[], list[Example]]
    held: Callable[[], list[Example]]
    asked: Callable[[], list[Question]]
    judge: Callable[[Question, str], Marks]
    measure: str
    lr: float
    full_lr: float
    steps: int
    batch: int = 8
    rank: int = 8
    alpha: float = 32.0
    method: str = "lora"
    rates: Mapping[str, float] = field(default_factory=dict)
    answer: int = 48
    controls: Callable[[], list[Question]] = list

    def rate(self, method: str) -> float:
        """The rate that a method, or "full" fine-tuning, starts with."""
        return self.full_lr if method == "full" else self.rates.get(method, self.lr)

    def score(self, questions: Sequence[Question], answers: Sequence[str]) -> dict[str, float]:
        """The mean of each mark over questions and their answers, 0 to 1."""
        marks = [self.judge(question, answer) for question, answer in zip(questions, answers, strict=True)]
        return {name: sum(each[name] for each in marks) / len(marks) for name in marks[0]} if marks else {}


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of a table beside this file, tabs between its columns, under the names of its first line."""
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def exchange(question: str, answer: str) -> Example:
    """A question and its answer."""
    return Example(({"role": "user", "content": question}, {"role": "assistant", "content": answer}))
