"""What the page remembers of a reader: the experiment, the runs, what is shown. Lives with the session."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from web.fine_tune import experiment
from web.fine_tune.experiment import InvalidValue
from web.fine_tune.runs import Run, without_yardstick
from web.kit.live_job import LiveJobs
from web.kit.url_state import Query, UrlState, of_session

KEPT = 12  # runs in the table; the oldest goes when one more comes


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

    query: Query = field(default_factory=lambda: experiment.read({})[0])
    invalid: list[InvalidValue] = field(default_factory=list)
    jobs: LiveJobs = field(default_factory=lambda: LiveJobs("train", KEPT, without_yardstick))
    shown: str | None = None
    overlaid: dict[str, bool] = field(default_factory=dict)
    unusual: dict[str, set[str]] = field(default_factory=dict)

    def owns(self, key: str) -> bool:
        return key in experiment.KEYS

    def from_url(self, url: Query) -> None:
        self.query, self.invalid = experiment.read(url)

    def to_url(self, standing: Container[str]) -> Query:
        return experiment.to_url(self.query, standing)

    def outlasts_a_visit(self) -> bool:
        return self.query != experiment.read({})[0]

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
        self.query = experiment.change(self.query, key, value)
        self.invalid, self.jobs.refusal = [], None
        self.write_url()

    def train_everything(self) -> None:
        """Set up what the failing task needs: full fine-tuning with the embeddings."""
        full = experiment.change(self.query, "method", "full")
        self.query = full  # the second change writes both into the URL
        self.change("targets", experiment.everything(full["base"]) or full["targets"])

    def train(self) -> None:
        """Ask the pool for a run of the experiment."""
        if self.jobs.submit(experiment.config_of(self.query)):
            self.shown = None
            self.write_url()

    def stop(self) -> None:
        """Stop the run that trains, or the one that waits."""
        if self.live:
            self.jobs.cancel(self.live.id)


def state() -> State:
    """The state of this session."""
    return of_session("fine_tune", State)
