"""Reading an uploaded file as a matrix: pictures, arrays and tables, told apart by their content.

Nothing is executed or unpickled and nothing reaches a disk. Sizes are read in the headers and checked before
any memory is asked for. Each refusal is a key of `uploads.refused.*` with its fields; what a file leaves open
is a key of `uploads.assumed.*`.
"""

import io
import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from web.kit.upload_errors import RefusedError, shortened
from web.kit.upload_picture import LEAST_SIDE, MAX_PIXELS, MAX_SCANS, is_picture, read_picture
from web.kit.upload_picture import SIDE as PICTURE_SIDE
from web.kit.upload_table import SIDE as MATRIX_SIDE
from web.kit.upload_table import read_table

__all__ = [
    "CHOICES",
    "MATRIX_SIDE",
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_SCANS",
    "MB",
    "PICTURE_SIDE",
    "Matrix",
    "RefusedError",
    "read",
    "shortened",
]

MB = 1 << 20
MAX_BYTES = 8 * MB  # of a picture or a matrix
MAX_HEADER = 4096  # bytes of a .npy header; that of a matrix takes 128
RANGE = (1e-30, 1e30)  # of the largest entry, so that neither squares nor float32 overflow or vanish

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow weighs red, green and blue

CHOICES = {
    "on_white": "transparent", "on_black": "transparent",
    "comma_decimal": "decimal", "comma_thousands": "decimal",
    "header_names": "header", "header_numbers": "header",
    "index_names": "index", "index_numbers": "index",
}  # fmt: skip
"""What was assumed, and the choice that takes it the other way."""


@dataclass(frozen=True)
class Matrix:
    """A matrix (m, n) that a reader uploaded.

    Attributes:
        photo: it was a picture: whole numbers from 0 to 255.
        assumed: where the file can be read in two ways, how it was read; keys of CHOICES.
    """

    name: str
    M: NDArray[np.float64]
    photo: bool
    assumed: tuple[str, ...] = ()


def read(name: str, data: bytes, otherwise: Collection[str] = ()) -> Matrix:
    """A picture (PNG, JPEG, WebP) in grey, or a matrix (.npy, text).

    Args:
        name: the file's name, for display only: what it is, its content says.
        otherwise: choices (values of CHOICES) that are to be taken the other way.

    Raises:
        RefusedError: it is none of these, or broken, or too large, or not a matrix of finite numbers.
    """
    if len(data) > MAX_BYTES:
        raise RefusedError("bytes", size=len(data) / MB, most=MAX_BYTES // MB)
    if not data:
        raise RefusedError("empty")
    name = shortened(name)
    if is_picture(data):
        M, assumed = read_picture(data, otherwise)
        return Matrix(name, M, True, assumed)
    if data.startswith(b"\x93NUMPY"):
        array, photo = _npy(data)
        return Matrix(name, _checked(array), photo=photo)
    if data.startswith(b"PK"):
        raise RefusedError("zip")
    if data.startswith(b"\x80") and len(data) > 1 and data[1] <= 5:
        raise RefusedError("pickle")
    table = read_table(data, otherwise)
    _check_shape(table.M.shape)
    return Matrix(name, _checked(table.M), False, table.assumed)


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
    if len(shape) == 3 and 1 in (shape[0], shape[2]):
        shape = shape[:2] if shape[2] == 1 else shape[1:]
    colours = len(shape) == 3 and shape[2] in (3, 4) and dtype == np.uint8
    _check_shape(shape[:2] if colours else shape)
    held, expected = len(data) - file.tell(), math.prod(shape) * dtype.itemsize
    if held != expected:
        raise RefusedError("length", held=held, expected=expected)
    values = np.frombuffer(data, dtype, offset=file.tell())
    array = values.reshape(shape, order="F" if column_major else "C")
    if colours:
        return (array[..., :3].astype(np.float64) @ _LUMA).round(), True
    return array, dtype == np.uint8


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
