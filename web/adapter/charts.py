"""Figures of an adapter: which layers learned most, and one layer's singular values and energy."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from markupsafe import escape

from lora_core.inspection import Layer, Report
from web.adapter.reading import Shown, per_entry, size_of
from web.kit.axes import Spec, Words, annotation
from web.kit.figures import Line, Spectrum, growth_figure, spectrum_figure
from web.kit.i18n import number, percent, t
from widgets.figure.widget import Table

SHOWN = 12  # bars of the ranking; the table has all layers
MAX_ROWS = 1000  # of the table, and layers to choose from
ROW = 42  # px of a bar with its name above it


def small(value: float) -> str:
    """A size in three significant digits, in the reader's language."""
    if value == 0:
        return number(0)
    digits = max(0, 2 - int(np.floor(np.log10(abs(value)))))
    return number(value, min(digits, 8))


def ranked(report: Report) -> list[Layer]:
    """The layers, those that learned most first; what cannot be measured comes last."""
    return sorted(report.layers, key=lambda layer: -(size_of(layer) or 0.0))


def ranking(layers: Sequence[Layer]) -> tuple[Spec, str, Table]:
    """The largest updates as bars, their names above them; all of them as a table."""
    top = layers[:SHOWN]
    sizes = [size_of(layer) or 0.0 for layer in top]
    rows = list(range(len(top)))
    most = max(sizes) or 1.0
    names = [
        annotation(
            str(escape(_tail(layer.name))),  # Plotly reads tags and links
            x=0,
            xref="x",
            xanchor="left",
            y=row,
            yanchor="bottom",
            yshift=5,
            color="var(--ink)",
        )
        for row, layer in enumerate(top)
    ]
    values = [
        annotation(
            _or_dash(size_of(layer)), x=1, xref="paper", xanchor="right", y=row, yanchor="bottom", yshift=5
        )
        for row, layer in enumerate(top)
    ]
    axis = {"visible": False, "fixedrange": True}
    spec: Spec = {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": sizes,
                "y": rows,
                "width": 0.2,
                "marker": {"color": "var(--accent)"},
                "hoverinfo": "skip",
            }
        ],
        "layout": {
            "height": ROW * len(top) + 20,
            "margin": {"l": 0, "r": 0, "t": 14, "b": 6, "pad": 0},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "showlegend": False,
            "dragmode": False,
            "xaxis": axis | {"range": [0, most]},
            "yaxis": axis | {"range": [len(top) - 0.7, -0.75]},
            "annotations": names + values,
        },
        "narrow": {},
    }
    alt = t(
        "adapters.ranking.alt",
        first=top[0].name,
        size=_or_dash(size_of(top[0])),
        last=layers[-1].name,
        least=_or_dash(size_of(layers[-1])),
    )
    head = [
        t(f"adapters.column.{name}")
        for name in ("layer", "shape", "rank", "alpha", "gamma", "size", "product", "per_entry")
    ]
    table = Table(
        head=head,
        rows=[
            [
                layer.name,
                _shape(layer),
                "–" if layer.rank is None else number(layer.rank),
                "–" if layer.alpha is None else number(layer.alpha, None if layer.alpha % 1 == 0 else 3),
                "–" if layer.scale is None else number(layer.scale, 3),
                _or_dash(layer.norm),
                _or_dash(layer.product_norm),
                _or_dash(per_entry(layer)),
            ]
            for layer in layers[:MAX_ROWS]
        ],
    )
    return spec, alt, table


def _shape(layer: Layer) -> str:
    """(d_out, d_in), of how many experts."""
    one = " × ".join("–" if side is None else str(side) for side in (layer.d_out, layer.d_in))
    return one if layer.experts == 1 else f"{layer.experts} × ({one})"


def _or_dash(value: float | None) -> str:
    return "–" if value is None else small(value)


def spectrum(layer: Shown) -> tuple[Spec, str, Table]:
    """The singular values of γBA on a log axis."""
    values = layer.singular.tolist()
    words = Words(
        x=t("adapters.axis.direction"),
        y=t("adapters.axis.value"),
        x_format=lambda value: number(round(value)),
        y_format=small,
        hover="%{x}: %{y:.3g}",
    )
    spec = spectrum_figure([Spectrum("γBA", values, "var(--accent)", live=True)], words, height=300)
    alt = t(
        "adapters.spectrum.alt",
        layer=layer.name,
        first=small(values[0]),
        last=small(values[-1]),
        count=len(values),
    )
    rows = [[number(i), small(value)] for i, value in enumerate(values, 1)]
    return spec, alt, Table(head=[words.x, words.y], rows=rows)


def energy(layer: Shown) -> tuple[Spec, str, Table]:
    """The share of the energy in the first directions, beside a spectrum that is flat."""
    kept = layer.energy.tolist()
    count = len(kept)
    at = list(range(count + 1))
    words = Words(
        x=t("adapters.axis.rank"),
        y=t("adapters.axis.energy"),
        x_format=lambda value: number(round(value)),
        y_format=partial(percent, digits=0),
        hover="%{x}: %{y:.1%}",
    )
    flat, own = t("adapters.energy.flat"), "γBA"
    lines = [
        Line(flat, flat, at, [i / count for i in at], "var(--rule-strong)", dash="3px,3px"),
        Line(own, own, at, [0.0, *kept], "var(--accent)", live=True),
    ]
    alt = t("adapters.energy.alt", layer=layer.name, ninety=number(ninety(layer)), count=number(count))
    rows = [[number(i), percent(value, 1)] for i, value in enumerate(kept, 1)]
    return (
        growth_figure(lines, words, steps=count, height=300),
        alt,
        Table(head=[words.x, words.y], rows=rows),
    )


def ninety(layer: Shown) -> int:
    """The least rank that keeps nine tenths of the energy."""
    return int(np.searchsorted(layer.energy, 0.9 - 1e-12)) + 1


def _tail(name: str) -> str:
    """A long name by its end, which tells the layers of a model apart."""
    return name if len(name) <= 34 else f"…{name[-33:]}"
