"""The snapshots of one job, bounded: thinned evenly, never the first, never the last."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Snapshot = dict[str, Any]
CUMULATIVE = ("history", "result")  # parts of a snapshot that hold all that came before


@dataclass
class _Entry:
    number: int  # 1 for the first snapshot of the job
    size: int  # bytes of JSON
    snapshot: Snapshot


class History:
    """Snapshots by number.

    Args:
        limit: how many are kept.
        budget: how many bytes of JSON are kept.
    """

    def __init__(self, limit: int, budget: int) -> None:
        self._limit = limit
        self._budget = budget
        self._entries: list[_Entry] = []
        self._size = 0
        self._count = 0

    @property
    def count(self) -> int:
        """The number of the last snapshot."""
        return self._count

    def add(self, snapshot: Snapshot) -> None:
        """Append the newest. Its CUMULATIVE parts make those of the one before superfluous."""
        if self._entries:
            last = self._entries[-1]
            emptied = {name: type(last.snapshot[name])() for name in CUMULATIVE if last.snapshot.get(name)}
            if emptied:
                self._replace(last, {**last.snapshot, **emptied})
        self._count += 1
        entry = _Entry(self._count, _size(snapshot), snapshot)
        self._entries.append(entry)
        self._size += entry.size
        while len(self._entries) > 2 and (len(self._entries) > self._limit or self._size > self._budget):
            self._thin()

    def since(self, number: int) -> list[Snapshot]:
        """The kept snapshots after that number, oldest first."""
        return [entry.snapshot for entry in self._entries if entry.number > number]

    def _thin(self) -> None:
        """Drop what is missed least: between close neighbours, and not evaluated if there is such."""
        middle = range(1, len(self._entries) - 1)
        least = min(middle, key=lambda i: (_evaluated(self._entries[i].snapshot), self._gap(i)))
        self._size -= self._entries.pop(least).size

    def _gap(self, i: int) -> int:
        return self._entries[i + 1].number - self._entries[i - 1].number

    def _replace(self, entry: _Entry, snapshot: Snapshot) -> None:
        size = _size(snapshot)
        self._size += size - entry.size
        entry.snapshot, entry.size = snapshot, size


def _evaluated(snapshot: Snapshot) -> bool:
    run = snapshot.get("run")
    return isinstance(run, dict) and run.get("validation_loss") is not None


def _size(snapshot: Snapshot) -> int:
    return len(json.dumps(snapshot))
