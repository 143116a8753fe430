"""The page from top to bottom. What trains is asked for three times a second, in a fragment of its own."""

from __future__ import annotations

import numpy as np
import streamlit as st

from web.fine_tune import charts, words
from web.fine_tune.controls import controls, go, layer, view
from web.fine_tune.first import first_chart, recorded_on
from web.fine_tune.progress import caution, head
from web.fine_tune.runs import Run
from web.fine_tune.samples import samples
from web.fine_tune.state import State, read_url, state, sync, train_everything
from web.fine_tune.table import table
from web.kit.i18n import group, number, t
from widgets.figure.widget import figure
from widgets.heatmap.widget import Matrix, heatmap

EVERY = 0.3  # s between two looks at a run that trains
WAITING = 2.0  # s between two looks at a run that waits: a class in the queue must not be all the server does


def fine_tune() -> None:
    """Controls in one column, the run in the other; on a narrow screen the controls come after the chart."""
    page = state()
    read_url(page)
    sync(page)
    with st.container(key="ft"):
        with st.container(key="ft_side"):
            with st.container(key="ft_controls"):
                controls(page)
            with st.container(key="ft_go"):
                go(page)
        with st.container(key="ft_main"):
            st.fragment(run, run_every=pace(page))(page)


def pace(page: State) -> float | None:
    """Seconds until the pool is asked again, spread over those who wait: a class presses Train together."""
    if page.live is None:
        return None
    return EVERY if page.live.view.state == "running" else WAITING + hash(page.live.id) % 100 / 100


def run(page: State) -> None:
    """Everything that changes while a run trains."""
    was = page.live and page.live.id, pace(page)
    sync(page)
    if was != (page.live and page.live.id, pace(page)):
        st.rerun()  # for the button beside this fragment, Train or Stop, and for the pace
    names = words.run_names(page.runs)
    with st.container(key="ft_head"):
        head(page)
        _caution(page)
    with st.container(key="ft_chart"):
        _chart(page, names)
    with st.container(key="ft_rest"):
        if page.run and page.run.last:
            with st.container(key="ft_change"):
                _change(page, page.run)
            with st.container(key="ft_samples"):
                samples(page.run)
        if page.run:
            with st.container(key="ft_table"):
                table(page, names)
        else:
            when = recorded_on(page.query["base"], page.query["task"])
            st.html(f'<p class="cap">{t("fine_tune.empty", day=when)}</p>')


def _caution(page: State) -> None:
    text = caution(page)
    if text:
        with st.container(key="ft_caution"):
            st.html(f'<p class="ft-message">{text}</p>')
            st.button(t("fine_tune.everything"), key="ft_everything", on_click=train_everything, args=(page,))


def _chart(page: State, names: dict[str, str]) -> None:
    """The loss, or for pictures the accuracy, of this run over the others."""
    shown = page.run
    pictures = shown is not None and charts.kind(shown) == "image"
    with st.container(key="ft_views", horizontal=True, horizontal_alignment="right", gap="small"):
        if pictures:
            view(page, "show")
        view(page, "axis")
    show = page.query["show"] if pictures else "loss"
    others = [run for run in page.comparable() if page.on_chart(run)]
    log = page.query["axis"] == "log"
    spec, alt, rows = (
        charts.loss_chart(shown, others, names, show=show, log=log)
        if shown
        else first_chart(page.query["base"], page.query["task"], log=log)
    )
    figure(spec, key="ft_loss", alt=alt, text=group("figure"), table=rows)


def _change(page: State, shown: Run) -> None:
    """ΔW of one layer, and its singular values."""
    layers = shown.layers
    if not layers:
        return
    with st.container(key="ft_delta"):
        st.html(f'<h2><span class="m">ΔW</span></h2><p class="cap">{t("fine_tune.delta.about")}</p>')
        chosen = layer(page, layers)
        delta = np.nan_to_num(np.asarray(shown.delta(chosen), dtype=np.float64))  # a run may have diverged
        limit = float(np.quantile(np.abs(delta), 0.995))  # a few large entries would leave the rest on paper
        rows, cols = delta.shape
        alt = t(
            "fine_tune.delta.alt",
            layer=words.layer(chosen),
            rows=number(rows),
            cols=number(cols),
            step=number(shown.step),
            norm=number(float(np.linalg.norm(delta)), 2),
        )
        size = words.layer(chosen), number(rows), number(cols)
        heatmap(
            [Matrix(delta, alt)],
            key="ft_delta_map",
            label=t("fine_tune.delta.label", layer=size[0], rows=size[1], cols=size[2]),
            limit=limit,
            palette="div",
            size=(256, 320),
            least="min(100%, 16rem)",
            ends=(f"−{number(limit, 3)}", f"+{number(limit, 3)}"),
        )
    with st.container(key="ft_values_box"):
        with st.container(key="ft_values_head", horizontal=True, gap="small"):
            st.html(f"<h2>{charts.values_title(shown, chosen)}</h2>")
            view(page, "values")
        rank = shown.config.adapter.rank if shown.config.adapter else None
        about = t("fine_tune.values.full") if rank is None else t("fine_tune.values.about", rank=number(rank))
        st.html(f'<p class="cap">{about}</p>')
        draw = charts.spectrum_chart if page.query["values"] == "now" else charts.growth_chart
        spec, alt, rows_ = draw(shown, chosen)
        figure(spec, key=f"ft_spectrum_{page.query['values']}", alt=alt, text=group("figure"), table=rows_)
