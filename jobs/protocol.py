"""What server and worker say to each other: frames over two pipes.

    4 bytes, big-endian: length of the header | header: JSON | arrays: safetensors

The header's `bytes` is the length of the arrays, 0 when there are none. Nothing is ever unpickled.

    server -> worker   start (device, memory, every), then: run (job, kind, request), stop (job), …
    worker -> server   ready (device) or unusable (key, values), then for each job:
                       snapshot (snapshot + arrays), …, ended (state, key, values + uint8 array "result")

End of file is the goodbye, in either direction.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

Header = dict[str, Any]
Arrays = dict[str, NDArray[Any]]
Frame = tuple[Header, Arrays]

_LENGTH = struct.Struct(">I")
MAX_HEADER = 4 << 20
MAX_ARRAYS = 256 << 20


class ProtocolError(Exception):
    """The other side sent something that is no frame."""


def write_frame(stream: IO[bytes], header: Header, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
    """Send one frame, whole.

    Raises:
        OSError: the other side is gone.
    """
    # safetensors writes a transposed array's memory as it lies, under its transposed shape.
    body = save({name: np.ascontiguousarray(array) for name, array in arrays.items()}) if arrays else b""
    head = json.dumps({**header, "bytes": len(body)}).encode()
    stream.write(_LENGTH.pack(len(head)) + head + body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> Frame | None:
    """The next frame, or None at the end of the stream.

    Raises:
        ProtocolError: a frame is cut short, too large, or not what it says it is.
    """
    start = stream.read(_LENGTH.size)
    if not start:
        return None
    if len(start) < _LENGTH.size:
        raise ProtocolError("a frame is cut short")
    try:
        header = json.loads(_exactly(stream, _LENGTH.unpack(start)[0], MAX_HEADER))
        if not isinstance(header, dict) or not isinstance(header.get("type"), str):
            raise ProtocolError("a header is no object with a type")
        size = header.pop("bytes", 0)
        if not isinstance(size, int):
            raise ProtocolError("a header's `bytes` is no whole number")
        return header, load(_exactly(stream, size, MAX_ARRAYS)) if size else {}
    except (ValueError, SafetensorError) as error:
        raise ProtocolError(f"a frame does not parse: {error}") from error


def as_array(content: bytes) -> NDArray[np.uint8]:
    """Bytes as an array that a frame can carry."""
    return np.frombuffer(content, dtype=np.uint8)


def _exactly(stream: IO[bytes], size: int, most: int) -> bytes:
    if not 0 <= size <= most:
        raise ProtocolError(f"a part of {size} bytes; the most is {most}")
    content = stream.read(size)
    if len(content) < size:
        raise ProtocolError("a frame is cut short")
    return content
