"""A reader's jobs on a page: asked for, looked at while they live, stopped, found again after a reload.

Looking renews a job's lease (`jobs.limits`), so what nobody watches ends by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st

import jobs
from jobs.job import JobView
from jobs.limits import Refused
from web.kit.reader import reader_id

EVERY = 0.3  # s between two looks at a job that runs
WAITING = 2.0  # s between two looks at one that waits: a class in the queue must not be all the server does

Refusal = tuple[str, Mapping[str, Any]]
"""Why the pool took no job: a key of `jobs` in the strings, and the values of its sentence."""


@dataclass
class LiveJobs:
    """One reader's jobs of a kind, as the pool described them last.

    Attributes:
        kind: of `jobs.kinds`.
        kept: how many are remembered; the oldest goes when one more comes.
        reduce: what is kept of an ended job's view, where that is not all of it.
        views: by id, in the order in which they were asked for.
        numbers: by id, counted over the session from 1.
        forgotten: ids of jobs that the page no longer shows, though the pool may still know them.
        refusal: why the last request was not taken.
    """

    kind: str
    kept: int = 24
    reduce: Callable[[JobView], JobView] = lambda view: view
    views: dict[str, JobView] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    refusal: Refusal | None = None

    def submit(self, config: Any) -> str | None:
        """Ask the pool for a job; its id, or None where it was refused."""
        self.refusal = None
        try:
            job = jobs.pool().submit(config, reader_id())
        except Refused as refused:
            self.refusal = refused.key, refused.values
            return None
        self.poll(job)
        return job

    def cancel(self, job: str) -> None:
        """Stop a job that runs or waits."""
        try:
            jobs.pool().cancel(job, reader_id())
        except Refused as refused:
            self._lose(job, refused)

    def forget(self, job: str) -> None:
        """Show a job no more; if it lives, it stops."""
        if self.views[job].live:
            self.cancel(job)
        del self.views[job]
        self.forgotten.add(job)

    def poll(self, job: str) -> None:
        """Ask the pool how a job is."""
        try:
            view = jobs.pool().poll(job, reader_id())
        except Refused as refused:
            self._lose(job, refused)
            return
        self.numbers.setdefault(job, len(self.numbers) + 1)
        self.views[job] = view if view.live else self.reduce(view)
        for old in [*self.views][: -self.kept]:
            self.forget(old)

    def sync(self) -> None:
        """Ask the pool how every job is that lives, and find those of before a reload, or of another page."""
        live = [view.id for view in self.views.values() if view.live]
        found = jobs.pool().of(reader_id(), self.kind)
        for job in [*live, *(job for job in found if job not in self.views and job not in self.forgotten)]:
            self.poll(job)

    def _lose(self, job: str, refused: Refused) -> None:
        """The pool does not know a job any more. What was seen of it stays, and it says why it ended."""
        if job in self.views:
            self.views[job] = replace(
                self.views[job], state="failed", position=None, message_key=refused.key, message_values={}
            )


def pace(views: Sequence[JobView]) -> float | None:
    """Seconds until the pool is asked again, spread over those who wait: a class presses Train together."""
    live = [view for view in views if view.live]
    if not live:
        return None
    running = any(view.state == "running" for view in live)
    return EVERY if running else WAITING + hash(live[0].id) % 100 / 100


def watch(
    reader: LiveJobs, draw: Callable[[], None], mine: Callable[[], Sequence[JobView]] | None = None
) -> None:
    """Draw a part of the page in a fragment of its own, again and again while a job of it lives.

    The whole page is drawn anew when a job begins, is given its place, or ends: the buttons beside the
    fragment, and the time until the next look, depend on it.

    Args:
        mine: the jobs that the part shows, now; all of the reader's unless given.
    """
    shown = mine or (lambda: [*reader.views.values()])
    before = _alive(shown())

    def part() -> None:
        if before:
            reader.sync()
        if _alive(shown()) != before:
            st.rerun()
        draw()

    st.fragment(part, run_every=pace(shown()))()


def _alive(views: Sequence[JobView]) -> list[tuple[str, str]]:
    return [(view.id, view.state) for view in views if view.live]
