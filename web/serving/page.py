"""The page from top to bottom. What runs is asked for three times a second, in a fragment of its own."""

from __future__ import annotations

from collections import Counter
from datetime import date
from html import escape

import streamlit as st

from jobs.job import JobView
from lab.bases.tenants import TENANTS
from lab.runs import serving_record
from lab.runs.serving_config import CHARACTERS, LENGTH, ServeConfig, asked
from lora_core.bounds import ConfigError
from web.kit.i18n import day, group, number, t, tn
from web.kit.refusals import clipped, refused
from web.kit.text import variables
from web.serving import charts, memory, tenants
from web.serving.charts import Found, counted
from web.serving.controls import controls, prompt
from web.serving.state import KEYS_OF, Part, State, found, read_url, recorded, state, sync
from widgets.batch_flow.widget import Slot, batch_flow
from widgets.figure.widget import figure

EVERY = 0.3  # s between two looks at a job that runs
WAITING = 2.0  # s between two looks at one that waits


def serving() -> None:
    page = state()
    read_url(page)
    sync(page)
    page.drawn = _alive(page)
    with st.container(key="sv"):
        with st.container(key="sv_head"):
            st.html(
                f"<h1>{variables(t('serving.title', n=number(page.config.adapters)))}</h1>"
                f'<p class="sv-lead">{variables(t("serving.intro"))}</p>'
            )
            controls(page)
        st.fragment(serve, run_every=pace(page))(page)


def pace(page: State) -> float | None:
    """Seconds until the pool is asked again, spread over those who wait."""
    live = page.live()
    if not live:
        return None
    running = any(view.state == "running" for view in live)
    return EVERY if running else WAITING + hash(live[0].id) % 100 / 100


def serve(page: State) -> None:
    """Everything that changes while something runs."""
    sync(page)
    if page.drawn != _alive(page):
        st.rerun()  # for the button beside this fragment, and for the pace
    config = page.config
    job = page.job("rounds")
    live, shipped = found(job), serving_record.read().of(config.adapters, config.characters)
    shown = live if counted(live) else shipped
    with st.container(key="sv_measure"):
        title = charts.finding(shown) if shown else t("serving.unmeasured")
        st.html(f"<h2>{variables(title)}</h2>{_status(job, shown)}")
        messages(page, "rounds")
        with st.container(key="sv_pictures"):
            with st.container(key="sv_flow"):
                _flow(page)
            with st.container(key="sv_rate"):
                _figure("sv_rates", charts.rate_chart(shown))
                st.html(f'<p class="cap">{t("serving.rate.about")}</p>')
            with st.container(key="sv_latency"):
                _figure("sv_latencies", charts.latency_chart(shown))
                st.html(f'<p class="cap">{t("serving.latency.about")}</p>')
    with st.container(key="sv_rest"):
        if config.characters in CHARACTERS:
            with st.container(key="sv_growth"):
                _growth(config, live)
        with st.container(key="sv_memory"):
            _memory(config.adapters, shown)
    with st.container(key="sv_tenants"):
        _tenants(page)
    with st.container(key="sv_how"):
        st.html(f"<h2>{t('serving.how.title')}</h2><p class='sv-how'>{_how(shown)}</p>")


def _alive(page: State) -> list[tuple[str, str]]:
    return [(view.id, view.state) for view in page.live()]


def _figure(key: str, drawn: charts.Drawn) -> None:
    spec, alt, table = drawn
    figure(spec, key=key, alt=alt, text=group("figure"), table=table)


def _status(job: JobView | None, shown: Found | None) -> str:
    """Where the numbers come from: a hairline while they are measured here, else when they were recorded."""
    if job and job.live:
        done = job.snapshots[-1]["done"] if job.snapshots else 0.0
        rounds = counted(found(job))
        said = _waits(job) or (
            t("serving.round", n=number(rounds), rounds=number(job.config.rounds))
            if rounds
            else t("serving.loading", n=number(job.config.adapters))
        )
        return (
            '<div class="sv-run"><span class="sv-bar" role="progressbar" aria-valuemin="0" '
            f'aria-valuemax="100" aria-valuenow="{round(100 * done)}" aria-label="{t("serving.progress")}">'
            f'<i style="width:{100 * done:.1f}%"></i></span><span>{said}</span></div>'
        )
    if job and counted(found(job)):
        said = tn("serving.measured", counted(found(job)))
    elif shown:
        record = serving_record.read()
        when = day(date.fromisoformat(record.date))
        said = t(
            "serving.recorded", date=when, machine=record.machine, command=f"<code>{record.command}</code>"
        )
    else:
        said = t("serving.press")
    return f'<p class="cap sv-from">{said}</p>'


