"""The parts of the page: where the numbers come from, the batch, the counts, the texts."""

from __future__ import annotations

from collections import Counter
from datetime import date

import streamlit as st
from markupsafe import Markup

from jobs.job import JobView
from lab.bases.tenants import TENANTS
from lab.runs import serving_record
from lab.runs.serving_config import LENGTH, ServeConfig, asked
from lora_core.bounds import ConfigError
from web.kit.i18n import day, group, number, t, tn
from web.kit.progress import progress
from web.kit.refusals import clipped, refused
from web.kit.text import heading, variables
from web.serving import charts, memory, tenants
from web.serving.charts import Found, rounds_of
from web.serving.state import KEYS_OF, Part, State, found
from widgets.batch_flow.widget import Slot, batch_flow
from widgets.figure.widget import figure


def introduction(adapters: int) -> None:
    """The title."""
    st.html(Markup("<h1>{}</h1>").format(variables(t("serving.title", n=number(adapters)))))


def finding(page: State, shown: Found | None) -> None:
    """What the numbers say, how far a measurement is, and what the reader should know of them."""
    title, job = charts.finding(shown) if shown else t("serving.unmeasured"), page.job("rounds")
    st.html(heading(variables(title)) + (source(job, shown) if job and job.live else ""))
    messages(page, "rounds")


def about(page: State, shown: Found | None) -> None:
    """Below the pictures: what is done here, and where the numbers come from once they are measured."""
    job = page.job("rounds")
    if not (job and job.live):
        st.html(source(job, shown))
    st.html(Markup('<p class="sv-lead">{}</p>').format(variables(t("serving.intro"))))


def chart(key: str, drawn: charts.Drawn, about: str = "") -> None:
    """A figure, and a sentence below it."""
    spec, alt, table = drawn
    figure(spec, key=key, alt=alt, text=group("figure"), table=table)
    if about:
        st.html(_caption(about))


def source(job: JobView | None, shown: Found | None) -> Markup:
    """Where the numbers come from: a hairline while they are measured here, else when they were recorded."""
    rounds = rounds_of(found(job))
    if job and job.live:
        done = job.snapshots[-1]["done"] if job.snapshots else 0.0
        text = _waiting(job)
        if not text and rounds:
            text = t("serving.round", n=number(rounds), rounds=number(job.config.rounds))
        elif not text:
            text = t("serving.loading", n=number(job.config.adapters))
        return progress("sv-run", t("serving.progress"), done, text)
    if job and rounds:
        text = tn("serving.measured", rounds)
    elif shown:
        record = serving_record.read()
        command = Markup("<code>{}</code>").format(serving_record.COMMAND)
        when = day(date.fromisoformat(record.date))
        text = Markup(t("serving.recorded")).format(date=when, machine=record.machine, command=command)
    else:
        text = t("serving.press")
    return Markup('<p class="cap sv-from">{}</p>').format(text)


def _waiting(job: JobView) -> str | None:
    if job.state != "queued":
        return None
    return t("serving.queued", place=number(job.position)) if job.position else t("serving.starting")


def messages(page: State, part: Part) -> None:
    """All that the reader should know now of one part: of the link, of the last press, of its last job."""
    texts = [_invalid(error) for error in page.invalid if error.values["field"] in KEYS_OF[part]]
    if page.jobs.refusal and page.asked == part:
        texts.append(refused(*page.jobs.refusal))
    job = page.job(part)
    if job and job.message_key:
        texts.append(refused(job.message_key, job.message_values))
    for text in texts:
        st.html(Markup('<p class="sv-message" role="status">{}</p>').format(text))


def _invalid(error: ConfigError) -> str:
    """Why a value of the link, or a prompt, is not used."""
    field, value = error.values["field"], clipped(str(error.values["value"]))
    if field == "prompt" and error.key == "choice":
        return t("serving.prompt.unknown", characters=value)
    if error.key == "range":
        return refused(f"limit.{field}", error.values)
    return t("serving.link", name=t(f"serving.control.{field}"), value=value)


def flow(config: ServeConfig) -> None:
    """The first batch of the measurement, as it is sent."""
    wanted = asked(config, 0)
    order = list(TENANTS)
    counts = Counter(name for name in wanted if name)
    names = sorted(counts, key=lambda name: (order.index(name.split("/")[0]), name))
    slots = [
        Slot(tenants.sign(name.split("/")[0]), tenants.colour(name.split("/")[0]), copy="/" in name)
        for name in names
    ]
    none = sum(name is None for name in wanted)
    text = {
        "requests": t("serving.flow.requests", n=number(config.requests)),
        "base": t("serving.flow.base"),
        "adapters": tn("serving.flow.adapters", len(names)),
        "answers": t("serving.flow.answers"),
    }
    alt = t("serving.flow.alt", n=number(config.requests), adapters=number(len(names)), none=number(none))
    batch_flow(
        [names.index(name) if name else None for name in wanted], slots, key="sv_batch", alt=alt, text=text
    )
    st.html(_caption(tn("serving.flow.about", none)))


def growth(config: ServeConfig, live: Found | None) -> None:
    """The recorded measurements over the number of adapters."""
    record = serving_record.read()
    st.html(heading(variables(charts.growth(record, config.characters)), t("serving.growth.about")))
    chart("sv_over", charts.growth_chart(record, config.adapters, config.characters, live))


def memory_counts(count: int, shown: Found | None) -> None:
    """Base and adapters against whole models."""
    title = t("serving.memory.title", n=number(count), times=number(memory.times(count), 1))
    st.html(heading(variables(title)) + memory.table(count, shown.get("reserved") if shown else None))


def texts(page: State) -> None:
    """What everybody makes of the same prompt."""
    job = page.job("length")
    live, writing = found(job), bool(job and job.live)
    shown = live["texts"] if live and live["texts"] else page.recorded_texts()
    if job and writing:
        count = number(live["written"] if live else 0)
        text = _waiting(job) or t("serving.texts.writing", n=count, length=number(LENGTH))
    elif job:
        text = t("serving.texts.written", seed=number(page.config.seed))
    elif shown:
        text = t("serving.texts.recorded", date=day(date.fromisoformat(serving_record.read().date)))
    else:
        text = t("serving.texts.press")
    st.html(Markup('<p class="cap sv-from" role="status">{}</p>').format(text))
    messages(page, "length")
    tenants.cards(shown, page.config.prompt, writing=writing)
    limit = number(tenants.limit(), 2)
    scale = Markup('<p class="sv-scale num"><span>−{}</span><i></i><span>+{}</span></p>').format(limit, limit)
    st.html(scale + _caption(variables(t("serving.delta.about"))))


def method(shown: Found | None) -> None:
    """How it was measured."""
    text = variables(t("serving.how.text"))
    if shown and shown.get("apart") is not None:
        text += Markup(" {}").format(t("serving.how.apart", apart=f"{shown['apart']:.0e}"))
    st.html(Markup('<h2>{}</h2><p class="sv-how">{}</p>').format(t("serving.how.title"), text))


def _caption(text: str) -> Markup:
    return Markup('<p class="cap">{}</p>').format(text)
