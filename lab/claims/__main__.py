"""Runs, lists and judges the experiments.

python -m lab.claims run NAME [--quick] [--condition C --seed S] [--output FILE]
python -m lab.claims list
python -m lab.claims verdicts [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from lab.claims.base import Experiment, Result, Value
from lab.claims.record import made, read, write
from lab.claims.registry import NAMES, load
from lab.rounding import rounded


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.claims", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure, and record unless it is a part")
    run.add_argument("name", choices=NAMES)
    run.add_argument("--quick", action="store_true", help="the live run: smaller, not recorded")
    run.add_argument("--condition", help="this one alone, at its recorded learning rate")
    run.add_argument("--seed", type=int, help="this one alone")
    run.add_argument("--output", type=Path, help="where the result is written as JSON")
    commands.add_parser("list", help="the names, and what is recorded of each")
    verdicts = commands.add_parser("verdicts", help="what the rules say of the records")
    verdicts.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.command == "run":
        measure(load(asked.name), asked)
    elif asked.command == "list":
        tell_list()
    else:
        tell_verdicts(as_json=asked.json)


def measure(experiment: Experiment, asked: argparse.Namespace) -> None:
    """One run, told as it goes; the whole of it is recorded."""
    import torch

    torch.set_num_threads(1)
    part = asked.quick or asked.condition is not None or asked.seed is not None
    recipe = experiment.quick if asked.quick else experiment.recipe
    seeds = experiment.quick_seeds if asked.quick else experiment.seeds
    seeds = seeds if asked.seed is None else (asked.seed,)
    stored, started, result = read(experiment.name), time.perf_counter(), Result()
    for update in experiment.run(
        recipe,
        seeds=seeds,
        conditions=None if asked.condition is None else [asked.condition],
        chosen=stored.result.chosen if stored and part else None,
        every=1.0,
    ):
        result = update.result
        seconds = time.perf_counter() - started
        print(f"\r{experiment.name} {update.done:4.0%} {seconds:5.0f} s", end="", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - started
    print(file=sys.stderr)
    tell(result)
    if asked.output:
        asked.output.write_text(json.dumps(rounded(result.to_json())), "utf-8")
    if asked.condition is None:
        verdict = experiment.verdict(result)
        print(verdict.outcome, json.dumps(rounded(verdict.to_json())), f"{seconds:.1f} s")
    elif stored and not asked.quick and asked.condition in stored.result.per_seed:
        values = stored.result.per_seed[asked.condition]
        places = [stored.seeds.index(seed) for seed in seeds if seed in stored.seeds]
        print("stored:", _short([values[place] for place in places] if seeds else values))
    if not part:
        print(write(made(experiment, result, seconds)))


def tell(result: Result) -> None:
    for condition, values in result.per_seed.items():
        rate = f"  lr {result.chosen[condition]:.3g}" if condition in result.chosen else ""
        found = f"{result.mean(condition):.5g} ± {result.sd(condition):.2g}"
        print(f"{condition:28} {found}{rate}  {_short(values)}")


def tell_list() -> None:
    for name in NAMES:
        record = read(name)
        when = (
            f"{record.date}, {len(record.seeds)} seeds, {record.seconds:.0f} s" if record else "not recorded"
        )
        print(f"{name:20} {when}")


def tell_verdicts(*, as_json: bool) -> None:
    found = {name: load(name).verdict(record.result) for name in NAMES if (record := read(name))}
    if as_json:
        print(json.dumps({name: rounded(verdict.to_json()) for name, verdict in found.items()}))
        return
    for name, verdict in found.items():
        checks = ", ".join(f"{'' if held else 'not '}{check}" for check, held in verdict.checks.items())
        print(f"{name:20} {verdict.outcome:11} {checks}")


def _short(values: list[Value]) -> str:
    return " ".join("-" if value is None else f"{value:.5g}" for value in values)


if __name__ == "__main__":
    main()
