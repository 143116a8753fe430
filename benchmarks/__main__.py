"""`make bench`: every figure of the table, target beside measured, and benchmarks/results.json.

A benchmark is a function that takes the number of rounds and returns {key: entry}, see `measure.entry`; to
add one, name it below. A missed target is a result; only an error makes the exit code non-zero.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"

# Key -> module and function. A key may stand for several entries.
BENCHMARKS = {
    "single_mlp": "benchmarks.training:single_mlp",
    "single_gpt": "benchmarks.training:single_gpt",
    "sweep_mlp": "benchmarks.training:sweep_mlp",
    "sweep_gpt": "benchmarks.training:sweep_gpt",
    "serving_64": "benchmarks.inference:serving_64",
    "serving_256": "benchmarks.inference:serving_256",
    "spectrum": "benchmarks.inference:spectrum",
    "merged_inference": "benchmarks.inference:merged_inference",
    "growth": "benchmarks.growth:growth",
    "lm_step": "benchmarks.language:lm_step",
    "lm_step_full": "benchmarks.language:lm_step_full",
    "lm_start": "benchmarks.language:lm_start",  # and lm_memory
    "lm_tokens": "benchmarks.language:lm_tokens",
    "lm_serving": "benchmarks.language:lm_serving",
    "speech_rtf": "benchmarks.speech:measure",
    "first_paint": "benchmarks.browser:first_paint",
    "idle_reader": "benchmarks.browser:idle_reader",
    "drag": "benchmarks.browser:drag",
    "shift": "benchmarks.browser:shift",
    "long_task": "benchmarks.browser:long_task",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs what is asked for and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, metavar="KEY", help=", ".join(BENCHMARKS))
    parser.add_argument(
        "--rounds", type=int, default=9, help="at least 7 for figures to be quoted (default 9)"
    )
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)

    results: dict[str, Any] = json.loads(options.output.read_text()) if options.output.exists() else {}
    failed = False
    print(f"{'key':<22}{'measured':>10}{'min–max':>18}{'target':>10}")
    for key in options.only or BENCHMARKS:
        module, function = BENCHMARKS[key].split(":")
        try:
            found = getattr(importlib.import_module(module), function)(options.rounds)
        except Exception:
            failed = True
            print(f"{key:<22}failed")
            traceback.print_exc()
            continue
        results |= found
        for name, entry in found.items():
            print(line(name, entry), flush=True)
    results["versions"] = versions()
    options.output.write_text(json.dumps(dict(sorted(results.items())), indent=1, ensure_ascii=False) + "\n")
    return int(failed)


def line(key: str, entry: dict[str, Any]) -> str:
    """A row of the table: measured, its range, the target and whether it is met; then the notes."""
    target = entry.get("target")
    met = ""
    if target is not None:
        sign = "≥" if entry["better"] == "higher" else "≤"
        reached = entry["median"] >= target if entry["better"] == "higher" else entry["median"] <= target
        met = f"{sign + f'{target:g}':>10}  {'met' if reached else 'missed'}"
    spread = f"{entry['min']:g}–{entry['max']:g}"
    return f"{key:<22}{entry['median']:>10g}{spread:>18}{met}\n    {entry.get('notes', '')}"


def versions() -> dict[str, str]:
    """Of what was measured, and what on."""
    names = ("torch", "peft", "numpy", "scipy")
    return {name: version(name) for name in names} | {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, 1 thread",
    }


if __name__ == "__main__":
    sys.exit(main())
