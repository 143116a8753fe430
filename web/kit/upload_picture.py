"""A picture as a matrix of grey values: eight and sixteen bits, palettes, transparency, turned cameras."""

from __future__ import annotations

import io
import warnings
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from web.kit.upload_errors import RefusedError

MAX_PIXELS = 25_000_000  # of a picture before it is scaled down
MAX_SCANS = 300  # of a JPEG, each a pass over all its pixels; a camera makes ten
SIDE = 256  # px along the longer side, to which a picture is scaled
LEAST_SIDE = 2

Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own guard, for the whole server


def is_picture(data: bytes) -> bool:
    """Whether the first bytes are those of a PNG, a JPEG or a WebP."""
    webp = (data[:4], data[8:12]) == (b"RIFF", b"WEBP")
    return webp or data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))


def read_picture(data: bytes, otherwise: Collection[str]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Grey values (m, n) from 0 to 255, scaled down to SIDE, and what was assumed.

    A transparent picture is laid on white, or on black where on white nothing would show; `otherwise` holding
    "transparent" asks for the other.

    Raises:
        RefusedError: the picture is damaged, too large, too thin, or black everywhere.
    """
    with _opened(data) as picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise RefusedError("pixels", most=MAX_PIXELS // 1_000_000)
        if min(width, height) < LEAST_SIDE or max(width, height) > 64 * min(width, height):
            raise RefusedError("thin", rows=height, columns=width)
        if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MAX_SCANS:
            raise RefusedError("broken_picture")
        try:
            picture.draft("L", (SIDE, SIDE))  # a JPEG is decoded at a fraction of its size
            turned = ImageOps.exif_transpose(picture)
            grey, alpha = _grey(turned), _alpha(turned)
        except Exception:  # Pillow's decoders raise errors of many kinds
            raise RefusedError("broken_picture") from None
    if alpha is None:
        M = _small(grey)
        assumed: tuple[str, ...] = ()
    else:
        on_white, on_black = (_small(grey * alpha + ground * (1 - alpha)) for ground in (255, 0))
        white = bool(np.ptp(on_white)) or not np.ptp(on_black)
        if "transparent" in otherwise:
            white = not white
        M = on_white if white else on_black
        assumed = ("on_white" if white else "on_black",)
    if not M.any():
        raise RefusedError("zero")
    return M, assumed


def _opened(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # refused by the caller
            return Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
    except Image.DecompressionBombError:
        raise RefusedError("pixels", most=MAX_PIXELS // 1_000_000) from None
    except Exception:  # Pillow's parsers raise errors of many kinds
        raise RefusedError("broken_picture") from None


def _grey(picture: Image.Image) -> NDArray[np.float32]:
    """Grey values (m, n), 0 to 255. Sixteen bits are scaled, 65,535 to 255; Pillow would cut them off."""
    if picture.mode.startswith("I"):
        return np.asarray(picture, np.float32) / np.float32(257)
    if picture.mode in ("P", "PA", "LA", "RGBA"):
        picture = picture.convert("RGBA")
        picture.putalpha(255)
    return np.asarray(picture.convert("L"), np.float32)


def _alpha(picture: Image.Image) -> NDArray[np.float32] | None:
    """Opacity (m, n), 0 to 1; None where the picture is opaque everywhere."""
    clear = picture.info.get("transparency")
    if picture.mode.startswith("I") and isinstance(clear, int):
        opaque: NDArray[np.float32] = (np.asarray(picture) != clear).astype(np.float32)
    elif picture.mode in ("LA", "PA", "RGBA") or clear is not None:
        opaque = np.asarray(picture.convert("RGBA").getchannel("A"), np.float32) / np.float32(255)
    else:
        return None
    return None if opaque.min() == 1 else opaque


def _small(grey: NDArray[np.float32]) -> NDArray[np.float64]:
    """Whole numbers from 0 to 255, the longer side at most SIDE."""
    picture = Image.fromarray(np.ascontiguousarray(grey, np.float32), "F")
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(picture, np.float64).round().clip(0, 255)