def _waits(job: JobView) -> str | None:
    if job.state != "queued":
        return None
    return t("serving.queued", place=number(job.position)) if job.position else t("serving.starting")


def messages(page: State, part: Part) -> None:
    """All that the reader should know now of one part: of the link, of the last press, of its last job."""
    told = [_complaint(error) for error in page.complaints if error.values["field"] in KEYS_OF[part]]
    if page.refusal and page.refusal[0] == part:
        told.append(refused(*page.refusal[1:]))
    job = page.job(part)
    if job and job.message_key:
        told.append(refused(job.message_key, job.message_values))
    for text in told:
        st.html(f'<p class="sv-message" role="status">{escape(text)}</p>')


def _complaint(error: ConfigError) -> str:
    """Why a value of the link, or a prompt, is not used."""
    field, value = error.values["field"], clipped(str(error.values["value"]))
    if field == "prompt" and error.key == "choice":
        return t("serving.prompt.unknown", characters=value)
    if error.key == "range":
        return refused(f"limit.{field}", error.values)
    return t("serving.link", name=t(f"serving.control.{field}"), value=value)


def _flow(page: State) -> None:
    """The first batch of the measurement, as it is sent."""
    config = page.config
    wanted = asked(config, 0)
    counts = Counter(name for name in wanted if name)
    order = list(TENANTS)
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
    st.html(f'<p class="cap">{tn("serving.flow.about", none)}</p>')


def _growth(config: ServeConfig, live: Found | None) -> None:
    """The recorded measurements over the number of adapters."""
    record = serving_record.read()
    title, about = charts.growth(record, config.characters), t("serving.growth.about")
    st.html(f"<h2>{variables(title)}</h2><p class='cap'>{about}</p>")
    _figure("sv_over", charts.growth_chart(record, config.adapters, config.characters, live))


def _memory(count: int, shown: Found | None) -> None:
    title = t("serving.memory.title", n=number(count), times=number(memory.times(count), 1))
    reserved = shown.get("reserved") if shown else None
    st.html(f"<h2>{variables(title)}</h2>{memory.table(count, reserved)}")


def _tenants(page: State) -> None:
    """The same prompt to everybody."""
    job = page.job("length")
    live = found(job)
    texts = live["texts"] if live and live["texts"] else recorded(page)
    st.html(f"<h2>{t('serving.texts.title')}</h2><p class='cap'>{variables(t('serving.texts.about'))}</p>")
    prompt(page)
    if job and job.live:
        written = live["written"] if live else 0
        said = _waits(job) or t("serving.texts.writing", n=number(written), length=number(LENGTH))
    elif job:
        said = t("serving.texts.written", seed=number(page.config.seed))
    elif texts:
        said = t("serving.texts.recorded", date=day(date.fromisoformat(serving_record.read().date)))
    else:
        said = t("serving.texts.press")
    st.html(f'<p class="cap sv-from" role="status">{said}</p>')
    messages(page, "length")
    tenants.cards(texts, page.config.prompt, writing=bool(job and job.live))
    low, high = f"−{number(tenants.limit(), 2)}", f"+{number(tenants.limit(), 2)}"
    st.html(
        f'<p class="sv-scale num"><span>{low}</span><i></i><span>{high}</span></p>'
        f'<p class="cap">{variables(t("serving.delta.about"))}</p>'
    )


def _how(shown: Found | None) -> str:
    told = variables(t("serving.how.text"))
    if shown and shown.get("apart") is not None:
        told += " " + t("serving.how.apart", apart=f"{shown['apart']:.0e}")
    return told
