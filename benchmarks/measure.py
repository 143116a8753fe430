"""Two or more ways of doing the same work, timed side by side: A B A B …, so that a slow moment slows all."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

ROUNDS = 9
TURN = 0.15  # seconds that a turn should last at least, so that a clock tick is nothing

Work = Callable[[], object]
Seconds = dict[str, list[float]]  # of each way, a unit of work in each round


def side_by_side(ways: Mapping[str, Work], rounds: int, *, turn: float = TURN) -> Seconds:
    """Seconds of one core that a call of each way takes, in each round; a first round warms up.

    What is counted is the process's CPU time: on a quiet machine, with one thread, that is the time on the
    wall, and on a busy one it is still this work's.
    """
    calls: dict[str, int] = {}
    for name, work in ways.items():
        work()
        calls[name] = max(1, round(turn / max(_seconds(work, 2), 1e-7)))
    found: Seconds = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            found[name].append(_seconds(work, calls[name]))
    return found


def entry(
    values: Sequence[float], target: float | None, better: Literal["higher", "lower"], notes: str
) -> dict[str, Any]:
    """What stands in results.json under a key."""
    return {
        "median": _digits(statistics.median(values)),
        "min": _digits(min(values)),
        "max": _digits(max(values)),
        "rounds": len(values),
        "target": target,
        "better": better,
        "notes": notes,
        "load": round(os.getloadavg()[0], 1),
    }


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Round by round."""
    return [a / b for a, b in zip(over, under, strict=True)]


def fastest(ways: Mapping[str, Work], *, rounds: int = 5) -> str:
    """The name of the way that is quickest, to give a peer its best setting."""
    seconds = side_by_side(ways, rounds, turn=TURN / 3)
    return min(seconds, key=lambda name: statistics.median(seconds[name]))


def micro(seconds: Sequence[float]) -> str:
    """The median in microseconds, to read: "412 µs"."""
    return f"{statistics.median(seconds) * 1e6:,.0f} µs"


def _seconds(work: Work, calls: int) -> float:
    begin = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - begin) / calls


def _digits(value: float) -> float:
    return float(f"{value:.4g}")
