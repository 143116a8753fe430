"""Charts in the look of the page: pure functions from data to a Plotly figure as plain dictionaries.

Few ticks, at values that were run; the axis title on top at the left; names at line ends; no legend, no
frame. Colours are tokens (`var(--m-lora)`): `widgets/figure` resolves them. Words and number formats come in
as arguments.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from web.kit.axes import (
    Frame,
    Spec,
    Words,
    annotation,
    layout_of,
    linear_ticks,
    log_ticks,
    text_width,
    titles,
)

GAP = 17  # px between two names at line ends
SWATCH = 20  # px, the piece of line before a name


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        name, short: what stands at its end, on a wide and on a narrow chart.
        x, y: its points, in order; y is NaN nowhere.
        colour: a token, `var(--…)`.
        live: it is the run that is watched: its end is a dot, its name in its colour.
        faint: an earlier run, thinner.
        dash: Plotly's name of the dash.
    """

    name: str
    short: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    live: bool = False
    faint: bool = False
    dash: str = "solid"


@dataclass(frozen=True)
class Rule:
    """A dotted level across the chart, with its name."""

    y: float
    name: str


def loss_figure(
    lines: Sequence[Line],
    words: Words,
    *,
    steps: int,
    log: bool,
    before: Rule | None = None,
    height: int = 380,
) -> Spec:
    """Curves over steps, each named at its end; the level before training as a dotted line.

    Args:
        lines: in drawing order, the one on top last. Step 0 has no place on a log axis and is left out there.
        steps: the right end of the axis.
        log: the axis of steps is logarithmic.
    """
    drawn = [_from_step_one(line) if log else line for line in lines]
    levels = [y for line in drawn for y in line.y] + ([before.y] if before else [])
    low, high = _span(levels)
    frame = Frame(height, low=low, high=high)
    firsts = [line.x[0] for line in drawn if len(line.x)]
    first = max(1.0, min(firsts, default=1.0)) if log else 0.0
    first = min(first, steps / 3) if log else first
    x_range = [math.log10(first), math.log10(steps)] if log else [0.0, float(steps)]
    x_ticks = log_ticks(first, steps, end=True) if log else linear_ticks(0, steps, 5, end=True)

    data = [_trace(line, words.hover) for line in drawn if len(line.x)]
    shapes = []
    if before:
        shapes.append(level(before.y))
    wide, narrow = (end_names(drawn, frame, before, log, short) for short in (False, True))
    spec: Spec = {
        "data": data,
        "layout": layout_of(
            frame, words, x_ticks, linear_ticks(low, high, 4), margin_right=room(drawn, short=False)
        ),
        "narrow": {"annotations": titles(words) + narrow, "margin": {"r": room(drawn, short=True)}},
    }
    spec["layout"]["annotations"] = titles(words) + wide
    spec["layout"]["shapes"] = shapes
    spec["layout"]["xaxis"] |= {"type": "log" if log else "linear", "range": x_range}
    spec["layout"]["yaxis"] |= {"range": [low, high]}
    few = log_ticks(first, steps, (1,), end=True) if log else linear_ticks(0, steps, 2, end=True)
    spec["narrow"]["xaxis"] = {"tickvals": few, "ticktext": [words.x_format(t) for t in few]}
    if not levels:
        spec["layout"]["yaxis"] |= {"tickvals": [], "ticktext": []}  # nothing was run yet
    return spec


@dataclass(frozen=True)
class Spectrum:
    """Singular values of one ΔW, largest first."""

    name: str
    values: Sequence[float]
    colour: str
    live: bool = False


def spectrum_figure(spectra: Sequence[Spectrum], words: Words, *, height: int = 320) -> Spec:
    """Singular values over their index on a log axis, a dot each; the names stand beside the dots."""
    kept = [(s, [v for v in s.values if 0 < v < math.inf]) for s in spectra]
    top = max((v[0] for _, v in kept if v), default=1.0)
    least = min((min(v) for _, v in kept if v), default=top / 100)
    least = max(least, top / 300)  # the smallest directions of a full ΔW are rounding, far below the rest
    low, high = math.log10(least) - 0.1, math.log10(top) + 0.12
    frame = Frame(height, low=low, high=high)
    count = max((len(s.values) for s in spectra), default=8)
    data, names = [], []
    for spectrum, values in kept:
        shown = [v for v in values if v >= least]
        size = 8 if spectrum.live else 5
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": list(range(1, len(shown) + 1)),
                "y": shown,
                "name": spectrum.name,
                "marker": {"color": spectrum.colour, "size": size},
                "hovertemplate": words.hover + "<extra></extra>",
            }
        )
        if shown:
            at = 0 if spectrum.live else (len(shown) - 1) // 2
            names.append(
                annotation(
                    f"<b>{spectrum.name}</b>",
                    x=at + 1,
                    y=math.log10(shown[at]),
                    xanchor="left",
                    xshift=9,
                    yshift=12,
                    color=spectrum.colour if spectrum.live else "var(--ink)",
                )
            )
    ticks = [1, *(t for t in linear_ticks(0, count, 4, end=True) if t > 1)]
    layout = layout_of(frame, words, ticks, log_ticks(10**low, 10**high), margin_right=18)
    layout["xaxis"] |= {"range": [0.4, count + 0.6]}
    layout["yaxis"] |= {"type": "log", "range": [low, high]}
    layout["annotations"] = titles(words) + names
    return {"data": data, "layout": layout, "narrow": {}}


