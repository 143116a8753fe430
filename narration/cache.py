"""Clips on disk: `KEY.mp3` beside `KEY.json`, its times; the key is a hash of all that its sound depends on.

Each file is written beside its place and renamed into it, the JSON last. The audio's digest in it finds what
a full disk, a crash or another writer left behind, and such an entry is made again. When the folder grows
past its limit, what was used longest ago goes first. Any failure of the disk means no cache, never no voice.

Plain files, because a web server sends files and because nothing may be unpickled here; diskcache unpickles
whatever row of its database says so.
"""

import hashlib
import json
import os
import re
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

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
    chosen = os.environ.get("PRADIT_CACHE")
    return Path(chosen) if chosen else user_cache_path("pradit", appauthor=False)


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
        sound, times = self._paths(key)
        try:
            meta, mp3 = json.loads(times.read_bytes()), sound.read_bytes()
            if meta.pop("sha256") != hashlib.sha256(mp3).hexdigest():
                raise ValueError("the audio is not what was written")
            clip = Clip.of(meta, mp3)
        except OSError:  # not there, or only half yet
            return None
        except (ValueError, KeyError, TypeError, AttributeError):
            self._delete(sound, times)
            return None
        with suppress(OSError):
            os.utime(times)
        return clip

    def file(self, key: str) -> Path | None:
        """The mp3 of a clip that `get` or `put` has just found whole, to be sent from the disk.

        Raises:
            ValueError: as `get`.
        """
        sound, _ = self._paths(key)
        return sound if sound.is_file() else None

    def put(self, key: str, clip: Clip) -> bool:
        """Keep a clip; False where the disk would not."""
        sound, times = self._paths(key)
        meta = json.dumps({**clip.meta(), "sha256": hashlib.sha256(clip.mp3).hexdigest()})
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(sound, clip.mp3)
            _write(times, meta.encode())
        except OSError:
            return False
        self._prune(key)
        return True

    def _paths(self, key: str) -> tuple[Path, Path]:
        if not NAME.fullmatch(key):
            raise ValueError(f"not a cache key: {key!r}; expected 64 hexadecimal digits")
        return self.folder / f"{key}.mp3", self.folder / f"{key}.json"

    @staticmethod
    def _delete(*files: os.PathLike[str]) -> None:
        for file in files:
            with suppress(OSError):
                os.unlink(file)

    def _prune(self, newest: str) -> None:
        """Delete what was used longest ago until the folder is within its limit; the newest stays."""
        entries: dict[str, list[os.DirEntry[str]]] = {}
        used: dict[str, float] = {}
        size: dict[str, int] = {}
        with suppress(OSError):
            for file in os.scandir(self.folder):
                with suppress(OSError):
                    name, stat = file.name.split(".")[0] or file.name, file.stat()
                    entries.setdefault(name, []).append(file)
                    used[name] = max(used.get(name, 0.0), stat.st_mtime)
                    size[name] = size.get(name, 0) + stat.st_size
        excess = sum(size.values()) - self.limit
        for name in sorted(entries, key=used.__getitem__):
            if excess <= 0:
                break
            if name != newest:
                self._delete(*entries[name])
                excess -= size[name]


def _write(path: Path, data: bytes) -> None:
    """Put a file in its place, whole or not at all."""
    handle, temporary = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise
