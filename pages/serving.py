"""Serving: one base, many adapters, requests for different adapters in one batch."""

import streamlit as st

from lab.runs import serving_record
from lab.runs.serving_config import CHARACTERS
from web.kit.i18n import t
from web.kit.live_job import watch
from web.kit.text import heading, variables
from web.serving import panels
from web.serving.charts import latency_chart, rate_chart, rounds_of
from web.serving.controls import controls, prompt
from web.serving.state import found, state


def serve() -> None:
    """Everything that changes while something runs."""
    config, live = page.config, found(page.job("rounds"))
    shown = live if rounds_of(live) else serving_record.read().of(config.adapters, config.characters)
    with st.container(key="sv_measure"):
        panels.finding(page, shown)
        with st.container(key="sv_pictures"):
            with st.container(key="sv_flow"):
                panels.flow(config)
            with st.container(key="sv_rate"):
                panels.chart("sv_rates", rate_chart(shown), t("serving.rate.about"))
            with st.container(key="sv_latency"):
                panels.chart("sv_latencies", latency_chart(shown), t("serving.latency.about"))
        panels.about(page, shown)
    with st.container(key="sv_rest"):
        if config.characters in CHARACTERS:
            with st.container(key="sv_growth"):
                panels.growth(config, live)
        with st.container(key="sv_memory"):
            panels.memory_counts(config.adapters, shown)
    with st.container(key="sv_tenants"):
        st.html(heading(t("serving.texts.title"), variables(t("serving.texts.about"))))
        prompt(page)
        panels.texts(page)
    with st.container(key="sv_how"):
        panels.method(shown)


page = state()
page.read_url()
page.jobs.sync()
with st.container(key="sv"):
    with st.container(key="sv_head"):
        panels.introduction(page.config.adapters)
        controls(page)
    watch(page.jobs, serve)
