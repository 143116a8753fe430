"""The lesson that a reader has set up, as the text of a URL, and the runs that came of it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

from jobs.job import JobView
from lab.bases.lessons import LESSONS, lesson_called
from lab.runs.language_config import LanguageConfig
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
    """The settings of a run as text."""
    values = config.to_json()
    return {key: values[key] if key in ("lesson", "method") else f"{values[key]:g}" for key in KEYS}


def config_of(query: Mapping[str, str]) -> LanguageConfig:
    """The run that a URL's settings ask for; what it does not name is as the lesson has it.

    Raises:
        ConfigError: a value cannot be.
    """
    others = {key: _number(key, text) for key, text in query.items() if key in KEYS[2:]}
    return LanguageConfig.of(query.get("lesson", OFFERED[0]), query.get("method"), **others)


def _number(key: str, text: str) -> float | int:
    try:
        number = float(text)
    except ValueError:
        raise ConfigError("type", field=key, value=text, expected="a number") from None
    return int(number) if number.is_integer() and key not in ("lr", "alpha") else number


def read(url: Mapping[str, str]) -> tuple[Query, list[InvalidValue]]:
    """The settings of a URL; what it names wrongly is as the lesson has it."""
    invalid: list[InvalidValue] = []
    lesson, method = url.get("lesson", OFFERED[0]), url.get("method")
    if lesson not in OFFERED:
        error = ConfigError("choice", field="lesson", value=lesson, choices=", ".join(OFFERED))
        invalid.append(InvalidValue("lesson", lesson, OFFERED[0], error))
        lesson = OFFERED[0]
    if method not in (*METHODS, "full", None):
        method = None
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
        changed["lr"] = f"{lesson_called(query['lesson']).rate(value):g}"
    return changed


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
        record = self.recorded(self.query["method"]) or self.recorded("lora")
        if record is None:
            return Shown(self.config, None)
        return Shown(record.recipe, record.snapshot, record=record)

    def recorded(self, method: str) -> RecordedRun | None:
        """The lesson's recorded run of a method."""
        return read_runs(self.query["lesson"]).get(method)

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
