"""A worker: `python -m jobs.worker`. It reads frames from stdin, trains, and writes frames to stdout.

When stdin ends the server is gone, however it went, and the worker leaves at once.
"""

from __future__ import annotations

import os
import queue
import threading
import traceback
from collections.abc import Mapping
from typing import BinaryIO

from jobs.kinds import KINDS, Unusable, Warm, Work, warm
from jobs.protocol import pack
from workers.child import limit_memory, lower_priority, take_pipes
from workers.pipe import Header, ProtocolError, read_frame, write_frame


def serve(works: Mapping[str, Work], warm: Warm) -> None:
    """Answer one server until the pipe ends, or until a job left this process in doubt."""
    source, sink = take_pipes()
    first = read_frame(source)
    if first is None:
        return
    start = first[0]
    requests: queue.SimpleQueue[Header] = queue.SimpleQueue()
    stopped: set[str] = set()
    threading.Thread(target=_listen, args=(source, requests, stopped), daemon=True).start()
    lower_priority()
    try:
        device = warm(start["device"])
    except Unusable as error:
        traceback.print_exc()
        write_frame(sink, {"type": "unusable", "key": error.key, "values": error.values})
        return
    if device == "cpu":
        limit_memory(start["memory"])
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
            write_frame(sink, {**header, "job": job}, pack(arrays))
        return True
    except BrokenPipeError:
        raise  # the server takes no frames any more, so nobody would read the reason
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


def _is_memory(error: Exception) -> bool:
    """Also as torch reports it: an OutOfMemoryError on a GPU, a RuntimeError on a CPU."""
    message = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in message
        or "not enough memory" in message
    )


if __name__ == "__main__":
    serve({name: kind.work for name, kind in KINDS.items()}, warm)
