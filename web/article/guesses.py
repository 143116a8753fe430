"""What a reader is asked before a claim's figure, and what was measured: from the record, never typed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lab.claims import Record
from web.kit.axes import linear_ticks, log_ticks
from web.kit.i18n import number, scientific, t
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
        log: the vertical axis is logarithmic.
    """

    points: Callable[[Record], list[tuple[float, float]]]
    log: bool = False

    def curve(self, name: str, record: Record) -> Curve:
        xs, truth = zip(*self.points(record), strict=True)
        if self.log:
            low, high = min(truth) / 4, max(truth) * 4
            marks = [(mark, scientific(mark)) for mark in log_ticks(low, high)]
        else:
            room = (max(truth) - min(truth)) * 0.4
            low, high = min(truth) - room, max(truth) + room
            marks = [(mark, number(mark, 1)) for mark in linear_ticks(low, high, 4)]
        return Curve(
            x=t(f"guess.{name}.x"),
            y=t(f"guess.{name}.y"),
            xs=[number(x) for x in xs],
            ys=marks,
            low=low,
            high=high,
            truth=truth,
            log=self.log,
        )


def _ranks(
    values: Callable[[Record], dict[str, float]], start: str
) -> Callable[..., list[tuple[float, float]]]:
    """Rank and value of the conditions `<start><rank>`."""

    def points(record: Record) -> list[tuple[float, float]]:
        found = [(name.removeprefix(start), value) for name, value in values(record).items()]
        return sorted((float(rank), value) for rank, value in found if rank.isdigit())

    return points


def _means(record: Record) -> dict[str, float]:
    return {name: record.result.mean(name) for name in record.result.per_seed}


def _early(record: Record) -> float:
    """How far rank 1 stands above the highest rank after ten steps, over what has been learned by then."""
    curves = [record.result.curves[f"r{rank}"] for rank in record.recipe["ranks"]]
    at = curves[0].x.index(10)
    lowest, highest = curves[0].mean(), curves[-1].mean()
    return (lowest[at] - highest[at]) / (highest[0] - highest[at])


def _opposite(key: str) -> Callable[[Record], float]:
    return lambda record: -record.verdict.numbers[key]


ASKED: dict[str, Choice | Drawn] = {
    "c01_capacity": Drawn(_ranks(_means, "text/r")),
    "c02_learning_rate": Choice("ratio", middle=1, alike=0.5),
    "c03_rank": Drawn(_ranks(lambda record: record.result.chosen, "text/alpha/r:r"), log=True),
    "c04_layers": Choice("attention_minus_mlp", alike=0.01),
    "c05_batch": Choice("growth_text/examples", alike=0.01),
    "c06_reinforcement": Choice(_opposite("no_e_behind"), alike=0.02),
    "c07_invariance": Choice("exact", alike=1e-6),
    "c08_warmup": Choice("norm_ratio", middle=1, alike=0.1),
    "c09_compute": Choice("low_rank", middle=1, alike=0.05),
    "c10_bits": Choice("bits_a_parameter", middle=2, alike=0.5),
    "c11_kernel": Choice("mlp_minus_attention", alike=0.01),
    "c12_forgetting": Choice(_opposite("kept_more_by"), alike=0.02),
    "early_curves": Choice(_early, alike=0.1),
    "methods_race": Choice(lambda record: float(record.verdict.checks["some_better_at_end"])),
}
"""Every experiment has its question; "alike" is what a reader would call about the same."""
