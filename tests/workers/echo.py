"""A child that answers each frame by what its type asks for."""

import os
import sys
import time

import psutil

from workers.child import limit_memory, lower_priority, take_pipes
from workers.pipe import read_frame, write_frame


def main() -> None:
    source, sink = take_pipes()
    lower_priority()
    write_frame(sink, {"type": "ready", "nice": psutil.Process().nice(), "env": dict(os.environ)})
    while frame := read_frame(source):
        header, payload = frame
        if header["type"] == "die":
            sys.exit("cannot go on")
        if header["type"] == "hang":
            time.sleep(600)
        if header["type"] == "garbage":
            sink.write(b"this is no frame at all")
            sink.flush()
            time.sleep(600)
        if header["type"] == "allocate":
            limit_memory(256 << 20)
            try:
                payload = bytes(bytearray(1 << 30)[:1])
            except MemoryError:
                payload = b"refused"
        print("a library that prints to stdout harms nothing", flush=True)
        write_frame(sink, header, payload)


if __name__ == "__main__":
    main()
