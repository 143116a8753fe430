"""A GGUF file's model as a folder in the cache, made once and then shared by all that open it.

The folder is written beside its place and renamed into it. Its last file, `made.json`, holds each other
file's size and checksum; a folder that does not agree with it is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

VERSION = 1
"""Of what is written; another is made anew."""
MADE = "made.json"


def cache_folder() -> Path:
    """`models` in `PRADIT_CACHE`, or in `pradit` of the user's cache folder."""
    chosen = os.environ.get("PRADIT_CACHE")
    return (Path(chosen) if chosen else user_cache_path("pradit")) / "models"


def folder_of_gguf(path: Path) -> Path:
    """The folder of a GGUF file, made if it is not there or not whole. A changed file has another folder.

    Raises:
        ValueError: the file is no model of a shape that fits.
        OSError: the cache cannot be written.
    """
    status = path.stat()
    source = [str(path.resolve()), status.st_size, status.st_mtime_ns, VERSION]
    key = hashlib.sha256(json.dumps(source).encode()).hexdigest()[:16]
    place = cache_folder() / f"{path.stem}-{key}"
    if not is_whole(place):
        _make(path, place)
    return place


def is_whole(folder: Path) -> bool:
    """Whether every file that was written is there, with its size and checksum."""
    try:
        files = json.loads((folder / MADE).read_text("utf-8"))
        return bool(files) and all(_sums(folder / name) == sums for name, sums in files.items())
    except (OSError, ValueError, AttributeError):
        return False


def _sums(path: Path) -> list[int]:
    """Bytes of a file, and their sum as 64-bit words: read at memory speed, where a digest takes a second."""
    size = path.stat().st_size
    if size == 0:
        return [0, 0]
    data = np.memmap(path, dtype=np.uint8, mode="r")
    whole = size // 8 * 8
    with np.errstate(over="ignore"):
        words = np.add.reduce(data[:whole].view(np.uint64), dtype=np.uint64)
        return [size, int(words + np.add.reduce(data[whole:], dtype=np.uint64))]


def _make(path: Path, place: Path) -> None:
    """Writes the folder beside its place and puts it there; what another process put first is kept."""
    from lora_core.language.gguf_file import unpack

    place.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".making-", dir=place.parent))
    try:
        unpack(path, beside)
        files = {file.name: _sums(file) for file in sorted(beside.iterdir())}
        (beside / MADE).write_text(json.dumps(files), "utf-8")
        if place.exists() and not is_whole(place):
            with suppress(FileNotFoundError):  # another process may have moved it
                place.rename(beside / "broken")
        try:
            beside.rename(place)
        except OSError:
            if not is_whole(place):
                raise
        shutil.rmtree(place / "broken", ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
