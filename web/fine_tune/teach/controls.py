"""The controls of a lesson: few at first, the rest folded. Each shows what the URL says and writes it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from markupsafe import Markup

from lab.bases.lessons import lesson_called
from lab.bases.lessons.reward import QUESTIONS
from lab.runs.language_config import missing_model
from lab.settings import text
from lora_core.config import METHODS
from web.fine_tune import lesson_words
from web.fine_tune.controls import RANKS, RATES
from web.fine_tune.teach.state import OFFERED, Teaching
from web.kit.controls import choose, meaning
from web.kit.i18n import duration, number, scientific, t, tn

ALPHAS = [8, 16, 32, 64, 128]
BATCHES = [1, 2, 4, 8, 16]
STEPS = [6, 12, 24, 40, 60, 100, 150, 200, 300]
SEEDS = [0, 1, 2, 3]


def controls(page: Teaching) -> None:
    """Lesson, method, rank and rate; alpha, batch, steps and seed one press away."""
    choose(
        st.radio,
        t("teach.lesson"),
        {name: lesson_words.name(name) for name in OFFERED},
        page.query["lesson"],
        "te_lesson",
        lambda value: page.change("lesson", value),
        captions=[_about(name) if name == page.query["lesson"] else "" for name in OFFERED],
    )
    choose(
        st.selectbox,
        t("fine_tune.control.method"),
        {name: t(f"fine_tune.method.{name}") for name in (*METHODS, "full")},
        page.query["method"],
        "te_method",
        lambda value: page.change("method", value),
        help=meaning("adapter", "full_fine_tuning"),
        filter_mode=None,
    )
    with st.container(key="te_pair"):
        if page.query["method"] != "full":
            _slider(page, "rank", RANKS, "rank")
        _slider(page, "lr", RATES, "learning_rate")
    with st.expander(t("teach.more"), key="te_more"):
        if page.query["method"] != "full":
            _slider(page, "alpha", ALPHAS, "alpha", "scale")
        _slider(page, "steps", STEPS, "step")
        _slider(page, "batch", BATCHES, "batch")
        _slider(page, "seed", SEEDS, "seed")


def _about(lesson: str) -> str:
    """What a lesson holds, in one line."""
    known = lesson_called(lesson)
    return lesson_words.about(lesson, len(QUESTIONS if known.kind == "reward" else known.train()))


def _slider(page: Teaching, key: str, usual: Sequence[float], *terms: str) -> None:
    """A slider over the usual values, and that of a link."""
    value = page.query[key]
    options = sorted({*(text(float(f"{each:.3g}")) for each in usual), value}, key=float)
    write = scientific if key == "lr" else number
    choose(
        st.select_slider,
        t(f"fine_tune.control.{key}"),
        {option: write(float(option)) for option in options},
        value,
        f"te_{key}",
        lambda moved: page.change(key, moved),
        help=meaning(*terms),
    )


def train_button(page: Teaching) -> None:
    """Train, or stop what trains, and what a press will take."""
    live = page.live is not None
    st.button(
        t("fine_tune.stop" if live else "fine_tune.train"),
        key="te_stop" if live else "te_train",
        on_click=page.stop if live else page.train,
        type="primary",
        width="stretch",
        disabled=not live and (bool(missing_model()) or not page.ready),
    )
    st.html(Markup('<p class="te-takes">{}</p>').format(_takes(page)))


def _takes(page: Teaching) -> str:
    """How long a run of these settings takes: as measured in this session, else of a core as recorded."""
    config = page.config
    steps = tn("fine_tune.setting.steps", config.steps)
    mine = [view for view in page.jobs.views.values() if view.state == "done" and view.snapshots]
    same = [
        view.snapshots[-1]["seconds"] / view.config.steps
        for view in mine
        if (view.config.lesson, view.config.method) == (config.lesson, config.method)
    ]
    if same:
        return t("teach.takes.here", steps=steps, time=duration(same[-1] * config.steps))
    record = page.comparable(config.method) or page.comparable(lesson_called(config.lesson).method)
    if record is None:
        return t("teach.takes.unknown", steps=steps)
    each = record.cpu_seconds / max(1, record.snapshot.steps)
    return t("teach.takes.recorded", steps=steps, time=duration(each * config.steps))