def growth_figure(lines: Sequence[Line], words: Words, *, steps: int, height: int = 320) -> Spec:
    """Singular values over the steps of a run: the lines of one colour belong to one ΔW, largest on top."""
    levels = [y for line in lines for y in line.y]
    high = max(levels, default=1.0) * 1.08 or 1.0
    frame = Frame(height, low=0.0, high=high)
    named = [line for line in lines if line.name]
    layout = layout_of(
        frame,
        words,
        linear_ticks(0, steps, 4, end=True),
        linear_ticks(0, high, 4),
        margin_right=room(named, short=False),
    )
    layout["annotations"] = titles(words) + end_names(named, frame, None, False, short=False)
    layout["xaxis"] |= {"range": [0, steps]}
    layout["yaxis"] |= {"range": [0, high]}
    return {
        "data": [_trace(line, words.hover) for line in lines if len(line.x)],
        "layout": layout,
        "narrow": {
            "annotations": titles(words) + end_names(named, frame, None, False, short=True),
            "margin": {"r": room(named, short=True)},
        },
    }


def _span(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    room = (high - low) * 0.06 or max(abs(high) * 0.1, 0.1)
    return low - room, high + room


def _from_step_one(line: Line) -> Line:
    kept = [(x, y) for x, y in zip(line.x, line.y, strict=True) if x >= 1]
    return replace(line, x=[x for x, _ in kept], y=[y for _, y in kept])


def _trace(line: Line, hover: str) -> Spec:
    last = len(line.x) - 1
    sizes = [10 if line.live and i == last else 0 for i in range(len(line.x))]
    return {
        "type": "scatter",
        "mode": "lines+markers" if line.live else "lines",
        "x": list(line.x),
        "y": list(line.y),
        "name": line.name,
        "line": {"color": line.colour, "width": 1.25 if line.faint else 2.25, "dash": line.dash},
        "marker": {
            "color": line.colour,
            "opacity": 1,
            "size": sizes,
            "line": {"color": "var(--paper)", "width": 2},
        },
        "opacity": 0.75 if line.faint else 1,
        "cliponaxis": False,
        "hovertemplate": hover + "<extra>%{fullData.name}</extra>",
    }


def end_names(lines: Sequence[Line], frame: Frame, before: Rule | None, log: bool, short: bool) -> list[Spec]:
    """Names at line ends, pushed apart where two ends are near each other."""
    ends = sorted((line for line in lines if len(line.x)), key=lambda line: line.y[-1])
    found, last = [], -math.inf
    for line in ends:
        natural = frame.pixels(line.y[-1])
        placed = max(natural, last + GAP)
        last = placed
        name = line.short if short else line.name
        colour = line.colour if line.live else "var(--ink)"
        dash = (
            ""
            if line.live
            else f'<span style="color:{line.colour}">{"╌" if line.dash != "solid" else "—"}</span> '
        )
        x = line.x[-1]
        found.append(
            annotation(
                f"{dash}<b>{name}</b>",
                x=math.log10(x) if log else x,
                y=line.y[-1],
                xanchor="left",
                xshift=9,
                yshift=placed - natural,
                color=colour,
                bgcolor="var(--paper)cc",
            )
        )
    if before:
        high = before.y > (frame.low + frame.high) / 2  # the curves leave a high level downwards
        found.append(
            annotation(
                before.name,
                x=1,
                xref="paper",
                y=before.y,
                xanchor="right",
                yanchor="top" if high else "bottom",
            )
        )
    return found


def room(lines: Sequence[Line], *, short: bool) -> int:
    """The right margin that the longest name needs."""
    longest = max((text_width(line.short if short else line.name) for line in lines), default=0)
    return int(longest) + SWATCH + 14


def level(y: float) -> Spec:
    line = {"color": "var(--rule-strong)", "width": 1, "dash": "2px,4px"}
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": y,
        "y1": y,
        "line": line,
        "layer": "below",
    }
