"""What a page of claims remembers of a reader: each card's settings, its view, its live run.

The URL holds what differs from the usual, `c07_invariance.p=3`, so that a link opens the same page.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.job import JobView
from lab.claims import ExperimentConfig, Result, load
from lora_core.config import ConfigError
from web.kit.claims.figures import VIEWS
from web.kit.live_job import LiveJobs, Refusal
from web.kit.url_state import Query, UrlState, of_session

VIEW = "view"


@dataclass
class Card:
    """One card.

    Attributes:
        jobs: all live runs of the reader.
        config: what a live run would be asked for.
        view: which of its figures is shown.
        refusal: why the last press did nothing.
        invalid: what the link asked for and cannot be: a key of the settings and its value.
    """

    name: str
    jobs: LiveJobs
    config: ExperimentConfig = field(init=False)
    view: str = field(init=False)
    refusal: Refusal | None = None
    invalid: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        self.from_url({})

    @property
    def run(self) -> JobView | None:
        """The newest live run."""
        views = [view for view in self.jobs.views.values() if view.config.name == self.name]
        return views[-1] if views else None

    @property
    def live(self) -> bool:
        return self.run is not None and self.run.live

    @property
    def last(self) -> Mapping[str, Any] | None:
        """The newest snapshot of the live run."""
        run = self.run
        return run.snapshots[-1] if run and run.snapshots else None

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

    def from_url(self, url: Query) -> None:
        """Take what a URL asks for of this card; what cannot be is left as usual, and kept as invalid."""
        start = f"{self.name}."
        asked = {key.removeprefix(start): text for key, text in url.items() if key.startswith(start)}
        self.config, self.invalid = ExperimentConfig(self.name), None
        self.view = asked.pop(VIEW, VIEWS[self.name][0])
        if self.view not in VIEWS[self.name]:
            self.view, self.invalid = VIEWS[self.name][0], (VIEW, self.view)
        for key, text in asked.items():
            try:
                if key not in self.config.settings:
                    raise ConfigError("choice", field=key, value=text, choices="")
                self.config = ExperimentConfig.from_query({**self.config.to_query(), key: text})
            except ConfigError:
                self.invalid = key, text

    def to_url(self, standing: Container[str] = ()) -> Query:
        """What differs from the usual or stands in the URL already, as it is written there."""
        usual = _query(ExperimentConfig(self.name), VIEWS[self.name][0])
        here = _query(self.config, self.view)
        return {key: text for key, text in here.items() if text != usual[key] or key in standing}

    def start(self) -> None:
        """Ask the pool for a live run."""
        self.jobs.submit(self.config)
        self.refusal, self.invalid = self.jobs.refusal, None

    def stop(self) -> None:
        """Stop the live run."""
        if self.run:
            self.jobs.cancel(self.run.id)


@dataclass
class State(UrlState):
    """One reader's page.

    Attributes:
        names: of the claims that have a card.
        jobs: the reader's live runs of all claims.
    """

    names: Sequence[str]
    jobs: LiveJobs = field(default_factory=lambda: LiveJobs("experiment"))
    cards: dict[str, Card] = field(init=False)

    def __post_init__(self) -> None:
        self.cards = {name: Card(name, self.jobs) for name in self.names}

    def owns(self, key: str) -> bool:
        return key.partition(".")[0] in self.cards

    def from_url(self, url: Query) -> None:
        for card in self.cards.values():
            card.from_url(url)

    def to_url(self, standing: Container[str]) -> Query:
        return {key: text for card in self.cards.values() for key, text in card.to_url(standing).items()}

    def change(self, card: Card, setting: str, value: float | str) -> None:
        """One setting of a card moved."""
        card.config = ExperimentConfig(card.name, {**card.config.settings, setting: value})
        card.invalid = None
        self.write_url()

    def turn(self, card: Card, view: str) -> None:
        """Another figure of a card."""
        card.view = view
        self.write_url()


def state(key: str, names: Sequence[str]) -> State:
    """The state of a page in this session."""
    return of_session(key, lambda: State(names))


def _query(config: ExperimentConfig, view: str) -> Query:
    """Every setting of a card and its view."""
    settings = {key: text for key, text in config.to_query().items() if key in config.settings}
    return {f"{config.name}.{key}": text for key, text in {**settings, VIEW: view}.items()}
