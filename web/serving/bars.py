"""Four rows of bars, one a way of serving, each with its name and value above it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from lab.runs.serving_config import WAYS
from web.kit.axes import Format, Frame, Spec, Words, annotation, layout_of, linear_ticks, titles
from web.kit.i18n import number, t

# Accent is the one base with adapters in a batch, ink the whole model, the two in between stand back.
COLOURS = {
    "batched": "var(--m-lora)",
    "single": "var(--rule-strong)",
    "swapped": "var(--rule-strong)",
    "merged": "var(--m-full)",
}
ROW = 54  # px a way


def way_name(way: str) -> str:
    return t(f"serving.way.{way}")


def bars(
    values: Mapping[str, list[float]],
    whiskers: Mapping[str, tuple[float, float]],
    title: str,
    write: Format,
    *,
    spread: bool = False,
) -> Spec:
    """Four rows, each with its name above a bar; the second value of a row, if any, is the bar's thin end."""
    top = max((value for row in values.values() for value in row), default=1.0)
    frame = Frame(4 * ROW + 72, top=46, bottom=28, left=0)
    words = Words(x="", y=title, x_format=partial(number, digits=0), y_format=write)
    ticks = linear_ticks(0, top, 4) if values else [0]
    layout = layout_of(frame, words, ticks, [], margin_right=12)
    layout["xaxis"] |= {
        "range": [0, top * 1.02],
        "showgrid": True,
        "gridcolor": "var(--rule)",
        "showline": False,
        "ticks": "",
    }
    layout["yaxis"] |= {"range": [3.45, -0.75], "showgrid": False, "tickvals": []}
    layout["barmode"], layout["bargap"] = "overlay", 0.6
    layout["annotations"] = [titles(words)[0] | {"xshift": 0}]
    data: list[Spec] = []
    for row, way in enumerate(WAYS):
        if way not in values:
            layout["annotations"].append(_row_name(row, way, ""))
            continue
        first, last = values[way][0], values[way][-1]
        text = write(first)
        if spread:
            text = t("serving.ms", value=text)
            if last > first:
                text = t("serving.to", low=write(first), high=write(last))
        layout["annotations"].append(_row_name(row, way, text))
        bar: Spec = {
            "type": "bar",
            "orientation": "h",
            "x": [first],
            "y": [row],
            "width": 0.34,
            "marker": {"color": COLOURS[way]},
            "hoverinfo": "skip",
        }
        if way in whiskers:
            low, high = whiskers[way]
            bar["error_x"] = {
                "type": "data",
                "symmetric": False,
                "array": [high - first],
                "arrayminus": [first - low],
                "color": "var(--subtle)",
                "thickness": 1.25,
                "width": 4,
            }
        data.append(bar)
        if spread:
            end: Spec = {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [first, last],
                "y": [row, row],
                "hoverinfo": "skip",
            }
            end["line"] = {"color": COLOURS[way], "width": 1.5}
            end["marker"] = {
                "color": COLOURS[way],
                "size": [0, 9],
                "symbol": "line-ns-open",
                "line": {"width": 2, "color": COLOURS[way]},
            }
            data.append(end)
    return {"data": data, "layout": layout, "narrow": {}}


def _row_name(row: int, way: str, value: str) -> Spec:
    text = f"<b>{way_name(way)}</b>" + (f"  {value}" if value else "")
    return annotation(
        text, x=0, y=row, xanchor="left", yanchor="bottom", yshift=10, color="var(--ink)", borderpad=0
    )
