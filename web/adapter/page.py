"""The part of the matrices page that shows an adapter, or a matrix, of the reader's own."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import streamlit as st
from markupsafe import escape

from lora_core.formats.peft import CONFIG_FILE, TENSOR_FILE
from web.adapter import charts, reading
from web.adapter.reading import Brought, Layer
from web.kit.i18n import group, number, t, tn
from web.kit.layers import adapter_folder
from web.kit.text import variables
from web.kit.upload_control import File, upload_control
from widgets.factor_view.view import MAX_RANK, SOURCE
from widgets.figure.widget import figure
from widgets.heatmap.widget import Matrix, heatmap

OWN = "own_adapter"
"""Where the session keeps what the reader brought."""
SIDE = 300  # px of the longer side of γBA
LEAST = 12  # px of the shorter side of a factor
LABEL = 140  # px that a picture's name and scale need


def own_adapter() -> None:
    """The control, and what was brought."""
    with st.container(key="adapters"):
        with st.container(key="adapters_bring"):
            title, about = variables(t("adapters.title")), variables(t("adapters.intro"))
            st.html(f'<h2>{title}</h2><p class="cap">{about}</p>')
            upload_control(
                "adapters_upload",
                hint=t("uploads.hint.adapter", size=number(reading.MAX_BYTES >> 20)),
                accept=".safetensors,.json,.npy,.csv",
                most=reading.MAX_BYTES,
                read=take,
                files=2,
            )
        shown(st.session_state.get(OWN) or shipped())


@cache
def shipped() -> Brought:
    """The adapter that the upper part of the page cuts, until a reader brings another."""
    folder = adapter_folder(SOURCE, MAX_RANK)
    files = [(name, (folder / name).read_bytes()) for name in (TENSOR_FILE, CONFIG_FILE)]
    return replace(reading.read(files), name="")


def take(files: Sequence[File]) -> None:
    """What the reader brought; the page keeps the spectra and small pictures, not the file."""
    st.session_state[OWN] = reading.read(files)
    st.session_state.pop("adapters_layer", None)


def shown(brought: Brought) -> None:
    """Which layers learned most, and one of them in full."""
    layers = charts.ranked(brought)
    with st.container(key="adapters_said"):
        st.html(f"<p>{_said(brought, layers)}</p>")
    chosen = layers[0]
    with st.container(key="adapters_shown"):
        if not brought.matrix:
            with st.container(key="adapters_ranking"):
                about = variables(t("adapters.ranking.about"))
                st.html(f'<h3>{variables(_ranking_title(layers))}</h3><p class="cap">{about}</p>')
                spec, alt, table = charts.ranking(brought)
                figure(spec, key="adapters_sizes", alt=alt, text=group("figure"), table=table)
        with st.container(key="adapters_pictures"):
            if len(layers) > 1:
                names = [layer.name for layer in layers]
                name = st.selectbox(t("adapters.layer"), names, key="adapters_layer")
                chosen = layers[names.index(name)] if name in names else layers[0]
            _pictures(chosen)
            caption = t("adapters.factors_svd") if brought.matrix else t("adapters.factors")
            if chosen.step > 1:
                caption += " " + t("adapters.thinned", step=number(chosen.step))
            st.html(f'<p class="cap">{variables(caption)}</p>')
    _spectrum(chosen)


def _said(brought: Brought, layers: Sequence[Layer]) -> str:
    """What the file holds, in sentences of HTML."""
    name = f"<b>{escape(brought.name or t('adapters.shipped'))}</b>"
    if brought.matrix:
        rows, columns = layers[0].shape
        return t("adapters.said.matrix", name=name, rows=number(rows), columns=number(columns))
    ranks = sorted({layer.rank for layer in layers})
    said = [
        tn(
            "adapters.said.layers",
            len(layers),
            name=name,
            ranks=", ".join(number(rank) for rank in ranks[:6]),
        ),
        variables(t("adapters.said.gamma" if brought.configured else "adapters.said.no_gamma")),
    ]
    if brought.others:
        said.append(tn("adapters.said.others", brought.others))
    return " ".join(said)


def _ranking_title(layers: Sequence[Layer]) -> str:
    middle = float(np.median([layer.size for layer in layers]))
    if len(layers) < 2 or middle == 0:
        return t("adapters.ranking.title_one")
    times = number(layers[0].size / middle, 1)
    return t("adapters.ranking.title", layer=layers[0].name, times=times)


def _spectrum(layer: Layer) -> None:
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


def _pictures(layer: Layer) -> None:
    """B, A and γBA, entries of one size."""
    rows, columns = layer.update.shape
    side = SIDE / max(rows, columns)
    factors = _limit(np.concatenate([layer.A.ravel(), layer.B.ravel()]))
    d_out, d_in = layer.shape
    parts = (
        ("B", layer.B, factors, (d_out, layer.rank)),
        ("A", layer.A, factors, (layer.rank, d_in)),
        ("γBA", layer.update, _limit(layer.update.ravel()), (d_out, d_in)),
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
