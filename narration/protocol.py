"""What server and worker say to each other: frames over two pipes.

    4 bytes, big-endian: length of the header | header: JSON | body: `bytes` of the header, an mp3

    worker -> server   ready, then for each request: clip (id, meta, fallback + mp3) or failed (id, reason)
    server -> worker   say (id, utterance, voice, reader)

End of file is the goodbye, in either direction. Nothing is ever unpickled.
"""

import json
import struct
from collections.abc import Callable
from typing import Any

Header = dict[str, Any]
_LENGTH = struct.Struct(">I")
_LONGEST = 64 << 20


class ProtocolError(Exception):
    """The other side sent something that is no frame."""


def frame(header: Header, body: bytes = b"") -> bytes:
    """One frame, to be written whole."""
    head = json.dumps({**header, "bytes": len(body)}).encode()
    return _LENGTH.pack(len(head)) + head + body


def read_frame(read: Callable[[int], bytes]) -> tuple[Header, bytes] | None:
    """The next frame, or None at the end of the stream.

    Args:
        read: gives up to that many bytes, b"" at the end.

    Raises:
        ProtocolError: a frame is cut short, too large or does not parse.
    """
    start = _exactly(read, _LENGTH.size, optional=True)
    if not start:
        return None
    try:
        header = json.loads(_exactly(read, _LENGTH.unpack(start)[0]))
        return header, _exactly(read, header.pop("bytes"))
    except (ValueError, KeyError, AttributeError, TypeError) as problem:
        raise ProtocolError(f"a frame does not parse: {type(problem).__name__}") from None


def _exactly(read: Callable[[int], bytes], size: int, *, optional: bool = False) -> bytes:
    if size > _LONGEST:
        raise ProtocolError(f"a frame of {size} bytes is too large")
    data = b""
    while len(data) < size:
        more = read(size - len(data))
        if not more:
            if optional and not data:
                return b""
            raise ProtocolError("a frame is cut short")
        data += more
    return data
