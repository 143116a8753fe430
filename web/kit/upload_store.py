"""Files on their way from a reader's browser to the page that asked for them: in memory, for a minute.

Only the reader who sent a file can take it out, once. What has arrived counts, not what was announced. Where
room runs out, the address that holds most gives way, so that a flood takes its room from itself.
"""

import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

MB = 1 << 20
MAX_BYTES = 64 * MB  # of one file, whatever it is for
MAX_EACH = 2 * MAX_BYTES  # of the files of one reader: an adapter is two
MAX_ADDRESS = 2 * MAX_BYTES  # of the files from one address, where a class may sit behind one
MAX_WAITING = 192 * MB  # of all files of all readers together
SECONDS = 60.0


@dataclass
class _Upload:
    reader: str
    address: str
    until: float
    data: bytearray = field(default_factory=bytearray)
    whole: bool = False


@dataclass
class UploadStore:
    """Files that wait to be taken; sizes in bytes."""

    most: int = MAX_WAITING
    most_each: int = MAX_EACH
    most_address: int = MAX_ADDRESS
    seconds: float = SECONDS
    _uploads: dict[str, _Upload] = field(default_factory=dict)  # in the order of their beginning
    _of_reader: Counter[str] = field(default_factory=Counter)  # bytes held
    _of_address: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def begin(self, reader: str, address: str) -> str:
        """A name for a file of which nothing has arrived yet."""
        with self._lock:
            now = time.monotonic()
            for name in [name for name, one in self._uploads.items() if one.until <= now]:
                self._remove(name)
            name = secrets.token_urlsafe(18)
            self._uploads[name] = _Upload(reader, address, now + self.seconds)
            return name

    def add(self, name: str, chunk: bytes) -> bool:
        """Append what arrived; False where there is no room for it, and the file is dropped."""
        with self._lock:
            one = self._uploads.get(name)
            if one is None:
                return False
            one.data += chunk
            one.until = time.monotonic() + self.seconds
            self._count(one, len(chunk))
            if self._has_room(one):
                return True
            self._remove(name)
            return False

    def finish(self, name: str) -> None:
        """The file is whole and may be taken."""
        with self._lock:
            if name in self._uploads:
                self._uploads[name].whole = True

    def drop(self, name: str) -> None:
        with self._lock:
            if name in self._uploads:
                self._remove(name)

    def take(self, name: str, reader: str) -> bytes | None:
        """The file, once, for the reader who sent it and in time."""
        with self._lock:
            one = self._uploads.get(name)
            if one is None or one.reader != reader or not one.whole or one.until <= time.monotonic():
                return None
            return bytes(self._remove(name).data)

    def _has_room(self, grown: _Upload) -> bool:
        held = self._of_address
        if self._of_reader[grown.reader] > self.most_each or held[grown.address] > self.most_address:
            return False
        while held.total() > self.most:
            others = [address for address in held if address != grown.address]
            address = max(others, key=held.__getitem__, default="")
            if held[address] < held[grown.address]:
                return False
            self._remove(
                next(name for name, one in self._uploads.items() if one.address == address and one.data)
            )
        return True

    def _remove(self, name: str) -> _Upload:
        one = self._uploads.pop(name)
        self._count(one, -len(one.data))
        return one

    def _count(self, one: _Upload, size: int) -> None:
        for held, who in ((self._of_reader, one.reader), (self._of_address, one.address)):
            held[who] += size
            if not held[who]:
                del held[who]


UPLOADS = UploadStore()
