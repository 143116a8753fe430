"""Fine-tune: choose an experiment, train it beside full fine-tuning, compare, take the adapter home.

Controls in one column, the run in the other; on a narrow screen the controls come after the chart.
"""

import streamlit as st
from markupsafe import Markup

from web.fine_tune import words
from web.fine_tune.controls import controls, train_button
from web.fine_tune.experiment import state
from web.fine_tune.first import recorded_on
from web.fine_tune.panels import learning_curve, update
from web.fine_tune.samples import samples
from web.fine_tune.status import status
from web.fine_tune.table import table
from web.kit.i18n import t
from web.kit.live_job import watch


def run() -> None:
    """Everything that changes while a run trains."""
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


page = state()
page.read_url()
page.jobs.sync()
with st.container(key="ft"):
    with st.container(key="ft_side"):
        with st.container(key="ft_controls"):
            controls(page)
        with st.container(key="ft_go"):
            train_button(page)
    with st.container(key="ft_main"):
        watch(page.jobs, run)
