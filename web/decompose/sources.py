"""The matrices that the decompose page takes apart."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from web.kit.layers import LAYERS, layer_data
from widgets.decompose.matrix import Shown
from widgets.decompose.view import PHOTOS, SPECTRA

HERE = Path(__file__).parent / "photos"
SIDE = 64  # of the random matrices
STEP = 8  # where the spectrum "step" falls
NOISE = 0.05  # what is left of it behind the step


@lru_cache(maxsize=32)
def shipped(source: str, which: str = "") -> Shown:
    """A matrix that everybody has.

    Args:
        source: a photo's name, "delta" or "random".
        which: the layer of "delta", the spectrum of "random".
    """
    if source in PHOTOS:
        with Image.open(HERE / f"{source}.png") as photo:
            return Shown(np.asarray(photo, np.float64), photo=True)
    if source == "delta":
        (trained,) = layer_data(which).adapters
        return Shown(trained.gamma * trained.B.astype(np.float64) @ trained.A, photo=False)
    return Shown(random_matrix(which), photo=False)


@lru_cache(maxsize=32)
def payload(source: str, which: str, draw: int) -> dict[str, Any]:
    """What the browser needs of a matrix that everybody has; reckoned once for all readers."""
    return shipped(source, which).payload(draw)


@lru_cache(maxsize=1)
def thumbs() -> dict[str, dict[str, Any]]:
    """The tiles' pictures."""
    chosen = {"delta": LAYERS[0], "random": SPECTRA[0]}
    return {name: shipped(name, chosen.get(name, "")).thumb() for name in (*PHOTOS, *chosen)}


def spectrum(name: str, size: int = SIDE) -> NDArray[np.float64]:
    """Singular values (size,), the first of them 1."""
    i = np.arange(size, dtype=np.float64)
    shapes: dict[str, NDArray[np.float64]] = {
        "exponential": 0.85**i,
        "power": 1 / (1 + i),
        "step": np.where(i < STEP, 1.0, NOISE),
        "flat": np.ones(size),
    }
    return shapes[name]


def random_matrix(name: str) -> NDArray[np.float64]:
    """U S Vᵀ (SIDE, SIDE) with U and V turned at random, always the same, and S as the name says."""
    generator = np.random.default_rng(0)
    U, V = (np.linalg.qr(generator.standard_normal((SIDE, SIDE)))[0] for _ in range(2))
    M: NDArray[np.float64] = (U * spectrum(name)) @ V.T
    return M
