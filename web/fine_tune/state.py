"""What the page remembers of a reader: the experiment, the runs, what is shown. Lives with the session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

import jobs
from jobs.limits import Refused
from web.fine_tune import experiment
from web.fine_tune.experiment import Complaint, Query
from web.fine_tune.runs import KEPT, Run
from web.kit.reader import reader_id


@dataclass
class State:
    """One reader's page.

    Attributes:
        query: the experiment that is set up.
        url: the part of the URL that was read or written last; a different one was given by the reader.
        complaints: what the last URL asked for in vain.
        runs: in the order they were started.
        removed: ids of runs the reader took out of the table.
        shown: id of the run whose pictures and samples are shown; None is the newest.
        overlaid: ids of runs the reader put on the chart or took off it, and which of the two.
        refusal: why the last press of Train did nothing.
        brought: values of sliders that came with a link, and are not among the usual ones.
    """

    query: Query
    url: Query = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    count: int = 0
    removed: set[str] = field(default_factory=set)
    shown: str | None = None
    overlaid: dict[str, bool] = field(default_factory=dict)
    refusal: tuple[str, dict[str, Any]] | None = None
    brought: dict[str, set[str]] = field(default_factory=dict)

    @property
    def run(self) -> Run | None:
        """The run that is shown."""
        chosen = [run for run in self.runs if run.id == self.shown] or self.runs[-1:]
        return chosen[0] if chosen else None

    @property
    def live(self) -> Run | None:
        """The reader's run that trains, else the first that waits."""
        live = sorted(
            (run for run in self.runs if run.view.live), key=lambda run: run.view.state != "running"
        )
        return live[0] if live else None

    def on_chart(self, run: Run) -> bool:
        """Whether a run is drawn: as the reader said, else if it is one of the newest four, or shown."""
        return run is self.run or self.overlaid.get(run.id, run in self.comparable()[-4:])

    def comparable(self) -> list[Run]:
        """The runs of the same base and task as the one that is shown: their losses can stand on one axis."""
        if self.run is None:
            return []
        pair = self.run.config.base, self.run.config.task
        return [run for run in self.runs if (run.config.base, run.config.task) == pair]


def state() -> State:
    """The state of this session, made at the first visit."""
    if "fine_tune" not in st.session_state:
        st.session_state["fine_tune"] = State(query=experiment.read({})[0])
    found: State = st.session_state["fine_tune"]
    return found


def read_url(page: State) -> None:
    """Take the experiment from the URL when the reader gave a new one: a link, or back and forward."""
    url = {key: value for key, value in st.query_params.to_dict().items() if key in experiment.KEYS}
    if url and url != page.url:
        page.query, page.complaints = experiment.read(url)
        page.url = url
    elif not url and page.query != experiment.read({})[0]:
        write_url(page)  # back from another page, whose link has no settings


def write_url(page: State) -> None:
    """Put every control into the URL, beside what others keep there."""
    page.url = experiment.to_url(page.query, st.query_params.to_dict())
    st.query_params.update(page.url)  # all at once: one step of the browser's history


def change(page: State, key: str, value: str) -> None:
    """One control moved."""
    page.query = experiment.change(page.query, key, value)
    page.complaints = []
    page.refusal = None
    write_url(page)


def train_everything(page: State) -> None:
    """Set up what the failing task needs: full fine-tuning with the embeddings."""
    full = experiment.change(page.query, "method", "full")
    page.query = full  # the second change writes both into the URL
    change(page, "targets", experiment.everything(full["base"]) or full["targets"])


def train(page: State) -> None:
    """Ask the pool for a run of the experiment."""
    page.refusal = None
    try:
        job = jobs.pool().submit(experiment.config_of(page.query), reader_id())
    except Refused as refused:
        page.refusal = refused.key, refused.values
        return
    page.shown = None
    _add(page, job)
    write_url(page)


def stop(page: State) -> None:
    """Stop the run that trains, or the one that waits."""
    if page.live:
        _cancel(page.live)


def remove(page: State, job: str) -> None:
    """Take a run out of the table; if it trains, it stops."""
    for run in [run for run in page.runs if run.id == job]:
        if run.view.live:
            _cancel(run)
        page.runs.remove(run)
    page.removed.add(job)
    if page.shown == job:
        page.shown = None


def sync(page: State) -> None:
    """Ask the pool how the reader's runs are, and find those of before a reload. Renews the leases."""
    pool = jobs.pool()
    known = {run.id for run in page.runs} | page.removed
    for job in pool.of(reader_id(), "train"):
        if job not in known:
            _add(page, job)
    for run in page.runs:
        if run.view.live:
            try:
                run.take(pool.poll(run.id, reader_id()))
            except Refused as refused:
                run.lose(refused.key)


def _add(page: State, job: str) -> None:
    try:
        view = jobs.pool().poll(job, reader_id())
    except Refused:
        return
    page.count += 1
    run = Run(page.count, view)
    run.take(view)
    page.runs.append(run)
    for old in page.runs[:-KEPT]:
        remove(page, old.id)


def _cancel(run: Run) -> None:
    try:
        jobs.pool().cancel(run.id, reader_id())
    except Refused as refused:
        run.lose(refused.key)
