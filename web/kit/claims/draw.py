"""From a claim's chart to Plotly's figure: pure functions in the manner of `web/kit/figures.py`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

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
from web.kit.claims.chart import Axis, Chart, Level, Series
from web.kit.figures import Line, end_names, room

ROW, DENSE = 58, 44  # px from one row to the next, where there are few and where there are many
MOST = 6  # ticks of an axis
PAD = 0.05  # of an axis, beyond the data
BARE = 16  # px, the right margin of a chart without names
FAINT = 0.38


def spec_of(chart: Chart) -> Spec:
    """The figure for `widgets/figure`: points over a number, or rows."""
    return _rows(chart) if chart.rows else _plane(chart)


def _plane(chart: Chart) -> Spec:
    x, y = chart.x, chart.y
    drawn = [series for series in chart.series if series.x]
    left, right = _span(x, (value for s in drawn for value in s.x))
    low, high = _span(y, [*_heights(drawn), *(level.y for level in chart.levels)])
    frame = Frame(chart.height, low=low, high=high)
    words = Words(x.title, y.title, x.format, y.format)
    named = [_line(series, chart) for series in drawn if _is_named(series, drawn)]
    beside = [level for level in chart.levels if level.strong and named]  # named as the lines are
    named += [Line(level.name, level.name, [right], [y.of(level.y)], "var(--ink)") for level in beside]
    above = [level for level in chart.levels if level not in beside]
    x_ticks = list(x.ticks) or _ticks(x, left, right)
    y_ticks = list(y.ticks) or _ticks(y, low, high)
    wide, narrow = (_margin(named, short) for short in (False, True))
    layout = layout_of(frame, words, x_ticks, y_ticks, margin_right=wide)
    layout["xaxis"] |= {"type": "log" if x.log else "linear", "range": [left, right]}
    layout["yaxis"] |= {"type": "log" if y.log else "linear", "range": [low, high]}
    layout["annotations"] = titles(words) + _ends(named, frame, False) + _level_names(above, y)
    layout["shapes"] = [_level(level) for level in chart.levels]
    few = list(x.few) or (x_ticks[::2] if len(x_ticks) > MOST else x_ticks)
    return {
        "data": [trace for series in drawn for trace in _traces(series, chart)],
        "layout": layout,
        "narrow": {
            "annotations": titles(words) + _ends(named, frame, True) + _level_names(above, y),
            "margin": {"r": narrow},
            "xaxis": {"tickvals": few, "ticktext": [x.format(tick) for tick in few]},
        },
    }


def _rows(chart: Chart) -> Spec:
    """A dot and its bar in each row, the value above the dot; the names of the rows on the left."""
    x, drawn = chart.x, [series for series in chart.series if series.x]
    left, right = _span(x, [*_heights(drawn, across=True), *(level.y for level in chart.levels)])
    margin = int(max(map(text_width, chart.rows))) + 22
    height = 74 + (ROW if len(chart.rows) <= MOST else DENSE) * len(chart.rows)
    frame = Frame(height, top=38, bottom=36, left=margin, low=0, high=1)
    words = Words(x.title, "", x.format, x.format)
    x_ticks = list(x.ticks) or _ticks(x, left, right)
    layout = layout_of(frame, words, x_ticks, [], margin_right=BARE)
    layout["xaxis"] |= {"type": "log" if x.log else "linear", "range": [left, right]}
    places = list(range(len(chart.rows)))
    rows = {"tickvals": places, "ticktext": list(chart.rows), "range": [len(places) - 0.4, -0.6]}
    layout["yaxis"] |= rows | {"ticklabelstandoff": 8}
    layout["yaxis"]["tickfont"] = {**layout["yaxis"]["tickfont"], "color": "var(--ink)"}
    title = annotation(x.title, x=0, xref="paper", xshift=-margin, xanchor="left", y=1, yref="paper")
    title |= {"yanchor": "bottom", "yshift": 16}
    write = chart.precise or x.format
    top = [series for series in drawn if not series.faint] or drawn
    values = [
        annotation(write(value), x=x.of(value), y=row, yshift=15, color="var(--ink)")
        for series in top
        for value, row in zip(series.x, series.y, strict=True)
    ]
    layout["annotations"] = [title, *values]
    layout["shapes"] = [_upright(level) for level in chart.levels]
    few = x_ticks[::2] if len(x_ticks) > 4 else x_ticks
    return {
        "data": [trace for series in drawn for trace in _traces(series, chart)],
        "layout": layout,
        "narrow": {"xaxis": {"tickvals": few, "ticktext": [x.format(tick) for tick in few]}},
    }


def _heights(drawn: Sequence[Series], *, across: bool = False) -> Iterable[float]:
    """Every value with its bar, along y or, in rows, along x; a bar that a log axis cannot hold is cut."""
    for series in drawn:
        values = series.x if across else series.y
        yield from values
        for ends in series.ends:
            yield from ends
        for value, spread in zip(values, series.spread, strict=False):
            yield value + spread
            yield max(value - spread, value / 3) if value > 0 else value - spread


def _span(axis: Axis, values: Iterable[float]) -> tuple[float, float]:
    """Both ends in the axis's own units, with room around the data."""
    found = [axis.of(value) for value in values if value > 0 or not axis.log]
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    spread = (high - low) or (0.5 if axis.log else max(abs(high) * 0.2, 1e-3))
    return (
        low - PAD * spread if axis.low is None else axis.of(axis.low),
        high + PAD * spread if axis.high is None else axis.of(axis.high),
    )


