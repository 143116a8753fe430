"""Matrices and pictures painted on canvases, one colour scale for all that stand together."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from widgets.component import component

_heatmap = component("heatmap")


@dataclass(frozen=True)
class Line:
    """A line under a picture; `right` marks an answer as right or wrong."""

    text: str
    right: bool | None = None


@dataclass(frozen=True)
class Matrix:
    """One matrix (rows, cols), what it shows in words, and what stands below it."""

    values: NDArray[Any]
    alt: str
    title: str = ""
    lines: Sequence[Line] = ()

    def to_json(self) -> dict[str, Any]:
        rows, cols = self.values.shape
        lines = [{"text": line.text, "right": line.right} for line in self.lines]
        data = base64.b64encode(np.ascontiguousarray(self.values, dtype="<f4").tobytes()).decode("ascii")
        return {
            "rows": rows,
            "cols": cols,
            "data": data,
            "alt": self.alt,
            "title": self.title,
            "lines": lines,
        }


def heatmap(
    matrices: Sequence[Matrix],
    *,
    key: str,
    label: str,
    limit: float,
    palette: Literal["div", "seq"],
    size: tuple[int, int],
    least: str = "6rem",
    ends: tuple[str, str] = ("", ""),
) -> None:
    """Paint matrices side by side.

    Args:
        matrices: what to paint.
        label: the name of the group, for those who cannot see it.
        limit: the value at the end of the scale; "div" runs from -limit to limit, "seq" from 0.
        palette: "div" for signed values, "seq" for magnitudes.
        size: the largest width and height of one matrix, px.
        least: the narrowest column, a CSS length.
        ends: what stands at the two ends of the scale bar; empty for no bar.
    """
    data = {
        "items": [matrix.to_json() for matrix in matrices],
        "label": label,
        "limit": limit,
        "palette": palette,
        "width": size[0],
        "height": size[1],
        "least": least,
        "low": ends[0],
        "high": ends[1],
    }
    _heatmap(key=key, data=data)
