"""The two figures of a run: its learning curve over others', and ΔW of one layer with its singular values."""

from __future__ import annotations

import numpy as np
import streamlit as st
from markupsafe import Markup

from web.fine_tune import charts, words
from web.fine_tune.controls import layer, view
from web.fine_tune.experiment import State
from web.fine_tune.first import first_chart
from web.fine_tune.runs import Run
from web.kit.i18n import group, number, t
from web.kit.text import heading
from widgets.figure.widget import figure
from widgets.heatmap.widget import Matrix, heatmap


def learning_curve(page: State, names: dict[str, str]) -> None:
    """The loss, or for pictures the accuracy, of this run over the others; before any, of a recorded one."""
    shown = page.run
    pictures = shown is not None and charts.kind(shown) == "image"
    with st.container(key="ft_views", horizontal=True, horizontal_alignment="right", gap="small"):
        if pictures:
            view(page, "show")
        view(page, "axis")
    log = page.query["axis"] == "log"
    if shown:
        others = [run for run in page.comparable() if page.on_chart(run)]
        show = page.query["show"] if pictures else "loss"
        spec, alt, rows = charts.loss_chart(shown, others, names, show=show, log=log)
    else:
        spec, alt, rows = first_chart(page.query["base"], page.query["task"], log=log)
    figure(spec, key="ft_loss", alt=alt, text=group("figure"), table=rows)


def update(page: State, run: Run) -> None:
    """ΔW of one layer, and its singular values."""
    layers = run.layers
    if not layers:
        return
    with st.container(key="ft_delta"):
        st.html(heading(Markup('<span class="m">ΔW</span>'), t("fine_tune.delta.about")))
        chosen = layer(page, layers)
        _matrix(run, chosen)
    with st.container(key="ft_values_box"):
        with st.container(key="ft_values_head", horizontal=True, gap="small"):
            st.html(heading(charts.values_title(run, chosen)))
            view(page, "values")
        rank = run.config.adapter.rank if run.config.adapter else None
        about = t("fine_tune.values.full") if rank is None else t("fine_tune.values.about", rank=number(rank))
        st.html(Markup('<p class="cap">{}</p>').format(about))
        draw = charts.spectrum_chart if page.query["values"] == "now" else charts.growth_chart
        spec, alt, rows = draw(run, chosen)
        figure(spec, key=f"ft_spectrum_{page.query['values']}", alt=alt, text=group("figure"), table=rows)


def _matrix(run: Run, chosen: str) -> None:
    """ΔW (d_out, d_in) as a picture."""
    delta = np.nan_to_num(np.asarray(run.delta(chosen), dtype=np.float64))  # a run may have diverged
    limit = float(np.quantile(np.abs(delta), 0.995))  # a few large entries would leave the rest on paper
    rows, cols = map(number, delta.shape)
    size = {"layer": words.layer(chosen), "rows": rows, "cols": cols}
    norm = number(float(np.linalg.norm(delta)), 2)
    heatmap(
        [Matrix(delta, t("fine_tune.delta.alt", **size, step=number(run.step), norm=norm))],
        key="ft_delta_map",
        label=t("fine_tune.delta.label", **size),
        limit=limit,
        palette="div",
        size=(256, 320),
        least="min(100%, 16rem)",
        ends=(f"−{number(limit, 3)}", f"+{number(limit, 3)}"),
    )
