"""Files on their way from a reader's browser to the page that asked for them: in memory, for a minute.

`POST /upload` takes the bytes and answers with a name; the page takes them out under that name, once. Only
the reader who sent them can. A header that no form of another site can send stands in for a token.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from threading import Lock

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from web.frame.server import reader_of

MB = 1 << 20
MAX_BYTES = 64 * MB  # of one file, whatever it is for
MAX_EACH = 2 * MAX_BYTES  # of the files of one reader: an adapter is two
MAX_WAITING = 192 * MB  # of all files of all readers together
SECONDS = 60.0
HEADER = "x-pradit-upload"


@dataclass
class _Parcel:
    reader: str
    size: int
    until: float
    data: bytes | None = None


@dataclass
class Shelf:
    """Files that wait to be taken. Room is kept before the first byte arrives."""

    most: int = MAX_WAITING
    most_each: int = MAX_EACH
    seconds: float = SECONDS
    _parcels: dict[str, _Parcel] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def reserve(self, reader: str, size: int) -> str | None:
        """A name for a file of that size, or None: there is no room now."""
        with self._lock:
            now = time.monotonic()
            self._parcels = {name: one for name, one in self._parcels.items() if one.until > now}
            every = self._parcels.values()
            mine = sum(one.size for one in every if one.reader == reader)
            if mine + size > self.most_each or sum(one.size for one in every) + size > self.most:
                return None
            name = secrets.token_urlsafe(18)
            self._parcels[name] = _Parcel(reader, size, now + self.seconds)
            return name

    def put(self, name: str, data: bytes) -> None:
        with self._lock:
            if name in self._parcels:
                self._parcels[name].data = data

    def drop(self, name: str) -> None:
        with self._lock:
            self._parcels.pop(name, None)

    def take(self, name: str, reader: str) -> bytes | None:
        """The file, once, for the reader who sent it and in time."""
        with self._lock:
            one = self._parcels.get(name)
            if one is None or one.reader != reader or one.data is None or one.until <= time.monotonic():
                return None
            del self._parcels[name]
            return one.data


SHELF = Shelf()


async def receive(request: Request) -> Response:
    """Take a file in. The answer is `{"id": …}` or `{"refused": key}`, a key of `uploads.refused.*`."""
    reader = reader_of(request.headers.get("cookie", ""))
    if HEADER not in request.headers or reader is None:
        return _refused("reader", 403)
    told = request.headers.get("content-length", "")
    if not told.isascii() or not told.isdigit() or int(told) > MAX_BYTES:
        return _refused("sent", 413)
    size = int(told)
    name = SHELF.reserve(reader, size)
    if name is None:
        return _refused("busy", 503)
    data = bytearray()
    try:
        async with asyncio.timeout(SHELF.seconds):  # its room is kept no longer than that
            async for chunk in request.stream():
                data += chunk
                if len(data) > size:
                    break
    except (ClientDisconnect, TimeoutError):
        data.clear()
    if len(data) != size:
        SHELF.drop(name)
        return _refused("sent", 400)
    SHELF.put(name, bytes(data))
    asyncio.get_running_loop().call_later(SHELF.seconds, SHELF.drop, name)
    return JSONResponse({"id": name})


def _refused(key: str, status: int) -> Response:
    return JSONResponse({"refused": key}, status_code=status, headers={"connection": "close"})


ROUTES = [Route("/upload", receive, methods=["POST"])]
