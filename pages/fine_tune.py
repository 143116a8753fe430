"""Fine-tune: a language model that learns a lesson, or the toys, whose every matrix is seen.

Controls in one column, the run in the other; on a narrow screen the controls come after the picture.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import streamlit as st
from markupsafe import Markup

from web.fine_tune import words
from web.fine_tune.controls import controls, train_button
from web.fine_tune.experiment import State, state
from web.fine_tune.first import recorded_on
from web.fine_tune.models import choose_model, is_language
from web.fine_tune.panels import learning_curve, update
from web.fine_tune.samples import samples
from web.fine_tune.status import status
from web.fine_tune.table import table
from web.fine_tune.teach import controls as lesson_controls
from web.fine_tune.teach import panels
from web.fine_tune.teach.own import own_text
from web.fine_tune.teach.state import Teaching, teaching
from web.kit.i18n import t
from web.kit.live_job import watch

P = TypeVar("P", State, Teaching)


@contextmanager
def columns(page: P, controls: Callable[[P], None], button: Callable[[P], None]) -> Iterator[None]:
    """What is set up in one column; what is put in here stands in the other."""
    page.read_url()
    page.jobs.sync()
    with st.container(key="ft"):
        with st.container(key="ft_side"):
            with st.container(key="ft_controls"):
                choose_model()
                controls(page)
            with st.container(key="ft_go"):
                button(page)
        with st.container(key="ft_main"):
            yield


def toys() -> None:
    """An experiment on a toy beside full fine-tuning, compared with others, and taken home."""
    page = state()
    with columns(page, controls, train_button):
        watch(page.jobs, lambda: toy_run(page))


def toy_run(page: State) -> None:
    """Everything that changes while a toy trains."""
    names, shown = words.run_names(page.runs), page.run
    with st.container(key="ft_head"):
        status(page)
    with st.container(key="ft_chart"):
        learning_curve(page, names)
    with st.container(key="ft_rest"):
        if shown and shown.last:
            with st.container(key="ft_change"):
                update(page, shown)
            with st.container(key="ft_samples"):
                samples(shown)
        if shown:
            with st.container(key="ft_table"):
                table(page, names)
        else:
            when = recorded_on(page.query["base"], page.query["task"])
            st.html(Markup('<p class="cap">{}</p>').format(t("fine_tune.empty", day=when)))


def language_model() -> None:
    """A lesson: what the base answers, what it answers as it learns, and after full fine-tuning."""
    page = teaching()
    with columns(page, lesson_controls.controls, lesson_controls.train_button):
        if page.query["lesson"] == "own" and not page.live:
            own_text(page)
        watch(page.jobs, lambda: lesson_run(page))


def lesson_run(page: Teaching) -> None:
    """Everything that changes while a lesson is taught."""
    shown, full = page.shown, page.comparable("full")
    with st.container(key="te_work"):
        with st.container(key="te_head"):
            panels.head(page, shown)
        with st.container(key="te_answer_box"):
            panels.answer_table(shown, full)
            panels.learned(shown)
        with st.container(key="te_loss_box"):
            panels.loss(shown, full)
    panels.home(shown)


if is_language():
    language_model()
else:
    toys()
