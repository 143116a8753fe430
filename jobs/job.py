"""One training job as the pool holds it, and as a page sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jobs.history import History, Snapshot
from jobs.kinds import Config
from jobs.protocol import Arrays

State = Literal["queued", "running", "done", "stopped", "failed"]
LIVE = ("queued", "running")


@dataclass(frozen=True)
class JobView:
    """A job at one moment, for its reader. Snapshots and arrays are shared: read them, do not change them.

    Attributes:
        position: place in the queue, 1 is the next; None unless queued.
        snapshots: those newer than `since`. A poll with since=0 is bounded too, so a page need not collect.
        next: pass it as `since` to get what comes after.
        arrays: of the latest snapshot, and those that came once, by name; None before the first.
        config: what was asked for, of the class of its kind.
        device: "cpu", "cuda" or "mps", once the job has started.
        message_key, message_values: why the job stopped or failed: `jobs.<key>` in the strings.
        adapter: a zip in PEFT's format, when a LoRA run ended with one.
    """

    id: str
    state: State
    position: int | None
    snapshots: list[Snapshot]
    next: int
    arrays: Arrays | None
    config: Any
    device: str | None
    message_key: str | None
    message_values: Mapping[str, Any]
    adapter: bytes | None

    @property
    def live(self) -> bool:
        """Whether it is worth polling on."""
        return self.state in LIVE


@dataclass
class Job:
    """What the pool knows of a job; guarded by the pool's lock.

    `seen` is when its reader last polled, `stop_asked` when it was asked to stop and `stop_key` why.
    """

    id: str
    reader: str
    kind: str
    config: Config
    seen: float
    history: History
    state: State = "queued"
    arrays: Arrays | None = None
    device: str | None = None
    stop_asked: float | None = None
    stop_key: str | None = None
    message_key: str | None = None
    message_values: dict[str, Any] = field(default_factory=dict)
    adapter: bytes | None = None

    @property
    def live(self) -> bool:
        return self.state in LIVE

    def add(self, snapshot: Snapshot, arrays: Arrays) -> None:
        self.history.add(snapshot)
        self.arrays = {
            **(self.arrays or {}),
            **arrays,
        }  # test pictures come once, matrices with each snapshot

    def end(self, state: State, key: str | None = None, values: Mapping[str, Any] | None = None) -> None:
        self.state = state
        self.message_key = key
        self.message_values = dict(values or {})

    def view(self, since: int, position: int | None) -> JobView:
        return JobView(
            id=self.id,
            state=self.state,
            position=position,
            snapshots=self.history.since(since),
            next=self.history.count,
            arrays=self.arrays,
            config=self.config,
            device=self.device,
            message_key=self.message_key,
            message_values=dict(self.message_values),
            adapter=self.adapter,
        )
