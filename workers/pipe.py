"""Frames over a pipe.

    4 bytes: length of the header | 4 bytes: length of the payload | header: JSON | payload: bytes

Lengths are big-endian. A header is a JSON object with a string `type`; what a payload holds (an mp3,
safetensors) is for the two ends to know. End of file between two frames is the goodbye, in either
direction. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

Header = dict[str, Any]

MAX_HEADER = 4 << 20  # bytes
MAX_PAYLOAD = 256 << 20  # bytes
_LENGTHS = struct.Struct(">II")


class ProtocolError(Exception):
    """The bytes are no frame, or are too many for one."""


def write_frame(stream: IO[bytes], header: Header, payload: bytes = b"") -> None:
    """Send one frame, whole.

    Raises:
        OSError: the other side is gone.
        ProtocolError: the frame is larger than the other side would take; nothing is sent.
    """
    head = json.dumps(header).encode()
    _check_lengths(len(head), len(payload))
    stream.write(_LENGTHS.pack(len(head), len(payload)) + head + payload)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[Header, bytes] | None:
    """The next frame, or None at the end of the stream.

    Args:
        stream: buffered, so that `read(n)` gives n bytes unless the stream ends.

    Raises:
        ProtocolError: a frame is cut short, too large, or its header is no JSON object with a type.
    """
    start = stream.read(_LENGTHS.size)
    if not start:
        return None
    if len(start) < _LENGTHS.size:
        raise ProtocolError("a frame is cut short")
    lengths = _LENGTHS.unpack(start)
    _check_lengths(*lengths)
    head, payload = (_exactly(stream, length) for length in lengths)
    try:
        header = json.loads(head)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a header is no JSON") from error
    if not isinstance(header, dict) or not isinstance(header.get("type"), str):
        raise ProtocolError("a header is no object with a type")
    return header, payload


def _check_lengths(header: int, payload: int) -> None:
    if header > MAX_HEADER or payload > MAX_PAYLOAD:
        raise ProtocolError(
            f"a frame of {header} + {payload} bytes; the most is {MAX_HEADER} + {MAX_PAYLOAD}"
        )


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise ProtocolError("a frame is cut short")
    return content
