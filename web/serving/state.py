"""What the page remembers of a reader: the settings, what was measured and written. Lives with the session.

The settings are the text of a URL: `adapters` in memory, `characters` of a request, the `prompt` of the texts
and the `seed` of their dice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st

import jobs
from jobs.job import JobView
from jobs.limits import Refused
from lab.runs import serving_record
from lab.runs.serving_config import LENGTH, ServeConfig
from lora_core.bounds import ConfigError
from web.kit.reader import reader_id

KIND = "serve"
KEYS = ("adapters", "characters", "prompt", "seed")
Query = dict[str, str]
Part = Literal["rounds", "length"]
"""What a job is for, measuring or writing: the setting that is above 0."""
KEYS_OF: Mapping[Part, tuple[str, ...]] = {"rounds": ("adapters", "characters"), "length": ("prompt", "seed")}


@dataclass
class State:
    """One reader's page.

    Attributes:
        query: the settings.
        url: the part of the URL that was read or written last; a different one was given by the reader.
        complaints: what the last URL, or the prompt that was typed last, asked for in vain.
        runs: the reader's jobs of this page by id, as the pool last told them, in their order.
        drawn: what ran or waited when the whole page was drawn last: ids and states.
        refusal: why the last press of a button did nothing: which, a key of `jobs`, and its values.
    """

    query: Query
    url: Query = field(default_factory=dict)
    complaints: list[ConfigError] = field(default_factory=list)
    runs: dict[str, JobView] = field(default_factory=dict)
    drawn: list[tuple[str, str]] = field(default_factory=list)
    refusal: tuple[Part, str, Mapping[str, Any]] | None = None

    @property
    def config(self) -> ServeConfig:
        return ServeConfig.from_query(self.query)

    def job(self, part: Part) -> JobView | None:
        """The newest job of this part that was asked for with these settings."""
        wanted = self.config
        for view in reversed(self.runs.values()):
            same = all(getattr(view.config, key) == getattr(wanted, key) for key in KEYS_OF[part])
            if getattr(view.config, part) and same:
                return view
        return None

    def live(self, part: Part | None = None) -> list[JobView]:
        """What runs or waits, of one part or of both."""
        return [
            view for view in self.runs.values() if view.live and (part is None or getattr(view.config, part))
        ]


def usual() -> Query:
    """The settings that the page opens with."""
    return {key: ServeConfig().to_query()[key] for key in KEYS}


def read(url: Mapping[str, str]) -> tuple[Query, list[ConfigError]]:
    """The settings of a URL; what it does not name, or names wrongly, is as usual."""
    query, complaints = usual(), []
    for key in KEYS:
        if key in url:
            try:
                query[key] = ServeConfig.from_query({key: url[key]}).to_query()[key]
            except ConfigError as error:
                complaints.append(error)
    return query, complaints


def state() -> State:
    """The state of this session, made at the first visit."""
    if "serving" not in st.session_state:
        st.session_state["serving"] = State(usual())
    found: State = st.session_state["serving"]
    return found


def read_url(page: State) -> None:
    """Take the settings from the URL when the reader gave new ones: a link, or back and forward."""
    url = {key: value for key, value in st.query_params.to_dict().items() if key in KEYS}
    if url and url != page.url:
        page.query, page.complaints = read(url)
        page.url = url
    elif not url and page.query != usual():
        write_url(page)  # back from another page, whose link has no settings


def write_url(page: State) -> None:
    """Put what is not as usual into the URL, and what stands there already."""
    standing = st.query_params.to_dict()
    page.url = {key: value for key, value in page.query.items() if key in standing or value != usual()[key]}
    st.query_params.update(page.url)  # all at once: one step of the browser's history


def change(page: State, key: str, value: str) -> None:
    """One control moved. A value that cannot be changes nothing, and is complained of."""
    found, complaints = read({**page.query, key: value})
    page.complaints, page.refusal = complaints, None
    if not complaints:
        page.query = found
        write_url(page)


def measure(page: State) -> None:
    """Ask the pool for a measurement with these settings."""
    config = page.config
    _submit(page, "rounds", ServeConfig(adapters=config.adapters, characters=config.characters))


def write(page: State) -> None:
    """Ask the pool for new texts: with other dice where this prompt has its text already."""
    if page.job("length") or recorded(page) is not None:
        change(page, "seed", str(page.config.seed + 1))
    config = page.config
    _submit(page, "length", ServeConfig(rounds=0, length=LENGTH, prompt=config.prompt, seed=config.seed))


def recorded(page: State) -> Mapping[str, str] | None:
    """The recorded texts of this prompt and seed."""
    return serving_record.read().texts.get(page.config.prompt) if page.config.seed == 0 else None


def stop(page: State, part: Part) -> None:
    """Stop what runs or waits of one part."""
    for view in page.live(part):
        try:
            jobs.pool().cancel(view.id, reader_id())
        except Refused:
            del page.runs[view.id]


def sync(page: State) -> None:
    """Ask the pool how the reader's jobs are, those of before a reload too. Renews the leases."""
    pool = jobs.pool()
    for job in pool.of(reader_id(), KIND):
        if job not in page.runs or page.runs[job].live:
            try:
                page.runs[job] = pool.poll(job, reader_id())
            except Refused:
                page.runs.pop(job, None)


def _submit(page: State, part: Part, config: ServeConfig) -> None:
    page.refusal = None
    try:
        jobs.pool().submit(config, reader_id())
    except Refused as refused:
        page.refusal = part, refused.key, refused.values
    sync(page)


def found(view: JobView | None) -> Mapping[str, Any] | None:
    """What a job has found so far."""
    return view.snapshots[-1]["result"] if view and view.snapshots else None
