"""Recorded results, `results/<name>.json`: written by full runs, read by pages. No torch here."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lab.claims.base import Experiment, Result, Verdict
from lab.rounding import rounded

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Record:
    """A full run and how it came to be. versions: of Python, torch and numpy. seconds: of work."""

    name: str
    recipe: Mapping[str, Any]
    seeds: list[int]
    result: Result
    verdict: Verdict
    versions: Mapping[str, str]
    date: str
    machine: str
    seconds: float

    @property
    def deterministic(self) -> bool:
        return not self.seeds

    def to_json(self) -> dict[str, Any]:
        data = vars(self) | self.result.to_json() | {"verdict": self.verdict.to_json()}
        del data["result"]
        return data | ({"deterministic": True} if self.deterministic else {})


def made(experiment: Experiment, result: Result, seconds: float) -> Record:
    """A record of a run that has just ended here. The verdict is that of the numbers as they will be read."""
    result = Result.from_json(rounded(result.to_json()))
    return Record(
        name=experiment.name,
        recipe=experiment.recipe,
        seeds=list(experiment.seeds),
        result=result,
        verdict=experiment.verdict(result),
        versions={
            "python": platform.python_version(),
            "torch": version("torch"),
            "numpy": version("numpy"),
        },
        date=datetime.date.today().isoformat(),
        machine=f"{platform.system()} {platform.machine()}, one thread",
        seconds=round(seconds, 1),
    )


def write(record: Record, folder: Path = RESULTS) -> Path:
    """One line a key, so that a change can be read."""
    path = folder / f"{record.name}.json"
    lines = (
        f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'), ensure_ascii=False, allow_nan=False)}"
        for key, value in rounded(record.to_json()).items()
    )
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    return path


def read(name: str, folder: Path = RESULTS) -> Record | None:
    """The record of an experiment, or None if there is none yet."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    data = json.loads(path.read_text("utf-8"))
    keys = ("name", "recipe", "seeds", "versions", "date", "machine", "seconds")
    return Record(
        **{key: data[key] for key in keys},
        result=Result.from_json(data),
        verdict=Verdict(**data["verdict"]),
    )
