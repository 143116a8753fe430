"""What a reader has chosen on the page, as the text of a URL, and the runs that came of it.

An experiment is a flat dictionary of strings, the keys of `TrainConfig.to_query` and four of the page's own:
`axis` (of steps), `show` (which curve), `layer` (whose ΔW) and `values` (singular values now, or over time).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

from lab.bases.registry import BASES, lesson
from lab.runs.config import TrainConfig
from lab.runs.defaults import default
from lora_core import bounds
from lora_core.config import METHODS, ConfigError, select
from web.fine_tune.runs import Run, without_yardstick
from web.kit.live_job import LiveJobs
from web.kit.url_state import Query, UrlState, of_session

VIEWS: Mapping[str, tuple[str, ...]] = {
    "axis": ("log", "linear"),
    "show": ("loss", "accuracy"),
    "values": ("now", "time"),
}
# In the order they are read in: a rank has the limit of the chosen layers.
CONTROLS = ("base", "task", "method", "targets", "rank", "alpha", "lr", "batch", "steps", "seed")
QUIET = {
    "dropout": "0",
    "gamma": "alpha/r",
    "yardstick": "1",
}  # no control of their own: in the URL only when they differ
KEPT = 12  # runs in the table; the oldest goes when one more comes
KEYS = (*CONTROLS, *QUIET, *VIEWS, "layer")


@dataclass(frozen=True)
class InvalidValue:
    """A value in the URL that cannot be, and what is used in its place."""

    key: str
    value: str
    used: str
    error: ConfigError


def start(base: str, task: str) -> Query:
    """The experiment that a base and a task begin with."""
    config = default(base, task)
    views = {name: choices[0] for name, choices in VIEWS.items()}
    return {**config.to_query(), **views, "layer": main_layer(base, config)}


def main_layer(base: str, config: TrainConfig) -> str:
    """The layer that is shown first: the last square one that trains, else the last."""
    shapes = BASES[base].layers
    names = select(shapes, config.targets)
    square = [name for name in names if shapes[name][0] == shapes[name][1]]
    return (square or names)[-1]


def config_of(query: Query) -> TrainConfig:
    """The run that an experiment asks for. Full fine-tuning is its own yardstick.

    Raises:
        ConfigError: a value cannot be.
    """
    config = TrainConfig.from_query(query)
    return config if config.adapter else replace(config, yardstick=False)


def largest_rank(base: str, config: TrainConfig) -> int:
    """The rank at which the smallest of the chosen matrices is full."""
    shapes = BASES[base].layers
    return bounds.largest_rank(shapes[name] for name in select(shapes, config.targets))


def read(url: Mapping[str, str]) -> tuple[Query, list[InvalidValue]]:
    """The experiment of a URL; what it does not name, or names wrongly, is as the recipe says."""
    invalid: list[InvalidValue] = []

    def chosen(key: str, choices: tuple[str, ...]) -> str:
        value = url.get(key, choices[0])
        if value in choices:
            return value
        error = ConfigError("choice", field=key, value=value, choices=", ".join(choices))
        invalid.append(InvalidValue(key, value, choices[0], error))
        return choices[0]

    base = chosen("base", tuple(BASES))
    query = start(base, chosen("task", tuple(BASES[base].lessons)))
    if url.get("method") in (*METHODS, "full"):
        query = change(query, "method", url["method"])  # at its own rate, unless the link says another
    for key in KEYS[2:]:
        if key not in url or url[key] == query[key]:
            continue
        tried = {**query, key: url[key]}
        try:
            check(tried)
            query = {**tried, key: config_of(tried).to_query().get(key, url[key])}  # 4e-3 is written 0.004
        except ConfigError as error:
            invalid.append(InvalidValue(key, url[key], query[key], error))
    return query, invalid


def check(query: Query) -> None:
    """Hold a whole experiment against what can be run and shown.

    Raises:
        ConfigError: names the field and what was expected.
    """
    config = TrainConfig.from_query({**query, "method": "lora"} if query["method"] == "full" else query)
    for key, choices in VIEWS.items():
        if query[key] not in choices:
            raise ConfigError("choice", field=key, value=query[key], choices=", ".join(choices))
    shapes = BASES[config.base].layers
    if query["layer"] not in shapes:
        raise ConfigError("choice", field="layer", value=query["layer"], choices=", ".join(shapes))
    try:
        most = largest_rank(config.base, config)
    except ValueError:
        raise ConfigError(
            "choice", field="targets", value=query["targets"], choices=", ".join(shapes)
        ) from None
    if (
        config.adapter and config.adapter.rank > most
    ):  # of full fine-tuning too: its method can be changed back
        raise ConfigError("range", field="rank", value=config.adapter.rank, low=1, high=most)


def change(query: Query, key: str, value: str) -> Query:
    """The experiment after one control moved. A new base or task brings its recipe."""
    if key in ("base", "task"):
        fresh = (
            start(value, next(iter(BASES[value].lessons))) if key == "base" else start(query["base"], value)
        )
        return change({**fresh, "axis": query["axis"]}, "method", query["method"])
    changed = {**query, key: value}
    if key == "targets":
        config = config_of(changed)
        most = largest_rank(config.base, config)
        changed["rank"] = str(min(int(changed["rank"]), most))
        if changed["layer"] not in select(BASES[config.base].layers, config.targets):
            changed["layer"] = main_layer(config.base, config)
    if key == "method":
        tuned = default(query["base"], query["task"])
        rate = lesson(query["base"], query["task"]).rate(value)
        changed["lr"] = replace(tuned, lr=rate).to_query()["lr"]
        if value != "full" and changed["targets"] == everything(query["base"]):
            changed["targets"] = tuned.to_query()["targets"]
    return changed


def to_url(query: Query, standing: Container[str] = ()) -> Query:
    """Every control; quiet keys and views where they are not as usual, or stand in the URL already."""
    usual = {**QUIET, **{name: choices[0] for name, choices in VIEWS.items()}}
    usual["layer"] = main_layer(query["base"], config_of(query))
    kept = [key for key in KEYS if key in CONTROLS or key in standing or query[key] != usual[key]]
    return {key: query[key] for key in kept}


def presets(base: str) -> Query:
    """The named choices of layers, each as the URL has it; `everything` is full fine-tuning's alone."""
    named = dict(BASES[base].presets)
    if whole := BASES[base].everything:
        named["everything"] = whole
    plain = default(base, next(iter(BASES[base].lessons)))
    return {
        name: replace(plain, adapter=None, targets=targets).to_query()["targets"]
        for name, targets in named.items()
    }


