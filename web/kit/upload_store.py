"""Files on their way from a reader's browser to the page that asked for them: in memory, for a minute.

Only the reader who sent a file can take it out, once.
"""

import secrets
import time
from dataclasses import dataclass, field
from threading import Lock

MB = 1 << 20
MAX_BYTES = 64 * MB  # of one file, whatever it is for
MAX_EACH = 2 * MAX_BYTES  # of the files of one reader: an adapter is two
MAX_WAITING = 192 * MB  # of all files of all readers together
SECONDS = 60.0


@dataclass
class _Upload:
    reader: str
    size: int
    until: float
    data: bytes | None = None


@dataclass
class UploadStore:
    """Files that wait to be taken. Their memory is counted before the first byte arrives."""

    most: int = MAX_WAITING
    most_each: int = MAX_EACH
    seconds: float = SECONDS
    _uploads: dict[str, _Upload] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def reserve(self, reader: str, size: int) -> str | None:
        """A name for a file of that size, or None: there is no room now."""
        with self._lock:
            now = time.monotonic()
            self._uploads = {name: one for name, one in self._uploads.items() if one.until > now}
            every = self._uploads.values()
            mine = sum(one.size for one in every if one.reader == reader)
            if mine + size > self.most_each or sum(one.size for one in every) + size > self.most:
                return None
            name = secrets.token_urlsafe(18)
            self._uploads[name] = _Upload(reader, size, now + self.seconds)
            return name

    def put(self, name: str, data: bytes) -> None:
        with self._lock:
            if name in self._uploads:
                self._uploads[name].data = data

    def drop(self, name: str) -> None:
        with self._lock:
            self._uploads.pop(name, None)

    def take(self, name: str, reader: str) -> bytes | None:
        """The file, once, for the reader who sent it and in time."""
        with self._lock:
            one = self._uploads.get(name)
            if one is None or one.reader != reader or one.data is None or one.until <= time.monotonic():
                return None
            del self._uploads[name]
            return one.data


UPLOADS = UploadStore()
