"""Files on their way from a reader's browser to the page that asked for them: on disk, for a minute.

Only the reader who sent a file can take it out, once. What has arrived counts, not what was announced. Where
room runs out, the address that holds most gives way, so that a flood takes its room from itself. A file that
was taken lies there for as long as the page refers to it.
"""

import os
import secrets
import shutil
import tempfile
import time
import weakref
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

MB = 1 << 20
MAX_BYTES = int(os.environ.get("PRADIT_UPLOAD_LIMIT", "2048")) * MB  # of one file, whatever it is for
MAX_EACH = 2 * MAX_BYTES  # of the files of one reader: an adapter is two
MAX_ADDRESS = 2 * MAX_BYTES  # of the files from one address, where a class may sit behind one
MAX_WAITING = 4 * MAX_BYTES  # of all files of all readers together
SECONDS = 60.0


class UploadedFile:
    """A file that was taken: it lies on disk until nothing refers to this any more.

    Attributes:
        path: where it lies.
        size: bytes.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size

    def read(self) -> bytes:
        """All of it, in memory: for small files."""
        return self.path.read_bytes()


@dataclass
class _Upload:
    reader: str
    address: str
    until: float
    path: Path
    size: int = 0
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
    _of_address: Counter[str] = field(default_factory=Counter)  # of files that wait
    _taken: int = 0  # bytes of files that pages refer to
    _folder: Path | None = None
    # Garbage may be collected, and a taken file so released, in the middle of any of the methods.
    _lock: RLock = field(default_factory=RLock)

    def begin(self, reader: str, address: str) -> str:
        """A name for a file of which nothing has arrived yet."""
        with self._lock:
            now = time.monotonic()
            for name in [name for name, one in self._uploads.items() if one.until <= now]:
                self._remove(name)
            name = secrets.token_urlsafe(18)
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="pradit-uploads-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            path = self._folder / name
            self._uploads[name] = _Upload(reader, address, now + self.seconds, path)
            return name

    def add(self, name: str, chunk: bytes) -> bool:
        """Append what arrived; False where there is no room for it, and the file is dropped."""
        with self._lock:
            one = self._uploads.get(name)
            if one is None:
                return False
            try:
                with one.path.open("ab") as file:
                    file.write(chunk)
            except OSError:  # the disk is full
                self._remove(name)
                return False
            one.until = time.monotonic() + self.seconds
            one.size += len(chunk)
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

    def take(self, name: str, reader: str) -> UploadedFile | None:
        """The file, once, for the reader who sent it and in time."""
        with self._lock:
            one = self._uploads.get(name)
            if one is None or one.reader != reader or not one.whole or one.until <= time.monotonic():
                return None
            one.path.touch()  # of an empty file nothing has arrived
            self._count(one, -one.size)
            del self._uploads[name]
            taken = UploadedFile(one.path, one.size)
            self._taken += one.size
            self._of_reader[one.reader] += one.size
            weakref.finalize(taken, self._release, one)
            return taken

    def _release(self, one: _Upload) -> None:
        """A page has done with a file."""
        with self._lock:
            self._taken -= one.size
            self._of_reader[one.reader] -= one.size
            if not self._of_reader[one.reader]:
                del self._of_reader[one.reader]
        one.path.unlink(missing_ok=True)

    def _has_room(self, grown: _Upload) -> bool:
        held = self._of_address
        if self._of_reader[grown.reader] > self.most_each or held[grown.address] > self.most_address:
            return False
        while held.total() + self._taken > self.most:
            others = [address for address in held if address != grown.address]
            address = max(others, key=held.__getitem__, default="")
            if held[address] < held[grown.address]:
                return False
            self._remove(
                next(name for name, one in self._uploads.items() if one.address == address and one.size)
            )
        return True

    def _remove(self, name: str) -> _Upload:
        one = self._uploads.pop(name)
        self._count(one, -one.size)
        one.path.unlink(missing_ok=True)
        return one

    def _count(self, one: _Upload, size: int) -> None:
        for held, who in ((self._of_reader, one.reader), (self._of_address, one.address)):
            held[who] += size
            if not held[who]:
                del held[who]


UPLOADS = UploadStore()
