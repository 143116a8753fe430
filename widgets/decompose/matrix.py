"""A matrix and its approximations at every rank, as the browser is given them."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lora_core.matrix.nested import DECOMPOSITIONS, RANDOM, STORED, Nested, by_chance, nested
from widgets.decompose.view import DRAWS

THUMB = 28  # entries along the longer side of a tile's picture


@dataclass(frozen=True)
class Shown:
    """A matrix to take apart.

    Attributes:
        M: (m, n). A photo's entries are whole numbers from 0 to 255.
        photo: painted in grey; any other matrix is signed.
    """

    M: NDArray[np.float64]
    photo: bool

    @cached_property
    def limit(self) -> float:
        """The value at the ends of the colour scale: all but the largest hundredth lie within."""
        reach = float(np.quantile(np.abs(self.M), 0.99)) or float(np.abs(self.M).max())
        return 255.0 if self.photo else reach

    def thumb(self) -> dict[str, Any]:
        """A small picture of it: means over blocks for a photo, single entries for a signed matrix."""
        m, n = self.M.shape
        step = max(1, -(-max(m, n) // THUMB))
        small = self.M[::step, ::step]
        if self.photo:
            down, right = min(step, m), min(step, n)  # a strip may be thinner than a block
            height, width = m // down, n // right
            blocks = self.M[: height * down, : width * right].reshape(height, down, width, right)
            small = blocks.mean(axis=(1, 3))
        return {"shape": list(small.shape), "M": _base64(small), "photo": self.photo, "limit": self.limit}

    def payload(self, draw: int) -> dict[str, Any]:
        """What the browser needs for every rank: M and orthonormal bases, errors, columns and rows.

        Args:
            draw: which draw of chance is shown, from 1; the errors of all of them come along as a band.

        Raises:
            ValueError: M is zero everywhere.
        """
        found = nested(self.M, seed=draw)
        k = len(found["svd"].errors)
        draws = [by_chance(self.M, k, seed=seed) for seed in range(1, DRAWS + 1)]
        m, n = self.M.shape
        said = {
            "shape": [m, n],
            "photo": self.photo,
            "limit": self.limit,
            "draw": draw,
            "ranks": k,
            "M": _base64(self.M),
            "methods": {name: _said(found[name]) for name in DECOMPOSITIONS},
            "stored": {name: [STORED[name](m, n, r) for r in range(1, k + 1)] for name in DECOMPOSITIONS},
            "bands": {
                name: [
                    [float(f"{bound:.4g}") for bound in extreme(np.array([d[name].errors for d in draws]), 0)]
                    for extreme in (np.min, np.max)
                ]
                for name in RANDOM
            },
        }
        return said | {"signature": hashlib.sha256(repr(said).encode()).hexdigest()[:16]}


def _said(one: Nested) -> dict[str, Any]:
    return {
        "left": None if one.left is None else _base64(one.left.T),  # (k, m): the first r rows span rank r
        "right": None if one.right is None else _base64(one.right.T),  # (k, n)
        "errors": [float(f"{error:.4g}") for error in one.errors],
        "columns": one.columns.tolist(),
        "rows": one.rows.tolist(),
    }


def _base64(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")
