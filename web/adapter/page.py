"""The part of the matrices page that shows an adapter, or a matrix, of the reader's own."""

import time
from collections.abc import Sequence
from functools import cache

import numpy as np
import streamlit as st
from markupsafe import escape

from lora_core.formats.peft import CONFIG_FILE, TENSOR_FILE
from lora_core.inspection import Finding, Layer, Report
from lora_core.inspection.reading import inspect_files
from web.adapter import charts
from web.adapter.reading import Opened, Shown, open_adapter, open_uploads, shown, size_of
from web.kit.i18n import group, number, t, tn
from web.kit.layers import adapter_folder
from web.kit.text import variables
from web.kit.upload_control import File, upload_control
from web.kit.upload_store import MAX_BYTES
from widgets.factor_view.view import MAX_RANK, SOURCE
from widgets.figure.widget import figure
from widgets.heatmap.widget import Matrix, heatmap

OWN = "own_adapter"
"""Where the session keeps what the reader uploaded,"""
REPORT = "own_adapter_report"
"""and what is in it."""
SIDE = 300  # px of the longer side of γBA
LEAST = 12  # px of the shorter side of a factor
LABEL = 140  # px that a picture's name and scale need
SOON = 0.5  # s after which a reader is told how far the reading is


def own_adapter() -> None:
    """The control, and what was uploaded."""
    with st.container(key="adapters"):
        with st.container(key="adapters_bring"):
            title, about = variables(t("adapters.title")), variables(t("adapters.intro"))
            st.html(f'<h2>{title}</h2><p class="cap">{about}</p>')
            upload_control(
                "adapters_upload",
                hint=t("uploads.hint.adapter", size=number(MAX_BYTES >> 20)),
                accept=".safetensors,.json,.npy,.csv",
                most=MAX_BYTES,
                read=take,
                files=2,
            )
        opened = st.session_state.get(OWN)
        if opened is None:
            show_adapter(*shipped())
        elif opened.matrix is not None:
            show_matrix(opened.name, opened.matrix)
        else:
            show_adapter(opened, inspected(opened))


@cache
def shipped() -> tuple[Opened, Report]:
    """The adapter that the upper part of the page cuts, until a reader uploads another."""
    folder = adapter_folder(SOURCE, MAX_RANK)
    files = open_adapter(folder / TENSOR_FILE, folder / CONFIG_FILE)
    return Opened("", files=files), inspect_files(files)


def take(files: Sequence[File]) -> None:
    """What the reader uploaded: the files stay on disk, mapped.

    Raises:
        RefusedError: it is no adapter and no matrix.
    """
    st.session_state[OWN] = open_uploads(files)
    for key in (REPORT, "adapters_layer"):
        st.session_state.pop(key, None)


def inspected(opened: Opened) -> Report:
    """What is in an adapter, read once a session. A rerun of the page ends the reading and begins it anew."""
    report: Report | None = st.session_state.get(REPORT)
    if report is not None:
        return report
    assert opened.files is not None
    with st.container(key="adapters_reading"):
        place, began = st.empty(), time.monotonic()

    def progress(done: int, count: int) -> None:
        if time.monotonic() - began > SOON:
            place.progress(done / count, t("adapters.reading", done=number(done), count=number(count)))

    report = inspect_files(opened.files, progress)
    place.empty()
    st.session_state[REPORT] = report
    return report


def show_adapter(opened: Opened, report: Report) -> None:
    """What was found, which layers learned most, and one of them in full."""
    layers = charts.ranked(report)
    with st.container(key="adapters_said"):
        st.html(f"<p>{_said(opened, report)}</p>{''.join(map(finding, report.findings))}")
    with st.container(key="adapters_shown"):
        with st.container(key="adapters_ranking"):
            about = variables(t("adapters.ranking.about"))
            st.html(f'<h3>{variables(_ranking_title(layers))}</h3><p class="cap">{about}</p>')
            spec, alt, table = charts.ranking(layers)
            figure(spec, key="adapters_sizes", alt=alt, text=group("figure"), table=table)
        with st.container(key="adapters_pictures"):
            chosen = layers[0]
            if len(layers) > 1:
                keys = [layer.key for layer in layers[: charts.MAX_ROWS]]
                key = st.selectbox(t("adapters.layer"), keys, key="adapters_layer")
                chosen = layers[keys.index(key)] if key in keys else chosen
            assert opened.files is not None
            found = shown(opened.files, chosen)
            if found is None:
                st.html(f'<p class="cap">{escape(t("adapters.not_shown", layer=chosen.name))}</p>')
            else:
                _pictures(found, "BA" if chosen.scale is None else "γBA")
                _caption("adapters.factors", found)
    if found is not None:
        _spectrum(found)


