"""The picture beside the title: the update of one trained layer and its two factors, as images."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from io import BytesIO

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from web.kit.i18n import t
from web.kit.layers import LAYER, layer_data

RANK = 4
BELOW, ABOVE = (0x4A, 0x7A, 0xC2), (0xC9, 0x6A, 0x2E)
"""Below zero and above it, on paper of either scheme; zero is the paper itself."""


def picture() -> Markup:
    """B, A and BA as the rows and columns of one figure."""
    image = Markup('<img class="{}" src="data:image/png;base64,{}" width="{}" height="{}" alt="">')
    images = [image.format(name, source, width, height) for name, source, width, height in images_of()]
    figure = Markup('<figure class="hero-picture" role="img" aria-label="{}">{}</figure>')
    return figure.format(t("article.picture", rank=RANK), Markup("").join(images))


@cache
def images_of() -> tuple[tuple[str, str, int, int], ...]:
    """Class, PNG in base 64, width and height of each matrix, in entries."""
    whole = layer_data(LAYER).adapters[0]
    B, A = whole.B[:, :RANK], whole.A[:RANK]  # (d_out, r), (r, d_in)
    return tuple((name, _png(M), M.shape[1], M.shape[0]) for name, M in (("a", A), ("b", B), ("ba", B @ A)))


def _png(matrix: NDArray[np.float32]) -> str:
    """A pixel an entry, the more opaque the farther from zero; full at the 99th percentile."""
    share = np.clip(np.abs(matrix) / np.quantile(np.abs(matrix), 0.99), 0, 1)
    pixels = np.where((matrix < 0)[..., None], np.array(BELOW, np.uint8), np.array(ABOVE, np.uint8))
    written = BytesIO()
    Image.fromarray(np.dstack([pixels, np.uint8(255 * share)])).save(written, "PNG", optimize=True)
    return b64encode(written.getvalue()).decode()
