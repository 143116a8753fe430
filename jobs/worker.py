"""A worker: `python -m jobs.worker`. It reads frames from stdin, trains, and writes frames to stdout.

When stdin ends the server is gone, however it went, and the worker leaves at once.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from collections.abc import Mapping
from typing import BinaryIO

import psutil

from jobs.kinds import KINDS, Unusable, Warm, Work, warm
from jobs.protocol import Header, ProtocolError, read_frame, write_frame

NICE = 5


def serve(works: Mapping[str, Work], warm: Warm) -> None:
    """Answer one server until it says goodbye, or until a job left this process in doubt."""
    source, sink = _take_pipes()
    first = read_frame(source)
    if first is None:
        return
    start = first[0]
    requests: queue.SimpleQueue[Header] = queue.SimpleQueue()
    stopped: set[str] = set()
    threading.Thread(target=_listen, args=(source, requests, stopped), daemon=True).start()
    _be_modest()
    try:
        device = warm(start["device"])
    except Unusable as error:
        traceback.print_exc()
        write_frame(sink, {"type": "unusable", "key": error.key, "values": error.values})
        return
    if device == "cpu":
        _limit_memory(start["memory"])
    write_frame(sink, {"type": "ready", "device": device})
    while _work(sink, works, requests.get(), stopped, device, start["every"]):
        pass


def _work(
    sink: BinaryIO, works: Mapping[str, Work], request: Header, stopped: set[str], device: str, every: float
) -> bool:
    """Do one job; whether this process is fit for another."""
    job = request["job"]
    try:
        for header, arrays in works[request["kind"]](
            request["request"], lambda: job in stopped, device, every
        ):
            write_frame(sink, {**header, "job": job}, arrays)
        return True
    except BrokenPipeError:
        raise  # the server takes no frames any more, so there is nobody to tell
    except Exception as error:
        traceback.print_exc()
        key = "memory" if _is_memory(error) else "crashed"
    write_frame(
        sink, {"type": "ended", "job": job, "state": "failed", "key": key, "values": {}, "leaving": True}
    )
    return False


def _listen(source: BinaryIO, requests: queue.SimpleQueue[Header], stopped: set[str]) -> None:
    try:
        while (frame := read_frame(source)) is not None:
            header = frame[0]
            if header["type"] == "run":
                requests.put(header)
            elif header["type"] == "stop":
                stopped.add(header["job"])
    except (ProtocolError, OSError):
        traceback.print_exc()
    os._exit(0)  # the main thread may be deep in a product; nothing here needs tidying


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Stdin and stdout for frames alone: whatever a library prints goes to stderr."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return source, sink


def _be_modest() -> None:
    """Run behind the server: a page that redraws comes first."""
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        psutil.Process().nice(NICE)


def _limit_memory(most: int) -> None:
    """Let the system refuse memory where it can; the server watches in any case."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _is_memory(error: Exception) -> bool:
    """torch has its own ways to say it: an OutOfMemoryError on a GPU, a RuntimeError on a CPU."""
    said = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in said
        or "not enough memory" in said
    )


if __name__ == "__main__":
    serve({name: kind.work for name, kind in KINDS.items()}, warm)
