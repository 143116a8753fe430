"""From measurements to figures: four ways in bars, their latency, and speed over the number of adapters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from lab.runs.serving_config import ADAPTERS, WAYS
from lab.runs.serving_record import Record
from web.kit.axes import Frame, Spec, Words, layout_of, log_ticks, titles
from web.kit.figures import Line, end_names, room
from web.kit.i18n import number, percent, t
from web.serving.bars import COLOURS, bars, way_name
from widgets.figure.widget import Table

Drawn = tuple[Spec, str, Table | None]  # the figure, the same in a sentence, the same in numbers
Found = Mapping[str, Any]  # a `lab.runs.serving_trial.Result` in JSON

DASHES = {"batched": "solid", "single": "dot", "swapped": "dash", "merged": "solid"}
EVEN = 1.1  # times: what differs less is no difference between two ways
SAME = 0.95  # of its speed: a batch that keeps so much is as fast as before


def middle(found: Found, what: str, way: str) -> float:
    """The median over the rounds so far."""
    return float(np.median(found[what][way]))


def rounds_of(found: Found | None) -> int:
    """How many rounds every way has done."""
    return min(len(found["rate"][way]) for way in WAYS) if found else 0


def finding(found: Found) -> str:
    """What the bars say: which way is the quickest, and by how much."""
    rates = {way: middle(found, "rate", way) for way in WAYS}
    best, next_ = sorted(WAYS, key=lambda way: rates[way], reverse=True)[:2]
    other = next_ if best == "batched" else best
    if max(rates[other], rates["batched"]) < EVEN * min(rates[other], rates["batched"]):
        return t("serving.finding.even", other=t(f"serving.way.{other}"))
    if best == "batched":
        return t(
            "serving.finding.batched",
            times=number(rates[best] / rates[next_], 1),
            next=t(f"serving.way.{next_}"),
            single=number(rates[best] / rates["single"], 1),
        )
    return t(
        f"serving.finding.{best}",
        times=number(rates[best] / rates["batched"], 1),
        single=number(rates["batched"] / rates["single"], 1),
    )


def rate_chart(found: Found | None) -> Drawn:
    """Requests a second of each way: the median of the rounds, and where the middle half of them lies."""
    values = {way: found["rate"][way] for way in WAYS} if found and rounds_of(found) else {}
    spec = bars(
        {way: [float(np.median(rates)) for rates in [values[way]]] for way in values},
        {way: _quartiles(values[way]) for way in values},
        t("serving.axis.rate"),
        partial(number, digits=0),
    )
    head = [t("serving.table.way"), t("serving.axis.rate"), t("serving.table.least"), t("serving.table.most")]
    rows = [
        [way_name(way), *(number(f(values[way]), 0) for f in (np.median, np.min, np.max))] for way in values
    ]
    return spec, _in_words("serving.alt.rate", values), {"head": head, "rows": rows} if rows else None


def latency_chart(found: Found | None) -> Drawn:
    """From the batch's arrival to an answer: half of the requests have theirs by the bar, 95% by the line."""
    values = {way: middle(found, "median", way) for way in WAYS} if found and rounds_of(found) else {}
    late = {way: middle(found, "p95", way) for way in WAYS} if found and values else {}
    write = partial(number, digits=1)
    spec = bars(
        {way: [values[way], late[way]] for way in values}, {}, t("serving.axis.latency"), write, spread=True
    )
    head = [t("serving.table.way"), t("serving.table.median"), t("serving.table.p95")]
    rows = [[way_name(way), write(values[way]), write(late[way])] for way in values]
    values_in_words = "; ".join(
        t("serving.alt.latency_way", way=way_name(way), median=write(values[way]), p95=write(late[way]))
        for way in values
    )
    alt = t("serving.alt.latency", values=values_in_words) if values_in_words else t("serving.alt.empty")
    return spec, alt, {"head": head, "rows": rows} if rows else None


def growth(record: Record, characters: int) -> str:
    """What the lines say: how much of its speed a way keeps from the fewest adapters to the most."""
    first, last = (record.of(count, characters) for count in (ADAPTERS[0], ADAPTERS[-1]))
    assert first
    assert last
    kept = {way: middle(last, "rate", way) / middle(first, "rate", way) for way in ("batched", "merged")}
    same = kept["batched"] > SAME
    return t(
        "serving.growth.same" if same else "serving.growth.title",
        least=number(ADAPTERS[0]),
        most=number(ADAPTERS[-1]),
        batched=percent(kept["batched"]),
        merged=percent(kept["merged"]),
    )


