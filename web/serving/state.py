"""What the page remembers of a reader: the settings, what was measured and written. Lives with the session.

The settings are the text of a URL: `adapters` in memory, `characters` of a request, the `prompt` of the texts
and the `seed` of their dice.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jobs.job import JobView
from lab.runs import serving_record
from lab.runs.serving_config import LENGTH, ServeConfig
from lora_core.bounds import ConfigError
from web.kit.live_job import LiveJobs
from web.kit.url_state import Query, UrlState, of_session

KEYS = ("adapters", "characters", "prompt", "seed")
Part = Literal["rounds", "length"]
"""What a job is for, measuring or writing: the setting that is above 0."""
KEYS_OF: Mapping[Part, tuple[str, ...]] = {"rounds": ("adapters", "characters"), "length": ("prompt", "seed")}


def usual() -> Query:
    """The settings that the page opens with."""
    return {key: ServeConfig().to_query()[key] for key in KEYS}


def read(url: Mapping[str, str]) -> tuple[Query, list[ConfigError]]:
    """The settings of a URL; what it does not name, or names wrongly, is as usual."""
    query, invalid = usual(), []
    for key in KEYS:
        if key in url:
            try:
                query[key] = ServeConfig.from_query({key: url[key]}).to_query()[key]
            except ConfigError as error:
                invalid.append(error)
    return query, invalid


@dataclass
class State(UrlState):
    """One reader's page.

    Attributes:
        query: the settings.
        invalid: what the last URL, or the prompt that was typed last, has that cannot be.
        jobs: what was measured and written, in its order.
        asked: which part the reader asked for last.
    """

    query: Query = field(default_factory=usual)
    invalid: list[ConfigError] = field(default_factory=list)
    jobs: LiveJobs = field(default_factory=lambda: LiveJobs("serve"))
    asked: Part = "rounds"

    def owns(self, key: str) -> bool:
        return key in KEYS

    def from_url(self, url: Query) -> None:
        self.query, self.invalid = read(url)

    def to_url(self, standing: Container[str]) -> Query:
        return {key: text for key, text in self.query.items() if key in standing or text != usual()[key]}

    def outlasts_a_visit(self) -> bool:
        return self.query != usual()

    @property
    def config(self) -> ServeConfig:
        return ServeConfig.from_query(self.query)

    def job(self, part: Part) -> JobView | None:
        """The newest job of this part that was asked for with these settings."""
        wanted = self.config
        for view in reversed(self.jobs.views.values()):
            same = all(getattr(view.config, key) == getattr(wanted, key) for key in KEYS_OF[part])
            if getattr(view.config, part) and same:
                return view
        return None

    def live(self, part: Part) -> list[JobView]:
        """What runs or waits of one part."""
        return [view for view in self.jobs.views.values() if view.live and getattr(view.config, part)]

    def change(self, key: str, value: str) -> None:
        """One control moved. A value that cannot be changes nothing, and it is said why."""
        found, self.invalid = read({**self.query, key: value})
        self.jobs.refusal = None
        if not self.invalid:
            self.query = found
            self.write_url()

    def measure(self) -> None:
        """Ask the pool for a measurement with these settings."""
        config, self.asked = self.config, "rounds"
        self.jobs.submit(ServeConfig(adapters=config.adapters, characters=config.characters))

    def write(self) -> None:
        """Ask the pool for new texts: with other dice where this prompt has its text already."""
        if self.job("length") or self.recorded_texts():
            self.change("seed", str(self.config.seed + 1))
        config, self.asked = self.config, "length"
        self.jobs.submit(ServeConfig(rounds=0, length=LENGTH, prompt=config.prompt, seed=config.seed))

    def stop(self, part: Part) -> None:
        """Stop what runs or waits of one part."""
        for view in self.live(part):
            self.jobs.cancel(view.id)

    def recorded_texts(self) -> Mapping[str, str] | None:
        """The recorded texts of this prompt and seed."""
        return serving_record.read().texts.get(self.config.prompt) if self.config.seed == 0 else None


def state() -> State:
    """The state of this session."""
    return of_session("serving", State)


def found(view: JobView | None) -> Mapping[str, Any] | None:
    """What a job has found so far."""
    return view.snapshots[-1]["result"] if view and view.snapshots else None