def _ticks(axis: Axis, low: float, high: float) -> list[float]:
    if not axis.log:
        return linear_ticks(low, high, 4)
    ends = 10**low, 10**high
    ticks = log_ticks(*ends)
    if len(ticks) > MOST:
        ticks = log_ticks(*ends, (1,))
    return ticks[:: math.ceil(len(ticks) / MOST)]


def _is_named(series: Series, drawn: Sequence[Series]) -> bool:
    """A faint series is named where the live run has not got there yet."""
    same = [other for other in drawn if other.name == series.name and not other.faint]
    return bool(series.name) and (not series.faint or not same)


def _line(series: Series, chart: Chart) -> Line:
    """A series as `web.kit.figures` names it at its end: in the units of the axes."""
    return Line(
        series.name,
        series.short or series.name,
        [chart.x.of(value) for value in series.x],
        [chart.y.of(value) for value in series.y],
        series.colour,
        dash=series.dash,
    )


def _ends(named: Sequence[Line], frame: Frame, short: bool) -> list[Spec]:
    return end_names(named, frame, None, False, short)


def _margin(named: Sequence[Line], short: bool) -> int:
    return room(named, short=short) if named else BARE


def _traces(series: Series, chart: Chart) -> Iterable[Spec]:
    """The band, if the spread is one, below; then the line with its points."""
    if series.band and series.spread and not series.faint:
        yield _band(series, chart.y)
    marked = not series.band or len(series.x) == 1
    size = 7 if series.faint else 9
    trace: Spec = {
        "type": "scatter",
        "mode": "+".join(["lines"] * series.joined + ["markers"] * marked) or "none",
        "x": list(series.x),
        "y": list(series.y),
        "name": series.name,
        "text": _hover_texts(series, chart),
        "line": {"color": series.colour, "width": 1.5 if series.faint else 2, "dash": series.dash},
        "marker": {
            "color": "var(--paper)" if series.hollow else series.colour,
            "size": size,
            "line": {"color": series.colour, "width": 1.5},
        },
        "opacity": FAINT if series.faint else 1,
        "cliponaxis": False,
        "hovertemplate": "%{text}<extra></extra>",
    }
    along = "error_x" if chart.rows else "error_y"
    if series.spread and marked:
        trace[along] = _bars(series.spread, series.x if chart.rows else series.y, series.colour)
    if series.ends:
        trace[along] = _bars_to(series)
    if series.across:
        trace["error_x"] = _bars(series.across, series.x, series.colour)
    yield trace


def _bars_to(series: Series) -> Spec:
    above = [high - y for (_, high), y in zip(series.ends, series.y, strict=True)]
    below = [y - low for (low, _), y in zip(series.ends, series.y, strict=True)]
    return {**_bars(above, series.y, series.colour), "arrayminus": below}


def _bars(spread: Sequence[float], values: Sequence[float], colour: str) -> Spec:
    below = [min(s, value * 0.95) if value > 0 else s for s, value in zip(spread, values, strict=True)]
    bars = {"type": "data", "array": list(spread), "arrayminus": below, "symmetric": False}
    return {**bars, "color": colour, "thickness": 1.5, "width": 0}


def _band(series: Series, axis: Axis) -> Spec:
    high = [y + s for y, s in zip(series.y, series.spread, strict=True)]
    low = [y - s for y, s in zip(series.y, series.spread, strict=True)]
    if axis.log:
        low = [max(value, y / 3) for value, y in zip(low, series.y, strict=True)]
    return {
        "type": "scatter",
        "mode": "none",
        "x": [*series.x, *reversed(series.x)],
        "y": [*high, *reversed(low)],
        "fill": "toself",
        "fillcolor": f"{series.colour}1f",
        "hoverinfo": "skip",
        "cliponaxis": False,
    }


def _hover_texts(series: Series, chart: Chart) -> list[str]:
    """What is said of each point under the pointer."""
    texts = []
    for i, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
        write = chart.precise or (chart.x.format if chart.rows else chart.y.format)
        at = chart.rows[round(y)] if chart.rows else chart.x.format(x)
        spread = f" ± {write(series.spread[i])}" if series.spread else ""
        name = f"{series.name} · " if series.name else ""
        texts.append(f"{name}{at}: {write(x if chart.rows else y)}{spread}")
    return texts


def _level(level: Level) -> Spec:
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level.y, "y1": level.y, **_ink(level)}


def _upright(level: Level) -> Spec:
    return {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": level.y, "x1": level.y, **_ink(level)}


def _ink(level: Level) -> Spec:
    if level.strong:
        return {"line": {"color": "var(--ink)", "width": 1.5}}
    return {"line": {"color": "var(--rule-strong)", "width": 1, "dash": "2px,4px"}, "layer": "below"}


def _level_names(levels: Sequence[Level], axis: Axis) -> list[Spec]:
    """Names upon the levels: a strong one's stands on its left end, another's on its right."""
    return [
        annotation(
            f"<b>{level.name}</b>" if level.strong else level.name,
            x=0 if level.strong else 1,
            xref="paper",
            xanchor="left" if level.strong else "right",
            y=axis.of(level.y),
            yanchor="bottom",
            color="var(--ink)" if level.strong else "var(--subtle)",
            bgcolor="var(--paper)cc",
        )
        for level in levels
    ]
