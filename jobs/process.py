"""A worker process as the pool holds it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from jobs.job import Job
from jobs.protocol import Arrays, unpack
from workers.pipe import Header
from workers.supervisor import Supervisor

COMMAND = (sys.executable, "-m", "jobs.worker")


class Process(Supervisor):
    """A worker. All but `join` is called under the pool's lock.

    Attributes:
        job: what it works on.
        device: what it computes on; None until it is ready.
        heard: when it last sent a frame, or was given a job.
        complaint: why it cannot work at all: a key of `jobs.` in the strings, and its values.

    `cause`, if it was killed, is a key of `jobs.` in the strings too.
    """

    def __init__(
        self,
        command: Sequence[str],
        now: float,
        on_frame: Callable[[Process, Header, Arrays], None],
        on_end: Callable[[Process], None],
    ) -> None:
        super().__init__(
            command,
            lambda header, payload: on_frame(self, header, unpack(payload)),
            lambda: on_end(self),
        )
        self.job: Job | None = None
        self.device: str | None = None
        self.heard = now
        self.complaint: tuple[str, dict[str, Any]] | None = None

    @property
    def idle(self) -> bool:
        return self.device is not None and self.job is None and self.cause is None

    @property
    def starting(self) -> bool:
        return self.device is None and self.cause is None
