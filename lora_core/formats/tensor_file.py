"""A safetensors file, memory-mapped: the header is checked at once, a tensor is read when it is asked for.

No torch here. Arrays are views of the mapped file; bfloat16, which numpy does not know, is widened to
float32, which holds it exactly. What is in the file may lie: the header is bounded, and its offsets must
cover the file without a gap or an overlap.
"""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lora_core.formats.refusal import FormatError, refuse_foreign

Array = npt.NDArray[Any]

MAX_HEADER = 25_000_000  # bytes, of 150,000 tensors; a quarter of the safetensors library's own limit
READ = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""The types that `TensorFile.array` reads, and what numpy takes for them."""
EIGHT_BITS = ("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8", "BOOL")


@dataclass(frozen=True)
class Entry:
    """What the header says of one tensor; its bytes are from begin to end of the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class TensorFile:
    """The tensors of a safetensors file by name, in the order of their names.

    Args:
        source: a path, which is mapped, or the content itself.
        name: how the file is called in messages.

    Raises:
        FormatError: no file, or not a whole safetensors file.
    """

    def __init__(self, source: str | os.PathLike[str] | bytes, name: str | None = None) -> None:
        if isinstance(source, bytes | bytearray | memoryview):
            self.name = name or "the file"
            self._data: Any = source
        else:
            path = Path(source)
            self.name = name or path.name
            self._data = _mapped(path, self.name)
        self.size = len(self._data)
        start = bytes(self._data[:64])
        refuse_foreign(self.name, start)
        self.entries = _entries(self.name, self._data, self.size)

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, name: str) -> Array:
        return self.array(name)

    def raw(self, name: str) -> Array:
        """A view of the mapped file of `entries[name].shape`; bfloat16 as its 16 bits, see `widened`.

        Raises:
            FormatError: a type that is not of READ; it is named.
        """
        entry = self.entries[name]
        if entry.dtype not in READ:
            bits = (
                "; eight-bit types need a scale that this file does not hold"
                if entry.dtype in EIGHT_BITS
                else ""
            )
            raise FormatError(
                "dtype",
                f"{self.name}: {name} is {entry.dtype}, expected one of: {', '.join(READ)}{bits}",
                name=name,
                dtype=entry.dtype,
            )
        count = math.prod(entry.shape)
        return np.frombuffer(self._data, READ[entry.dtype], count, entry.begin).reshape(entry.shape)

    def array(self, name: str) -> Array:
        """The tensor: a read-only view, or a copy in float32 where it is bfloat16.

        Raises:
            FormatError: a type that is not read.
        """
        return widened(self.raw(name), self.entries[name].dtype)


def widened(values: Array, dtype: str) -> Array:
    """bfloat16's 16 bits as the upper half of a float32; anything else as it is."""
    if dtype != "BF16":
        return values
    return (values.astype("<u4") << 16).view("<f4")


def copy_stream(stream: BinaryIO, path: str | os.PathLike[str], limit: int, chunk: int = 1 << 20) -> int:
    """Writes what arrives to a file on disk, counted as it comes.

    Returns:
        How many bytes there were.

    Raises:
        FormatError: more than `limit` bytes; the file is removed and the rest is not read.
    """
    size = 0
    try:
        with open(path, "wb") as file:
            while data := stream.read(chunk):
                size += len(data)
                if size > limit:
                    raise too_large(Path(path).name, size, limit)
                file.write(data)
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise
    return size


def too_large(name: str, size: int, limit: int) -> FormatError:
    """The refusal of a file above the operator's limit; both in bytes."""
    return FormatError(
        "too_large", f"{name} has more than {limit / 1e6:,.0f} MB, the limit here", size=size, limit=limit
    )


def _mapped(path: Path, name: str) -> mmap.mmap | bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        raise FormatError("missing", f"no {name} in {str(path.parent)!r}", file=name) from None


def _entries(name: str, data: Any, size: int) -> dict[str, Entry]:
    length = int.from_bytes(bytes(data[:8]), "little")
    if size < 8 or (length > size - 8 and length <= MAX_HEADER):
        raise FormatError(
            "truncated", f"{name} is truncated or not a safetensors file: it has {size} bytes", file=name
        )
    if length > MAX_HEADER:
        key = "header_size" if bytes(data[8:9]) == b"{" else "not_safetensors"
        raise FormatError(
            key,
            f"{name} is truncated or not a safetensors file: its header would have {length} bytes",
            file=name,
            size=length,
        )
    try:
        header = json.loads(bytes(data[8 : 8 + length]))
        header.pop("__metadata__", None)
        found = {key: _entry(value, 8 + length) for key, value in sorted(header.items())}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise FormatError(
            "header",
            f"{name} is truncated or not a safetensors file: its header is damaged ({error})",
            file=name,
        ) from None
    spans = sorted((entry.begin, entry.end) for entry in found.values())
    ends = [8 + length, *(end for _, end in spans)]
    if ends[-1] > size:
        raise FormatError(
            "truncated",
            f"{name} is truncated or not a safetensors file: {ends[-1]} bytes expected, {size} there",
            file=name,
        )
    if [begin for begin, _ in spans] != ends[:-1] or ends[-1] != size:
        raise FormatError(
            "header",
            f"{name} is truncated or not a safetensors file: its tensors overlap or leave gaps",
            file=name,
        )
    return found


def _entry(value: Any, base: int) -> Entry:
    dtype, shape, (begin, end) = value["dtype"], tuple(value["shape"]), value["data_offsets"]
    if not all(type(each) is int and each >= 0 for each in (*shape, begin, end)) or len(shape) > 8:
        raise ValueError("shapes and offsets must be whole numbers from 0")
    if not isinstance(dtype, str) or len(dtype) > 20:
        raise ValueError("a tensor's type must be a short text")
    if dtype in READ and math.prod(shape) * np.dtype(READ[dtype]).itemsize != end - begin:
        raise ValueError(f"{shape} of {dtype} does not take {end - begin} bytes")
    return Entry(dtype, shape, base + begin, base + end)
