"""The runs of this page as a table, and what can be taken home of the one that is shown."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

import streamlit as st

from web.fine_tune import cost, experiment, words
from web.fine_tune.experiment import State
from web.fine_tune.runs import Run, curve_csv, file_stem
from web.fine_tune.take_home import adapter_button
from web.kit.colours import method_colour
from web.kit.i18n import duration, group, language, number, percent, scientific, t
from web.kit.text import heading
from widgets.copy_link.widget import copy_link
from widgets.runs.widget import Column, Row, runs_table

PATH = "./fine-tune"


def table(page: State, names: dict[str, str]) -> None:
    """Every run of this session, the newest first, and full fine-tuning beside the shown one."""
    st.html(heading(t("fine_tune.runs.title"), t("fine_tune.runs.about")))
    columns = [
        Column(t("fine_tune.control.rank"), symbol="r"),
        Column(t("fine_tune.control.alpha"), symbol="α", kind="wide"),
        Column(t("fine_tune.runs.lr"), kind="h"),
        Column(t("fine_tune.runs.trained"), kind="h"),
        Column(t("fine_tune.runs.loss")),
        Column(t("fine_tune.runs.accuracy"), kind="h"),
        Column(t("fine_tune.runs.behind"), kind="h"),
        Column(t("fine_tune.runs.time"), kind="wide"),
    ]
    rows = [_yardstick(page.run)] if page.run and page.run.config.yardstick else []
    rows += [_row(page, run, names) for run in reversed(page.runs)]
    if not any(run.curve("run", "accuracy")[0] for run in page.runs):
        at = next(i for i, column in enumerate(columns) if column.label == t("fine_tune.runs.accuracy"))
        del columns[at]
        rows = [_without(row, at) for row in rows]
    runs_table(
        columns,
        rows,
        key="ft_runs",
        text=group("fine_tune.runs"),
        on_act=partial(act, page),
    )
    if page.run:
        take_home(page.run)


def act(page: State, what: str, job: str) -> None:
    """The reader pressed something in the table."""
    if what == "remove":
        page.jobs.forget(job)
        return
    for run in [run for run in page.runs if run.id == job]:
        if what == "show":
            page.shown = run.id
        elif what == "chart":
            page.overlaid[run.id] = not page.on_chart(run)


def take_home(run: Run) -> None:
    """The link of a run, its adapter and its curve."""
    with st.container(key="ft_take", horizontal=True, gap="small"):
        path = f"{PATH}?{urlencode({**experiment.to_link(run.config), 'lang': language()})}"
        words_of_link = {name: t(f"fine_tune.link.{name}") for name in ("copy", "copied", "not_copied")}
        copy_link(path, key="ft_copy", text=words_of_link)
        if run.view.adapter is not None:
            adapter_button(run.view.adapter, file_stem(run), key="ft_adapter")
        if run.last is not None and not run.view.live:
            head = [t(f"fine_tune.csv.{name}") for name in CSV_HEAD]
            st.download_button(
                t("fine_tune.download.curve"),
                "\ufeff" + curve_csv(run, head),  # with a mark, or spreadsheets misread Thai
                file_name=f"{file_stem(run)}.csv",
                mime="text/csv",
                key="ft_curve",
                on_click="ignore",
            )


CSV_HEAD = ("step", "run_train", "full_train", "run_test", "full_test", "run_accuracy", "full_accuracy")


def _row(page: State, run: Run, names: dict[str, str]) -> Row:
    config, adapter = run.config, run.config.adapter
    settings = [t(f"tasks.task.{config.task}")]
    settings += [words.setting(name, run) for name in ("targets", "batch", "steps", "seed")]
    if run.view.device:
        settings.append(t(f"fine_tune.device.{run.view.device}"))
    if run.view.state != "done":
        settings.append(t(f"fine_tune.state.{run.view.state}"))
    return Row(
        id=run.id,
        name=names[run.id],
        settings=" · ".join(settings),
        colour=method_colour(words.method(config)),
        cells=[
            number(adapter.rank) if adapter else "—",
            number(adapter.alpha) if adapter else "—",
            scientific(config.lr),
            number(cost.trained(config)),
            _or_dash(run.result("run")),
            _share(run.result("run", "accuracy")),
            _or_dash(run.behind()).replace("-", "−"),
            duration(run.seconds) if run.last else "—",
        ],
        now=run == page.run,
        charted=page.on_chart(run),
        comparable=run in page.comparable(),
    )


def _yardstick(run: Run) -> Row:
    """Full fine-tuning as it trained beside the shown run: of the same matrices, at its own rate."""
    full = experiment.yardstick_of(run.config)
    return Row(
        id="",
        name=t("fine_tune.method.full"),
        settings=t("fine_tune.runs.beside"),
        colour=method_colour("full"),
        cells=[
            "—",
            "—",
            scientific(full.lr),
            number(cost.trained(full)),
            _or_dash(run.result("yardstick")),
            _share(run.result("yardstick", "accuracy")),
            "",
            "",
        ],
    )


def _without(row: Row, at: int) -> Row:
    return Row(**{**vars(row), "cells": [cell for i, cell in enumerate(row.cells) if i != at]})


def _or_dash(value: float | None) -> str:
    return "—" if value is None else number(value, 2)


def _share(value: float | None) -> str:
    return "—" if value is None else percent(value, 1)
