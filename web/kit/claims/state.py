"""What the page remembers of a reader: each card's settings, its view, its live run. Lives with the session.

The URL holds what differs from the usual, `c07_invariance.p=3`, so that a link opens the same page.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

import jobs
from jobs.job import JobView
from jobs.limits import Refused
from lab.claims import ExperimentConfig, Result, load
from lora_core.config import ConfigError
from web.kit.claims.figures import VIEWS
from web.kit.reader import reader_id

KIND = "experiment"
VIEW = "view"


@dataclass
class Card:
    """One card.

    Attributes:
        config: what a live run would be asked for.
        view: which of its figures is shown.
        run: the newest live run, as the pool last told it.
        refusal: why the last press did nothing.
        complaint: what the link asked for in vain: a key of the settings and its value.
        pace: seconds between two looks, as the page was last drawn.
    """

    config: ExperimentConfig
    view: str
    run: JobView | None = None
    refusal: tuple[str, Mapping[str, Any]] | None = None
    complaint: tuple[str, str] | None = None
    pace: float | None = None

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def live(self) -> bool:
        return self.run is not None and self.run.live

    @property
    def last(self) -> Mapping[str, Any] | None:
        """The newest snapshot of the live run."""
        return self.run.snapshots[-1] if self.run and self.run.snapshots else None

    @property
    def result(self) -> Result | None:
        """What the live run has found so far."""
        found = self.last["result"] if self.last else None
        return Result.from_json(found) if found else None

    @property
    def recipe(self) -> Mapping[str, Any]:
        """Of the live run, with its settings."""
        assert self.run is not None
        experiment = load(self.name)
        return experiment.changed(experiment.quick, self.run.config.settings)

    def query(self, standing: Container[str] = ()) -> dict[str, str]:
        """What differs from the usual or stands in the URL already, as it is written there."""
        usual = _query(ExperimentConfig(self.name), VIEWS[self.name][0])
        here = _query(self.config, self.view)
        return {key: text for key, text in here.items() if text != usual[key] or key in standing}


@dataclass
class State:
    """One reader's page. url: the part of the URL that was read or written last."""

    cards: dict[str, Card]
    url: dict[str, str] = field(default_factory=dict)


def state() -> State:
    """The state of this session, made at the first visit."""
    if "experiments" not in st.session_state:
        st.session_state["experiments"] = State({name: read_card(name, {}) for name in VIEWS})
    found: State = st.session_state["experiments"]
    return found


def read_card(name: str, url: Mapping[str, str]) -> Card:
    """A card as a URL asks for it; what cannot be is left out, and told."""
    asked = {key.removeprefix(f"{name}."): text for key, text in url.items() if key.startswith(f"{name}.")}
    view = asked.pop(VIEW, VIEWS[name][0])
    card = Card(ExperimentConfig(name), view)
    if view not in VIEWS[name]:
        card.view, card.complaint = VIEWS[name][0], (VIEW, view)
    for key, text in asked.items():
        try:
            if key not in card.config.settings:
                raise ConfigError("choice", field=key, value=text, choices="")
            card.config = ExperimentConfig.from_query({**card.config.to_query(), key: text})
        except ConfigError:
            card.complaint = key, text
    return card


def read_url(page: State) -> None:
    """Take the cards from the URL when the reader gave a new one: a link, or back and forward."""
    url = {
        key: text for key, text in st.query_params.to_dict().items() if key.partition(".")[0] in page.cards
    }
    if url == page.url:
        return
    for name, card in page.cards.items():
        asked = read_card(name, url)
        card.config, card.view, card.complaint = asked.config, asked.view, asked.complaint
    page.url = url


def write_url(page: State) -> None:
    """Put what differs into the URL, beside what others keep there."""
    standing = st.query_params.to_dict()
    page.url = {key: text for card in page.cards.values() for key, text in card.query(standing).items()}
    st.query_params.update(page.url)  # all at once: one step of the browser's history


def _query(config: ExperimentConfig, view: str) -> dict[str, str]:
    """Every setting of a card and its view."""
    settings = {key: text for key, text in config.to_query().items() if key in config.settings}
    return {f"{config.name}.{key}": text for key, text in {**settings, VIEW: view}.items()}


def run(card: Card) -> None:
    """Ask the pool for a live run."""
    card.refusal = card.complaint = None
    try:
        card.run = jobs.pool().poll(jobs.pool().submit(card.config, reader_id()), reader_id())
    except Refused as refused:
        card.refusal = refused.key, refused.values


def stop(card: Card) -> None:
    """Stop the live run."""
    if card.run:
        try:
            jobs.pool().cancel(card.run.id, reader_id())
        except Refused as refused:
            lose(card, refused)


def sync(card: Card) -> None:
    """Ask the pool how the live run is; renews its lease."""
    if card.run and card.run.live:
        try:
            card.run = jobs.pool().poll(card.run.id, reader_id())
        except Refused as refused:
            lose(card, refused)


def lose(card: Card, refused: Refused) -> None:
    """The pool does not know the run any more: what was seen of it goes with it."""
    card.run, card.refusal = None, (refused.key, refused.values)


def find_runs(page: State) -> None:
    """The reader's last run of each claim: of before a reload, or from another page."""
    pool = jobs.pool()
    shown = {card.run.id: card for card in page.cards.values() if card.run}
    newest: set[str] = set()
    for job in reversed(pool.of(reader_id(), KIND)):
        if card := shown.get(job):
            newest.add(card.config.name)
            continue
        try:
            view = pool.poll(job, reader_id())
        except Refused:
            continue
        name = view.config.name
        if name in page.cards and name not in newest:
            page.cards[name].run = view
        newest.add(name)
