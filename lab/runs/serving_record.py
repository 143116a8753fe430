"""The recorded measurement of `lab.runs.serving_trial`, `results/serving.json`. No torch here."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lab.rounding import rounded
from lab.runs.serving_config import ServeConfig

FILE = Path(__file__).parent / "results" / "serving.json"
COMMAND = "python -m lab.runs.serving_trial"


@dataclass(frozen=True)
class Record:
    """What was measured, and how.

    Attributes:
        measured: each setting, and its `lab.runs.serving_trial.Result` in JSON.
        texts: prompt -> tenant -> the prompt and what it wrote.
        machine: system and architecture; one thread of it.
        seconds: of one core.
    """

    measured: Sequence[Mapping[str, Any]]
    texts: Mapping[str, Mapping[str, str]]
    command: str
    versions: Mapping[str, str]
    date: str
    machine: str
    seconds: float

    def of(self, adapters: int, characters: int) -> Mapping[str, Any] | None:
        """The result of a setting, if it was recorded."""
        for each in self.measured:
            config = each["config"]
            if (config["adapters"], config["characters"]) == (adapters, characters):
                found: Mapping[str, Any] = each["result"]
                return found
        return None


def write(
    measured: Sequence[Mapping[str, Any]], texts: Mapping[str, Mapping[str, str]], seconds: float
) -> Path:
    """Writes the record of a measurement that has just ended here, one line a setting."""
    about = {
        "command": COMMAND,
        "versions": {
            "python": platform.python_version(),
            "torch": version("torch"),
            "numpy": version("numpy"),
        },
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}",
        "seconds": round(seconds, 1),
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in about.items()]
    rows = ",\n  ".join(json.dumps(rounded(each), separators=(",", ":")) for each in measured)
    lines.append(f'"measured": [\n  {rows}\n]')
    lines.append(f'"texts": {json.dumps(texts, ensure_ascii=False, indent=1)}')
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    return FILE


@cache
def read() -> Record:
    """The shipped record."""
    data = json.loads(FILE.read_text("utf-8"))
    for each in data["measured"]:
        ServeConfig.from_json(each["config"])
    return Record(**data | {"command": COMMAND})  # the record keeps the command of its day
