"""The lesson that a reader has set up, as the text of a URL, and the runs that came of it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from jobs.job import JobView
from lab.bases.lessons import LESSONS, lesson_called
from lab.runs.language_config import FIRST, LanguageConfig, model_name
from lab.runs.language_record import RecordedRun, read_runs
from lab.runs.language_snapshot import LanguageSnapshot
from lora_core.config import METHODS, ConfigError
from lora_core.language.data_files import examples_of
from lora_core.language.examples import Example
from lora_core.language.records import DataError
from web.fine_tune.experiment import InvalidValue
from web.kit.live_job import LiveJobs
from web.kit.url_state import Query, UrlState, of_session

KEYS = ("lesson", "method", "rank", "lr", "alpha", "batch", "steps", "seed")
OFFERED = tuple(LESSONS)
KEPT = 6
"""Runs that are remembered; the oldest goes when one more comes."""


def query_of(config: LanguageConfig) -> Query:
    """The settings of a run as text; the reader's own text is none of them."""
    query = config.to_query()
    return {key: query[key] for key in KEYS}


def config_of(query: Mapping[str, str]) -> LanguageConfig:
    """The run that a URL's settings ask for; what it does not name is as the lesson has it.

    Raises:
        ConfigError: a value cannot be.
    """
    usual = LanguageConfig.of(query.get("lesson", FIRST.name), query.get("method"))
    return LanguageConfig.from_query({**query_of(usual), **query})


def read(url: Mapping[str, str]) -> tuple[Query, list[InvalidValue]]:
    """The settings of a URL; what it names wrongly is as the lesson has it."""
    invalid: list[InvalidValue] = []

    def chosen(key: str, choices: tuple[str, ...], usual: str) -> str:
        value = url.get(key, usual)
        if value in choices:
            return value
        error = ConfigError("choice", field=key, value=value, choices=", ".join(choices))
        invalid.append(InvalidValue(key, value, usual, error))
        return usual

    lesson = chosen("lesson", OFFERED, FIRST.name)
    method = chosen("method", (*METHODS, "full"), lesson_called(lesson).method)
    query = query_of(LanguageConfig.of(lesson, method))
    for key in KEYS[2:]:
        if key in url and url[key] != query[key]:
            try:
                query = query_of(config_of({**query, key: url[key]}))
            except ConfigError as error:
                invalid.append(InvalidValue(key, url[key], query[key], error))
    return query, invalid


def change(query: Query, key: str, value: str) -> Query:
    """The settings after one control moved. A lesson brings its own, a method its rate."""
    if key == "lesson":
        return query_of(LanguageConfig.of(value))
    changed = {**query, key: value}
    if key == "method":
        changed["lr"] = query_of(LanguageConfig.of(query["lesson"], value))["lr"]
    return changed


@cache
def _recorded_runs(lesson: str) -> Mapping[str, RecordedRun]:
    return read_runs(lesson)


@dataclass(frozen=True)
class Shown:
    """The run that the page shows.

    Attributes:
        job: as the pool has it; None is a recorded run.
        snapshot: None before the first.
        record: the recorded run, of which `snapshot` is the last moment.
    """

    config: LanguageConfig
    snapshot: LanguageSnapshot | None
    job: JobView | None = None
    record: RecordedRun | None = None

    @property
    def model(self) -> str:
        """Name of the base that it is a run of."""
        return self.record.model if self.record else model_name()

    @property
    def live(self) -> bool:
        return self.job is not None and self.job.live


@dataclass
class Teaching(UrlState):
    """One reader's part of the page.

    Attributes:
        query: what is set up.
        invalid: the values of the last URL that cannot be.
        jobs: the runs, in the order in which they were started.
        text, file: the reader's own text, and the name of the file it was in; they stay in this session.
    """

    query: Query = field(default_factory=lambda: read({})[0])
    invalid: list[InvalidValue] = field(default_factory=list)
    jobs: LiveJobs = field(default_factory=lambda: LiveJobs("teach", KEPT))
    text: str = ""
    file: str = ""

    def owns(self, key: str) -> bool:
        return key in KEYS

    def from_url(self, url: Query) -> None:
        self.query, self.invalid = read(url)

    def to_url(self, standing: Container[str]) -> Query:
        """The lesson, and what is not as it has it or stands there already."""
        usual = query_of(LanguageConfig.of(self.query["lesson"]))
        kept = [key for key in KEYS if key == "lesson" or key in standing or self.query[key] != usual[key]]
        return {key: self.query[key] for key in kept}

    def change(self, key: str, value: str) -> None:
        """One control moved."""
        self.query = change(self.query, key, value)
        self.invalid, self.jobs.refusal = [], None
        self.write_url()

    @property
    def config(self) -> LanguageConfig:
        found = config_of(self.query)
        return replace(found, text=self.text, file=self.file) if found.lesson == "own" else found

    def examples(self) -> list[Example]:
        """Of the reader's own text.

        Raises:
            DataError: (a ValueError) it cannot be trained on.
        """
        return examples_of(self.text.encode(), self.file)

    @property
    def ready(self) -> bool:
        """Whether there is something to learn."""
        if self.query["lesson"] != "own":
            return True
        try:
            return bool(self.text.strip() and self.examples())
        except DataError:
            return False

    @property
    def live(self) -> JobView | None:
        """The reader's run that trains, else the first that waits."""
        live = [view for view in self.jobs.views.values() if view.live]
        return next((view for view in live if view.state == "running"), live[0] if live else None)

    @property
    def shown(self) -> Shown:
        """What trains; else this reader's last run of these settings; else the recorded one."""
        mine = [view for view in self.jobs.views.values() if view.config == self.config]
        view = self.live or (mine[-1] if mine else None)
        if view is not None:
            last = view.snapshots[-1] if view.snapshots else None
            return Shown(view.config, LanguageSnapshot.from_json(last) if last else None, view)
        record = self.recorded(self.query["method"]) or self.recorded(
            lesson_called(self.query["lesson"]).method
        )
        if record is None:
            return Shown(self.config, None)
        return Shown(record.recipe, record.snapshot, record=record)

    def recorded(self, method: str) -> RecordedRun | None:
        """The lesson's recorded run of a method, of whichever model."""
        return _recorded_runs(self.query["lesson"]).get(method)

    def comparable(self, method: str) -> RecordedRun | None:
        """The recorded run, if it is of the model that is taught here."""
        run = self.recorded(method)
        return run if run and run.model == model_name() else None

    def train(self) -> None:
        """Ask the pool for a run."""
        self.jobs.submit(self.config)

    def stop(self) -> None:
        """Stop the run that trains, or the one that waits."""
        if self.live:
            self.jobs.cancel(self.live.id)


def teaching() -> Teaching:
    """The state of this session."""
    return of_session("teaching", Teaching)
