"""Clips on disk: audio with its times, one file an entry, named by a hash.

An entry is written beside its place and renamed into it, so readers see it whole or not at all; a digest
inside finds what a full disk or a crash left behind, and such an entry is made again. When the folder
grows past its limit, what was used longest ago goes first. Any failure of the disk means no cache, never no
voice.
"""

import hashlib
import json
import os
import re
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MAGIC = b"PRADIT2\n"
NAME = re.compile(r"[0-9a-f]{64}")
DEFAULT_LIMIT = 500_000_000  # bytes


@dataclass(frozen=True)
class Clip:
    """Audio and what is known about it.

    Attributes:
        mp3: the audio.
        duration: seconds, as a decoder plays it.
        words: `{"start", "end", "t0", "t1"}` in order; start and end are characters of the sentence's text.
        peaks: the waveform, PEAKS_A_SECOND values of 0 … 1.
        voice: the voice that speaks.
        sentences: of a chapter, `{"id", "start", "end", "t0", "t1"}`; start and end are characters of the
            sentence's text.
    """

    mp3: bytes
    duration: float
    words: list[dict[str, Any]]
    peaks: list[float]
    voice: str
    sentences: list[dict[str, Any]]

    def meta(self) -> dict[str, Any]:
        """Everything but the audio, for JSON."""
        return {key: value for key, value in asdict(self).items() if key != "mp3"}

    @classmethod
    def of(cls, meta: dict[str, Any], mp3: bytes) -> "Clip":
        return cls(mp3=mp3, **meta)


def clip_key(engine: str, voice: str, version: str, text: str, pause: float = 0.0) -> str:
    """The name of an entry: 64 hexadecimal digits from all that its sound depends on."""
    return hashlib.sha256(json.dumps([engine, voice, version, text, pause]).encode()).hexdigest()


def default_folder() -> Path:
    """`PRADIT_CACHE`, or `pradit` in the user's cache folder."""
    if chosen := os.environ.get("PRADIT_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "pradit"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "pradit" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pradit"


class Cache:
    """Clips by key in a folder.

    Args:
        folder: default `default_folder()/narration`; made when first written to.
        limit: bytes the folder may hold, default `PRADIT_CACHE_SIZE` or 500 MB.
    """

    def __init__(self, folder: Path | None = None, limit: int | None = None) -> None:
        self.folder = folder or default_folder() / "narration"
        self.limit = limit or int(os.environ.get("PRADIT_CACHE_SIZE", DEFAULT_LIMIT))

    def get(self, key: str) -> Clip | None:
        """The clip, or None where there is none that is whole.

        Raises:
            ValueError: the key is not 64 hexadecimal digits.
        """
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        clip = _unpack(data)
        with suppress(OSError):
            if clip is None:
                path.unlink()
            else:
                os.utime(path)
        return clip

    def put(self, key: str, clip: Clip) -> bool:
        """Keep a clip; False where the disk would not."""
        path = self._path(key)
        data = _pack(clip)
        temporary = ""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".writing-", dir=self.folder)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)
            return False
        self._prune(path)
        return True

    def _path(self, key: str) -> Path:
        if not NAME.fullmatch(key):
            raise ValueError(f"not a cache key: {key!r}; expected 64 hexadecimal digits")
        return self.folder / key

    def _prune(self, newest: Path) -> None:
        """Delete what was used longest ago until the folder is within its limit; the newest stays."""
        entries = []
        with suppress(OSError):
            for entry in os.scandir(self.folder):
                with suppress(OSError):
                    entries.append((entry.stat().st_mtime, entry.stat().st_size, entry.path))
        excess = sum(size for _, size, _ in entries) - self.limit
        for _, size, path in sorted(entries):
            if excess <= 0:
                break
            if path != str(newest):
                with suppress(OSError):
                    os.unlink(path)
                    excess -= size


def _pack(clip: Clip) -> bytes:
    head = json.dumps(clip.meta()).encode()
    body = len(head).to_bytes(4, "big") + head + clip.mp3
    return MAGIC + hashlib.sha256(body).digest() + body


def _unpack(data: bytes) -> Clip | None:
    start = len(MAGIC) + 32
    body = data[start:]
    if not data.startswith(MAGIC) or hashlib.sha256(body).digest() != data[len(MAGIC) : start]:
        return None
    size = int.from_bytes(body[:4], "big")
    try:
        return Clip.of(json.loads(body[4 : 4 + size]), body[4 + size :])
    except (ValueError, TypeError):
        return None
