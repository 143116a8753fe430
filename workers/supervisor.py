"""The parent's side: one child process, the two threads that read its pipes, its end."""

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

from workers.pipe import Header, read_frame, write_frame

ROOT = Path(__file__).resolve().parents[1]
GRACE = 2.0  # s from a child's last byte to its end, so that its own exit code is seen
TAIL = 8192  # bytes of a child's stderr that are kept
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
    """A child process that reads frames from its stdin and writes frames to its stdout.

    Its stderr is kept to the last TAIL bytes and logged when it ends. One thread at a time may call `send`.

    Args:
        command: what to run, in the project's root.
        on_frame: called with each frame, from a thread of its own. An error in it ends the child.
        on_end: called once, from the same thread, when the process is gone and its pipes are closed.

    Attributes:
        cause: why it was killed, if it was.

    Raises:
        OSError: the process cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        on_frame: Callable[[Header, bytes], None],
        on_end: Callable[[], None],
    ) -> None:
        self.cause: str | None = None
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

    def begin(self) -> None:
        """Start to read; no callback comes before."""
        self._listener.start()
        self._reader.start()

    def send(self, header: Header, payload: bytes = b"") -> None:
        """Send a frame. That the child is gone shows in `on_end`, not here."""
        assert self._process.stdin is not None
        try:
            write_frame(self._process.stdin, header, payload)
        except (OSError, ValueError):  # ValueError: the pipe is closed already
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
                self._on_frame(*frame)
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            log.warning("worker %s closed its pipe and went on", self.pid)
        except Exception:
            log.exception("worker %s: unreadable", self.pid)
        self._process.kill()
        code = self._process.wait()
        self._listener.join()
        self._process.stdout.close()
        with contextlib.suppress(OSError):  # what was still to be sent has nobody to read it
            self._process.stdin.close()
        if self.cause is None or self._tail:
            tail = self._tail.decode(errors="replace")
            log.warning("worker %s ended (%s, code %s): %s", self.pid, self.cause, code, tail)
        self._on_end()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            while chunk := os.read(stream.fileno(), TAIL):
                self._tail = (self._tail + chunk)[-TAIL:]


def _own_group() -> dict[str, Any]:
    """Ctrl-C in the terminal is for the server alone; it ends its children itself."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}
