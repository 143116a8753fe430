"""Recorded runs of the language model's lessons, `results/language-<lesson>.json`. No torch here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from lab.rounding import rounded
from lab.runs.language_config import LanguageConfig
from lab.runs.language_snapshot import LanguageSnapshot

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class RecordedRun:
    """A whole run and how it came to be.

    Attributes:
        recipe: what was asked for.
        model: the name of the model.
        snapshot: the last; it holds every loss and every round of answers.
        seconds: by the clock, with all that was asked and measured; of a machine that may have been busy.
        cpu_seconds: of the processor, likewise.
    """

    recipe: LanguageConfig
    model: str
    snapshot: LanguageSnapshot
    seconds: float
    cpu_seconds: float
    versions: Mapping[str, str]
    date: str
    machine: str

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it, numbers rounded as they will be read."""
        fields = vars(self) | {"recipe": self.recipe.to_json(), "snapshot": self.snapshot.to_json()}
        found: dict[str, Any] = rounded(fields)
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        recipe = LanguageConfig.from_json(data["recipe"])
        return cls(**{**data, "recipe": recipe, "snapshot": LanguageSnapshot.from_json(data["snapshot"])})


def record_path(lesson: str) -> Path:
    """Where a lesson's runs are recorded."""
    return RESULTS / f"language-{lesson}.json"


def read_runs(lesson: str, path: Path | None = None) -> dict[str, RecordedRun]:
    """Method -> its recorded run; empty where there is none."""
    path = path or record_path(lesson)
    if not path.exists():
        return {}
    found = json.loads(path.read_text("utf-8"))
    return {method: RecordedRun.from_json(run) for method, run in found.items()}


def write_run(run: RecordedRun, path: Path) -> Path:
    """Adds a run to a lesson's file, one line a key, in the place of an earlier one of its method."""
    runs = read_runs(run.recipe.lesson, path) | {run.recipe.method: run}
    blocks = []
    for method, each in runs.items():
        lines = ",\n".join(
            f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
            for key, value in each.to_json().items()
        )
        blocks.append(f"{json.dumps(method)}: {{\n{lines}\n}}")
    path.write_text("{\n" + ",\n".join(blocks) + "\n}\n", "utf-8")
    return path
