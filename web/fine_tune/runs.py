"""A run as the page keeps it: its number, what the job pool last said of it, and what can be read from that.

No Streamlit here, so that what a page shows can be tested without one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from jobs.job import JobView
from lab.runs.config import TrainConfig

WHO = ("run", "yardstick")


@dataclass(frozen=True, eq=False)
class Run:
    """One run in the table. `number` counts the runs of this session, from 1."""

    number: int
    view: JobView

    @property
    def id(self) -> str:
        return self.view.id

    @property
    def config(self) -> TrainConfig:
        config: TrainConfig = self.view.config
        return config

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other.id == self.id  # two views of one run

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def last(self) -> dict[str, Any] | None:
        return self.view.snapshots[-1] if self.view.snapshots else None

    @property
    def step(self) -> int:
        return self.last["step"] if self.last else 0

    @property
    def steps(self) -> int:
        """How long the run is: the steps that were asked for, or of one that ended early, those it made."""
        return self.config.steps if self.view.live or self.view.state == "done" else self.step

    @property
    def seconds(self) -> float:
        return self.last["seconds"] if self.last else 0.0

    @property
    def rate(self) -> float:
        """Steps a second."""
        return self.last["steps_per_second"] if self.last else 0.0

    @property
    def left(self) -> float | None:
        """Seconds to go, once a step has been timed."""
        return (self.config.steps - self.step) / self.rate if self.rate > 0 else None

    def curve(self, who: str, what: str) -> tuple[list[int], list[float]]:
        """One curve: who is "run" or "yardstick", what is "validation", "accuracy" or "train"."""
        return curve(self.last["history"] if self.last else [], who, what)

    def result(self, who: str, what: str = "validation", at: int | None = None) -> float | None:
        """The last value of a curve, or the last one up to a step."""
        values = [y for x, y in zip(*self.curve(who, what), strict=True) if at is None or x <= at]
        return values[-1] if values else None

    def before(self, what: str = "validation") -> float | None:
        """The value of the base, before a step was made."""
        steps, values = self.curve("run", what)
        return values[0] if steps and steps[0] == 0 else None

    def behind(self) -> float | None:
        """How far the loss is above full fine-tuning's."""
        mine, yardstick = self.result("run"), self.result("yardstick")
        return None if mine is None or yardstick is None else mine - yardstick

    def latest(self, who: str, what: str) -> tuple[int, Any] | None:
        """The newest snapshot where a model has a "sample" or "predictions": its step, and the thing."""
        for snapshot in reversed(self.view.snapshots):
            measure = snapshot[who]
            if measure and measure[what] is not None:
                return snapshot["step"], measure[what]
        return None

    def first(self, what: str) -> Any | None:
        """What the base wrote or guessed, before a step was made."""
        for snapshot in self.view.snapshots[:1]:
            return snapshot["run"][what] if snapshot["step"] == 0 else None
        return None

    def spectra(self, who: str, layer: str) -> list[tuple[int, list[float]]]:
        """Singular values of a layer's ΔW over the run: a step and its values, largest first."""
        found = []
        for snapshot in self.view.snapshots:
            measure = snapshot[who]
            if measure and measure["spectra"].get(layer):
                found.append((snapshot["step"], measure["spectra"][layer]))
        return found

    def delta(self, layer: str) -> NDArray[Any] | None:
        """ΔW (d_out, d_in) of a layer."""
        return (self.view.arrays or {}).get(f"run.delta.{layer}")

    @property
    def layers(self) -> list[str]:
        """The layers whose ΔW is known, in the model's order."""
        start = "run.delta."
        return [name.removeprefix(start) for name in (self.view.arrays or {}) if name.startswith(start)]


def curve(history: Sequence[Mapping[str, Any]], who: str, what: str) -> tuple[list[int], list[float]]:
    """Steps and values of one curve of a run's history."""
    found = [(p["step"], p[f"{who}_{what}"]) for p in history if p[f"{who}_{what}"] is not None]
    return [x for x, _ in found], [y for _, y in found]


def without_yardstick(view: JobView) -> JobView:
    """What is kept of an ended run: the matrices of the yardstick are never shown."""
    arrays = {name: array for name, array in (view.arrays or {}).items() if not name.startswith("yardstick.")}
    return replace(view, arrays=arrays or None)


def distinguishing(runs: Sequence[Run], fields: Sequence[str]) -> dict[str, list[str]]:
    """For each run, the settings, of `fields`, that tell it from others of its task, method and rank."""
    settings = {run.id: {**run.config.to_query(), "steps": str(run.steps)} for run in runs}
    found: dict[str, list[str]] = {}
    for run in runs:
        twins = [settings[other.id] for other in runs if _kind(other) == _kind(run)]
        differing = [each for each in fields if len({twin.get(each) for twin in twins}) > 1]
        found[run.id] = [each for each in differing if each in settings[run.id]]
    return found


def _kind(run: Run) -> tuple[str, str, str, int]:
    config, adapter = run.config, run.config.adapter
    kind = ("full", 0) if adapter is None else (adapter.method, adapter.rank)
    return config.base, config.task, *kind


def curve_csv(run: Run, head: Sequence[str]) -> str:
    """The learning curve: step, loss and accuracy of run and yardstick, then the settings as in a link.

    Args:
        head: the names of the seven columns of numbers, in the reader's language.
    """
    columns = [f"{who}_{what}" for what in ("train", "validation", "accuracy") for who in WHO]
    settings = run.config.to_query()
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([guarded(cell) for cell in [*head, *settings]])
    for point in run.last["history"] if run.last else []:
        numbers = [point["step"], *(point[column] for column in columns)]
        writer.writerow(
            ["" if n is None else n for n in numbers] + [guarded(value) for value in settings.values()]
        )
    return out.getvalue()


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def file_stem(run: Run) -> str:
    """A name for a downloaded file: letters, digits, dots and hyphens, whatever the settings are."""
    config = run.config
    kind = "full" if config.adapter is None else f"{config.adapter.method}-r{config.adapter.rank}"
    name = f"{config.base}-{config.task}-{kind}-lr{config.lr:g}-{run.steps}-seed{config.seed}"
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name)[:100]
