"""A GGUF file that is there whole or not at all. No torch here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lora_core.formats.gguf_names import package


@contextmanager
def gguf_writer(path: str | os.PathLike[str], architecture: str) -> Iterator[Any]:
    """A `gguf.GGUFWriter` on a file beside `path`, which takes its place at the end.

    Args:
        path: of the file; its folder is made.
        architecture: of the model, as llama.cpp calls it.

    Raises:
        ValueError: `gguf` is not installed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    out = package().GGUFWriter(beside, architecture)
    try:
        yield out
        out.close()
        os.replace(beside, path)
    finally:
        out.close()
        beside.unlink(missing_ok=True)