def growth_chart(record: Record, adapters: int, characters: int, found: Found | None) -> Drawn:
    """The recorded requests a second of each way over the number of adapters; a live result as open dots."""
    rows_of = {count: record.of(count, characters) for count in ADAPTERS}
    points = {count: each for count, each in rows_of.items() if each}
    counts = sorted(points)
    lines = [
        Line(
            t(f"serving.way.{way}"),
            t(f"serving.way_short.{way}"),
            counts,
            [middle(points[count], "rate", way) for count in counts],
            COLOURS[way],
            live=way == "batched",
            dash=DASHES[way],
        )
        for way in ("single", "swapped", "merged", "batched")
    ]
    return _over_adapters(lines, adapters, found)


def _over_adapters(lines: Sequence[Line], adapters: int, found: Found | None) -> Drawn:
    levels = [y for line in lines for y in line.y]
    live = {way: middle(found, "rate", way) for way in WAYS} if rounds_of(found) and found else {}
    levels += live.values()
    low, high = math.log10(min(levels, default=100)) - 0.08, math.log10(max(levels, default=1000)) + 0.08
    words = Words(
        x=t("serving.axis.adapters"),
        y=t("serving.axis.rate_log"),
        x_format=lambda value: number(round(value)),
        y_format=lambda value: number(round(value)),
        hover=t("serving.hover", x="%{x}", y="%{y:,.0f}"),
    )
    frame = Frame(340, low=low, high=high)
    logs = [_logged(line) for line in lines]
    layout = layout_of(
        frame, words, ADAPTERS, log_ticks(10**low, 10**high, (1, 2, 5)), margin_right=room(lines, short=False)
    )
    layout["xaxis"] |= {"type": "log", "range": [math.log10(1.8), math.log10(ADAPTERS[-1] * 1.02)]}
    layout["yaxis"] |= {"type": "log", "range": [low, high]}
    layout["shapes"] = [_here(adapters)]
    data: list[Spec] = [_line(line, words.hover) for line in lines]
    if live:
        data.append(_live_dots(adapters, live))
    wide, narrow = (titles(words) + end_names(logs, frame, None, True, short) for short in (False, True))
    layout["annotations"] = wide
    few = ADAPTERS[1::2]
    spec = {
        "data": data,
        "layout": layout,
        "narrow": {
            "annotations": narrow,
            "margin": {"r": room(lines, short=True)},
            "xaxis": {"tickvals": few, "ticktext": [number(count) for count in few]},
        },
    }
    head = [t("serving.axis.adapters"), *(line.name for line in lines)]
    rows = [[number(count), *(number(line.y[i], 0) for line in lines)] for i, count in enumerate(lines[0].x)]
    alt = t(
        "serving.alt.growth",
        values="; ".join(
            t(
                "serving.alt.growth_way",
                way=line.name,
                first=number(line.y[0], 0),
                last=number(line.y[-1], 0),
            )
            for line in lines
            if len(line.y)
        ),
        least=number(ADAPTERS[0]),
        most=number(ADAPTERS[-1]),
    )
    return spec, alt, {"head": head, "rows": rows} if rows else None


def _line(line: Line, hover: str) -> Spec:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": list(line.x),
        "y": list(line.y),
        "name": line.name,
        "line": {"color": line.colour, "width": 2.25 if line.live else 1.75, "dash": line.dash},
        "marker": {"color": line.colour, "size": 5},
        "cliponaxis": False,
        "hovertemplate": hover + "<extra>%{fullData.name}</extra>",
    }


def _live_dots(adapters: int, live: Mapping[str, float]) -> Spec:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [adapters] * len(live),
        "y": list(live.values()),
        "marker": {
            "color": "var(--paper)",
            "size": 11,
            "line": {"color": [COLOURS[way] for way in live], "width": 2},
        },
        "cliponaxis": False,
        "hoverinfo": "skip",
    }


def _here(adapters: int) -> Spec:
    line = {"color": "var(--rule-strong)", "width": 1, "dash": "2px,4px"}
    return {
        "type": "line",
        "x0": adapters,
        "x1": adapters,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": line,
        "layer": "below",
    }


def _logged(line: Line) -> Line:
    """The same line with y as it lies on a log axis, for the places of the names."""
    return Line(**{**vars(line), "y": [math.log10(y) for y in line.y]})


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.25, 0.75])
    return float(low), float(high)


def _in_words(key: str, values: Mapping[str, Sequence[float]]) -> str:
    if not values:
        return t("serving.alt.empty")
    values_in_words = "; ".join(
        t("serving.alt.rate_way", way=way_name(way), rate=number(float(np.median(values[way])), 0))
        for way in values
    )
    return t(key, values=values_in_words)
