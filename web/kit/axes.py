"""What all charts of the page share: their frame, ticks, titles and type. Pure functions."""

import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]
Format = Callable[[float], str]

LABEL = 13  # px, the smallest type of the page


@dataclass(frozen=True)
class Words:
    """What a chart says besides its names: the two axis titles and how to write their numbers."""

    x: str
    y: str
    x_format: Format
    y_format: Format
    hover: str = "%{x}: %{y}"


@dataclass
class Frame:
    """The plot area and how data map to it, in px; `low` and `high` in axis units (log10 on a log axis)."""

    height: int
    top: int = 46
    bottom: int = 46
    left: int = 44
    low: float = 0.0
    high: float = 1.0

    @property
    def inner(self) -> int:
        return self.height - self.top - self.bottom

    def pixels(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low) * self.inner


def titles(words: Words) -> list[Spec]:
    return [
        annotation(
            words.y,
            x=0,
            xref="paper",
            xshift=-44,
            xanchor="left",
            y=1,
            yref="paper",
            yanchor="bottom",
            yshift=24,
        ),
        annotation(words.x, x=1, xref="paper", xanchor="right", y=0, yref="paper", yanchor="top", yshift=-24),
    ]


def annotation(text: str, *, color: str = "var(--subtle)", **place: Any) -> Spec:
    font = {"size": LABEL, "color": color, "family": "var(--font-sans)"}
    return {"text": text, "showarrow": False, "font": font, "align": "left", "borderpad": 1, **place}


def layout_of(
    frame: Frame, words: Words, x_ticks: Sequence[float], y_ticks: Sequence[float], *, margin_right: int
) -> Spec:
    font = {"family": "var(--font-sans)", "size": LABEL, "color": "var(--subtle)"}
    axis = {"showgrid": False, "zeroline": False, "automargin": False, "fixedrange": True, "tickfont": font}
    return {
        "height": frame.height,
        "margin": {"l": frame.left, "r": margin_right, "t": frame.top, "b": frame.bottom, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": font,
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": "var(--paper-raised)",
            "bordercolor": "var(--rule-strong)",
            "font": {**font, "color": "var(--ink)"},
            "align": "left",
        },
        "xaxis": axis
        | {
            "tickvals": list(x_ticks),
            "ticktext": [words.x_format(t) for t in x_ticks],
            "ticks": "outside",
            "ticklen": 4,
            "tickcolor": "var(--rule-strong)",
            "showline": True,
            "linecolor": "var(--rule-strong)",
            "linewidth": 1,
        },
        "yaxis": axis
        | {
            "tickvals": list(y_ticks),
            "ticktext": [words.y_format(t) for t in y_ticks],
            "showgrid": True,
            "gridcolor": "var(--rule)",
            "gridwidth": 1,
            "ticklabelstandoff": 4,
        },
    }


def linear_ticks(low: float, high: float, most: int, *, end: bool = False) -> list[float]:
    """At most `most` + 1 round values from low to high; with `end`, the last of them is `high` itself."""
    if not high > low:
        return [low]
    step = next(s for s in _round_steps((high - low) / most) if (high - low) / s <= most)
    first = math.ceil(low / step - 1e-9)
    ticks = [round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]
    if end:
        ticks = [t for t in ticks if t <= high - step * 0.45] + [high]
    return ticks


def log_ticks(low: float, high: float, digits: Sequence[int] = (1, 3), *, end: bool = False) -> list[float]:
    """1, 3, 10, 30, … from low to high; with `end`, the last of them is `high` itself."""
    if not 0 < low < high:
        return [high]
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    ticks = [round(m * 10.0**p, 12) for p in powers for m in digits]
    ticks = [t for t in ticks if low * (1 - 1e-9) <= t <= high * (1 + 1e-9)]
    if end:
        ticks = [t for t in ticks if t <= high / (1.6 if len(digits) > 1 else 3)] + [high]
    return ticks


def text_width(text: str) -> float:
    """About how many px wide a label is: marks above and below a letter take no room."""
    return sum(0 if unicodedata.category(c) == "Mn" else 7.3 for c in text)


def _round_steps(least: float) -> list[float]:
    power = 10.0 ** math.floor(math.log10(least))
    return [power * m for m in (1, 2, 2.5, 5, 10, 20)]