def show_matrix(name: str, matrix: Shown) -> None:
    """A matrix by the factors of its SVD."""
    rows, columns = (number(side) for side in matrix.shape)
    with st.container(key="adapters_said"):
        said = t("adapters.said.matrix", name=f"<b>{escape(name)}</b>", rows=rows, columns=columns)
        st.html(f"<p>{said}</p>")
    with st.container(key="adapters_shown"), st.container(key="adapters_pictures"):
        _pictures(matrix, "γBA")
        _caption("adapters.factors_svd", matrix)
    _spectrum(matrix)


def finding(found: Finding) -> str:
    """A finding in the reader's language, as HTML."""
    values = {
        name: number(value) if isinstance(value, int) else str(value) for name, value in found.values.items()
    }
    said = t(f"adapters.finding.{found.code}", **values)
    return f'<p class="cap"><b>{t(f"adapters.severity.{found.severity}")}</b> {variables(said)}</p>'


def _caption(key: str, layer: Shown) -> None:
    caption = t(key)
    if layer.step > 1:
        caption += " " + t("adapters.thinned", step=number(layer.step))
    st.html(f'<p class="cap">{variables(caption)}</p>')


def _said(opened: Opened, report: Report) -> str:
    """What the file holds, in sentences of HTML."""
    name = f"<b>{escape(opened.name or t('adapters.shipped'))}</b>"
    ranks = sorted({layer.rank for layer in report.layers if layer.rank is not None})
    said = [
        tn(
            "adapters.said.layers",
            len(report.layers),
            name=name,
            ranks=", ".join(number(rank) for rank in ranks[:6]) or "–",
        )
    ]
    if report.configured:
        said.append(variables(t("adapters.said.gamma", method=report.method)))
    return " ".join(said)


def _ranking_title(layers: Sequence[Layer]) -> str:
    if any(layer.norm is None for layer in layers):
        return t("adapters.ranking.title_product")
    sizes = [size_of(layer) or 0.0 for layer in layers]
    middle = float(np.median(sizes))
    if len(layers) < 2 or middle == 0:
        return t("adapters.ranking.title_one")
    return t("adapters.ranking.title", layer=layers[0].name, times=number(sizes[0] / middle, 1))


def _spectrum(layer: Shown) -> None:
    """How many directions the update has, and how much each holds."""
    facts = {
        "effective": number(layer.effective_rank, 1),
        "rank": number(layer.rank),
        "ninety": number(charts.ninety(layer)),
        "count": number(len(layer.singular)),
    }
    with st.container(key="adapters_charts"):
        for name, draw in (("spectrum", charts.spectrum), ("energy", charts.energy)):
            with st.container(key=f"adapters_{name}_box"):
                title, about = t(f"adapters.{name}.title", **facts), variables(t(f"adapters.{name}.about"))
                st.html(f'<h3>{variables(title)}</h3><p class="cap">{about}</p>')
                spec, alt, table = draw(layer)
                figure(spec, key=f"adapters_{name}", alt=alt, text=group("figure"), table=table)


def _pictures(layer: Shown, product: str) -> None:
    """B, A and γBA, entries of one size."""
    rows, columns = layer.update.shape
    side = SIDE / max(rows, columns)
    factors = _limit(np.concatenate([layer.A.ravel(), layer.B.ravel()]))
    d_out, d_in = layer.shape
    parts = (
        ("B", layer.B, factors, (d_out, layer.rank)),
        ("A", layer.A, factors, (layer.rank, d_in)),
        (product, layer.update, _limit(layer.update.ravel()), (d_out, d_in)),
    )
    with st.container(key="adapters_matrices", horizontal=True, gap="medium"):
        for name, values, limit, shape in parts:
            height, width = (max(LEAST, round(count * side)) for count in values.shape)
            m, n = (number(count) for count in shape)
            with st.container(width=max(width, LABEL)):
                alt = t("adapters.picture", name=name, layer=layer.name, rows=m, columns=n)
                heatmap(
                    [Matrix(values, alt, f"{name}  {m} × {n}")],
                    key=f"adapters_{name}",
                    label=name,
                    limit=limit,
                    palette="div",
                    size=(width, height),
                    least="100%",
                    ends=(f"−{charts.small(limit)}", f"+{charts.small(limit)}"),
                )


def _limit(values: np.ndarray) -> float:
    """The end of a colour scale: a few large entries would leave the rest on paper."""
    return float(np.quantile(np.abs(values), 0.99)) or float(np.abs(values).max()) or 1.0
