"""Reading what a reader brings: pictures and matrices, told apart by their content and never trusted.

Nothing is executed or unpickled and nothing reaches a disk. Sizes are read in the headers and checked before
any memory is asked for. Each refusal is a key of `uploads.refused.*` with its fields.
"""

import io
import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image, ImageOps

MB = 1 << 20
MAX_BYTES = 8 * MB  # of a picture or a matrix
MAX_PIXELS = 25_000_000  # of a picture before it is scaled down
MAX_SCANS = 300  # of a JPEG, each a pass over all its pixels; a camera makes ten
MAX_HEADER = 4096  # bytes of a .npy header; that of a matrix takes 128
PICTURE_SIDE = 256  # px along the longer side, to which a picture is scaled
MATRIX_SIDE = 512  # rows and columns at most
LEAST_SIDE = 2
RANGE = (1e-30, 1e30)  # of the largest entry, so that neither squares nor float32 overflow or vanish

Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own guard, for the whole server


class RefusedError(ValueError):
    """What was brought cannot be read; `key` says why, `fields` what the sentence names."""

    def __init__(self, key: str, **fields: object) -> None:
        super().__init__(key)
        self.key = key
        self.fields = fields


@dataclass(frozen=True)
class Brought:
    """A matrix (m, n) that a reader brought.

    Attributes:
        photo: it was a picture: whole numbers from 0 to 255.
    """

    name: str
    M: NDArray[np.float64]
    photo: bool


def read(name: str, data: bytes) -> Brought:
    """A picture (PNG, JPEG, WebP) in grey, or a matrix (.npy, CSV).

    Args:
        name: the file's name, for display only: what it is, its content says.

    Raises:
        RefusedError: it is none of these, or broken, or too large, or not a matrix of finite numbers.
    """
    if len(data) > MAX_BYTES:
        raise RefusedError("bytes", size=len(data) / MB, most=MAX_BYTES // MB)
    if not data:
        raise RefusedError("empty")
    name = shortened(name)
    if data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) or (data[:4], data[8:12]) == (
        b"RIFF",
        b"WEBP",
    ):
        return Brought(name, _picture(data), photo=True)
    if data.startswith(b"\x93NUMPY"):
        M, photo = _npy(data)
        return Brought(name, _checked(M), photo=photo)
    if data.startswith(b"PK"):
        raise RefusedError("zip")
    if data.startswith(b"\x80") and len(data) > 1 and data[1] <= 5:
        raise RefusedError("pickle")
    return Brought(name, _checked(_csv(data)), photo=False)


def shortened(name: str) -> str:
    """A file's name as it may be shown: no path, no control characters, at most 40 characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(c for c in last if c.isprintable())
    return plain if len(plain) <= 40 else f"{plain[:28]}…{plain[-11:]}"


def _picture(data: bytes) -> NDArray[np.float64]:
    """Grey values (m, n) of a picture, scaled down to PICTURE_SIDE."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # refused just below
            picture = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
    except Image.DecompressionBombError:
        raise RefusedError("pixels", most=MAX_PIXELS // 1_000_000) from None
    except Exception:  # Pillow's parsers raise errors of many kinds
        raise RefusedError("broken_picture") from None
    with picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise RefusedError("pixels", most=MAX_PIXELS // 1_000_000)
        if min(width, height) < LEAST_SIDE or max(width, height) > 64 * min(width, height):
            raise RefusedError("thin", rows=height, columns=width)
        if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MAX_SCANS:
            raise RefusedError("broken_picture")
        try:
            picture.draft("L", (PICTURE_SIDE, PICTURE_SIDE))  # a JPEG is decoded at a fraction of its size
            grey = ImageOps.exif_transpose(picture).convert("L")
        except Exception:
            raise RefusedError("broken_picture") from None
    grey.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
    M = np.asarray(grey, np.float64)
    if not M.any():
        raise RefusedError("zero")
    return M


def _npy(data: bytes) -> tuple[NDArray[np.generic], bool]:
    """The matrix of numbers in a .npy file, and whether it holds bytes, as a picture does."""
    file = io.BytesIO(data)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        version = npy.read_magic(file)
        shape, column_major, dtype = readers[version](file, max_header_size=MAX_HEADER)
    except Exception:  # a header is text from outside: whatever is wrong with it, it is not read further
        raise RefusedError("broken_npy") from None
    if dtype.hasobject:
        raise RefusedError("objects")
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise RefusedError("dtype", dtype=str(dtype)[:30])
    _check_shape(shape)
    held, expected = len(data) - file.tell(), math.prod(shape) * dtype.itemsize
    if held != expected:
        raise RefusedError("length", held=held, expected=expected)
    values = np.frombuffer(data, dtype, offset=file.tell())
    return values.reshape(shape, order="F" if column_major else "C"), dtype == np.uint8


def _csv(data: bytes) -> NDArray[np.float64]:
    """Numbers between commas, semicolons, tabs or spaces; one line of names above them is passed over."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RefusedError("unknown") from None
    if "\0" in text:
        raise RefusedError("unknown")
    lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise RefusedError("empty")
    mark = next((each for each in ",;\t" if each in lines[-1][1]), None)
    if len(lines) > 1 and not any(_number(cell) is not None for cell in lines[0][1].split(mark, MATRIX_SIDE)):
        lines = lines[1:]
    if len(lines) > MATRIX_SIDE:
        raise RefusedError(
            "shape", rows=len(lines), columns=lines[0][1].count(mark or " ") + 1, most=MATRIX_SIDE
        )
    rows: list[list[float]] = []
    for i, line in lines:
        cells = line.split(mark, MATRIX_SIDE)
        if len(cells) > MATRIX_SIDE:
            count = line.count(mark) + 1 if mark else len(line.split())
            raise RefusedError("shape", rows=len(lines), columns=count, most=MATRIX_SIDE)
        values = [_number(cell) for cell in cells]
        if None in values:
            raise RefusedError("cell", line=i, cell=shortened(cells[values.index(None)].strip() or "–"))
        rows.append([value for value in values if value is not None])
        if len(values) != len(rows[0]):
            raise RefusedError("ragged", line=i, cells=len(values), expected=len(rows[0]))
    _check_shape((len(rows), len(rows[0])))
    return np.array(rows)


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise RefusedError("dimensions", count=len(shape))
    if max(shape) > MATRIX_SIDE:
        raise RefusedError("shape", rows=shape[0], columns=shape[1], most=MATRIX_SIDE)
    if min(shape) < LEAST_SIDE:
        raise RefusedError("thin", rows=shape[0], columns=shape[1])


def _checked(M: NDArray[np.generic]) -> NDArray[np.float64]:
    values = M.astype(np.float64)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise RefusedError("finite", row=int(row) + 1, column=int(column) + 1)
    size = float(np.abs(values).max())
    if size == 0:
        raise RefusedError("zero")
    if not RANGE[0] <= size <= RANGE[1]:
        raise RefusedError("range")
    return values
