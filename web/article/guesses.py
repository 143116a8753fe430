"""What a reader is asked before a claim's figure, and what was measured: from the record, never typed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lora_core.experiments import Record
from web.i18n import number, t
from widgets.guess.widget import Curve

Answer = Literal["more", "same", "less"]
CHOICES: tuple[Answer, ...] = ("more", "same", "less")


@dataclass(frozen=True)
class Choice:
    """More, the same or less: `measured`, or "same" within `alike` of `middle`.

    Attributes:
        measured: a number of the record; by its key in the verdict, or computed.
    """

    measured: str | Callable[[Record], float]
    middle: float = 0.0
    alike: float = 0.0

    def answer(self, record: Record) -> Answer:
        found = self.measured
        value = record.verdict.numbers[found] if isinstance(found, str) else found(record)
        if abs(value - self.middle) <= self.alike:
            return "same"
        return "more" if value > self.middle else "less"


@dataclass(frozen=True)
class Drawn:
    """A curve to be dragged.

    Attributes:
        points: from the record, x and the measured y of each.
        digits: of the marks of the vertical axis.
    """

    points: Callable[[Record], list[tuple[float, float]]]
    digits: int = 1

    def curve(self, name: str, record: Record) -> Curve:
        xs, truth = zip(*self.points(record), strict=True)
        room = (max(truth) - min(truth)) * 0.4
        low, high = min(truth) - room, max(truth) + room
        step = (high - low) / 4
        marks = [round(low + step * k, self.digits) for k in (1, 2, 3)]
        return Curve(
            x=t(f"guess.{name}.x"),
            y=t(f"guess.{name}.y"),
            xs=[number(x) for x in xs],
            ys=[(mark, number(mark, self.digits)) for mark in marks],
            low=low,
            high=high,
            truth=truth,
        )


def _ranks(part: str) -> Callable[[Record], list[tuple[float, float]]]:
    """Rank and mean of the conditions `<part>/r<rank>`."""

    def points(record: Record) -> list[tuple[float, float]]:
        found = [(name.removeprefix(f"{part}/r"), name) for name in record.result.per_seed]
        return sorted((float(rank), record.result.mean(name)) for rank, name in found if rank.isdigit())

    return points


def _early(record: Record) -> float:
    """How far rank 1 stands above the highest rank after ten steps, over what has been learned by then."""
    curves = [record.result.curves[f"r{rank}"] for rank in record.recipe["ranks"]]
    at = curves[0].x.index(10)
    lowest, highest = curves[0].mean(), curves[-1].mean()
    return (lowest[at] - highest[at]) / (highest[0] - highest[at])


ASKED: dict[str, Choice | Drawn] = {
    "c01_capacity": Drawn(_ranks("text")),
    "c02_learning_rate": Choice("ratio", middle=1, alike=0.5),
    "c04_layers": Choice("attention_minus_mlp", alike=0.01),
    "c07_invariance": Choice("exact", alike=1e-6),
    "c09_compute": Choice("low_rank", middle=1, alike=0.05),
    "early_curves": Choice(_early, alike=0.1),
}
"""A claim that is not here is shown without a question."""