def everything(base: str) -> str | None:
    """The choice of layers that takes in the embeddings, where there are any."""
    return presets(base).get("everything")


def offered(query: Query) -> Query:
    """The choices of layers that the chosen method can train."""
    return {
        name: text
        for name, text in presets(query["base"]).items()
        if name != "everything" or query["method"] == "full"
    }


def yardstick_of(config: TrainConfig) -> TrainConfig:
    """Full fine-tuning as it trains beside a run."""
    return replace(config, adapter=None, lr=lesson(config.base, config.task).full_lr, yardstick=False)


def to_link(config: TrainConfig) -> Query:
    """A run as a link: every control, the quiet keys where they are not as usual."""
    return {
        key: value for key, value in config.to_query().items() if key in CONTROLS or value != QUIET.get(key)
    }


@dataclass
class State(UrlState):
    """One reader's page.

    Attributes:
        query: the experiment that is set up.
        invalid: the values of the last URL that cannot be.
        jobs: the runs, in the order they were started.
        shown: id of the run whose pictures and samples are shown; None is the newest.
        overlaid: ids of runs the reader put on the chart or took off it, and which of the two.
        unusual: values of sliders that came with a link, and are not among the usual ones.
    """

    query: Query = field(default_factory=lambda: read({})[0])
    invalid: list[InvalidValue] = field(default_factory=list)
    jobs: LiveJobs = field(default_factory=lambda: LiveJobs("train", KEPT, without_yardstick))
    shown: str | None = None
    overlaid: dict[str, bool] = field(default_factory=dict)
    unusual: dict[str, set[str]] = field(default_factory=dict)

    def owns(self, key: str) -> bool:
        return key in KEYS

    def from_url(self, url: Query) -> None:
        self.query, self.invalid = read(url)

    def to_url(self, standing: Container[str]) -> Query:
        return to_url(self.query, standing)

    def outlasts_a_visit(self) -> bool:
        return self.query != read({})[0]

    @property
    def runs(self) -> list[Run]:
        """All of this session, the oldest first."""
        return [Run(self.jobs.numbers[job], view) for job, view in self.jobs.views.items()]

    @property
    def run(self) -> Run | None:
        """The run that is shown."""
        runs = self.runs
        chosen = [run for run in runs if run.id == self.shown] or runs[-1:]
        return chosen[0] if chosen else None

    @property
    def live(self) -> Run | None:
        """The reader's run that trains, else the first that waits."""
        live = [run for run in self.runs if run.view.live]
        return next((run for run in live if run.view.state == "running"), live[0] if live else None)

    def on_chart(self, run: Run) -> bool:
        """Whether a run is drawn: as the reader said, else if it is one of the newest four, or shown."""
        return run == self.run or self.overlaid.get(run.id, run in self.comparable()[-4:])

    def comparable(self) -> list[Run]:
        """The runs of the same base and task as the one that is shown: their losses can stand on one axis."""
        shown = self.run
        if shown is None:
            return []
        pair = shown.config.base, shown.config.task
        return [run for run in self.runs if (run.config.base, run.config.task) == pair]

    def change(self, key: str, value: str) -> None:
        """One control moved."""
        self.query = change(self.query, key, value)
        self.invalid, self.jobs.refusal = [], None
        self.write_url()

    def train_everything(self) -> None:
        """Set up what the failing task needs: full fine-tuning with the embeddings."""
        full = change(self.query, "method", "full")
        self.query = full  # the second change writes both into the URL
        self.change("targets", everything(full["base"]) or full["targets"])

    def train(self) -> None:
        """Ask the pool for a run of the"""
        if self.jobs.submit(config_of(self.query)):
            self.shown = None
            self.write_url()

    def stop(self) -> None:
        """Stop the run that trains, or the one that waits."""
        if self.live:
            self.jobs.cancel(self.live.id)


def state() -> State:
    """The state of this session."""
    return of_session("fine_tune", State)
