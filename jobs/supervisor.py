"""One worker process seen from the server: its pipes, the two threads that read them, its end."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from jobs.job import Job
from jobs.protocol import Arrays, Header, read_frame, write_frame

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "jobs.worker")
TAIL = 8192  # bytes of a worker's stderr that are kept
# Two threads in one product stall each other on a busy machine; libraries read this when they load.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)

log = logging.getLogger(__name__)


class Supervisor:
    """A worker process. All but `join` is called under the pool's lock; callbacks come from its own thread.

    Args:
        command: what to run.
        now: the time, for `heard`.
        on_frame: called with each frame the worker sends. An error in it ends the worker.
        on_end: called once, when the process is gone and its pipes are closed.

    Attributes:
        job: what it works on.
        device: what it computes on; None until it is ready.
        heard: when it last said something, or was given a job.
        cause: why it was killed, if it was: a key of `jobs.` in the strings.
        complaint: why it says it cannot work at all: a key and its values.
    """

    def __init__(
        self,
        command: Sequence[str],
        now: float,
        on_frame: Callable[[Supervisor, Header, Arrays], None],
        on_end: Callable[[Supervisor], None],
    ) -> None:
        self.job: Job | None = None
        self.device: str | None = None
        self.heard = now
        self.cause: str | None = None
        self.complaint: tuple[str, dict[str, Any]] | None = None
        self._on_frame = on_frame
        self._on_end = on_end
        self._tail = b""
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
            **_own_group(),
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, name=f"worker {self.pid}", daemon=True)
        self._listener = threading.Thread(target=self._listen, name=f"worker {self.pid} stderr", daemon=True)

    def begin(self, header: Header) -> None:
        """Send the first frame and start to listen."""
        self.send(header)
        self._listener.start()
        self._reader.start()

    @property
    def idle(self) -> bool:
        return self.device is not None and self.job is None and self.cause is None

    @property
    def starting(self) -> bool:
        return self.device is None and self.cause is None

    def send(self, header: Header) -> None:
        """Send a frame; that a worker is gone shows in `on_end`."""
        assert self._process.stdin is not None
        try:
            write_frame(self._process.stdin, header)
        except (OSError, ValueError):
            log.debug("worker %s takes no frames any more", self.pid)

    def kill(self, cause: str) -> None:
        """End the process; the first cause counts."""
        self.cause = self.cause or cause
        self._process.kill()

    def resident(self) -> int:
        """Bytes of memory in use; 0 when the process is gone."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def join(self, timeout: float) -> None:
        """Wait until `on_end` has returned."""
        self._reader.join(timeout)

    def _read(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            while (frame := read_frame(self._process.stdout)) is not None:
                self._on_frame(self, *frame)
        except Exception:
            log.exception("worker %s: unreadable", self.pid)
        self._process.kill()
        code = self._process.wait()
        self._listener.join()
        self._process.stdout.close()
        with contextlib.suppress(OSError):  # what was still to be sent has nobody to read it
            self._process.stdin.close()
        if self.cause is None or self._tail:
            log.warning(
                "worker %s ended (%s, code %s): %s",
                self.pid,
                self.cause,
                code,
                self._tail.decode(errors="replace"),
            )
        self._on_end(self)

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            while chunk := os.read(stream.fileno(), TAIL):
                self._tail = (self._tail + chunk)[-TAIL:]


def _own_group() -> dict[str, Any]:
    """Ctrl-C in the terminal is for the server alone; it ends its workers itself."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}
