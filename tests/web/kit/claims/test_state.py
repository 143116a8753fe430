"""Which live runs a page of experiments shows."""

from collections.abc import Iterator

import pytest

import jobs
from jobs import Limits, Pool
from lab.claims import ExperimentConfig
from web.kit.claims.figures import VIEWS
from web.kit.claims.state import State

CLAIM = "c07_invariance"


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """A pool whose jobs wait for ever."""
    waiting = Pool(Limits(waiting_each=9), command=("sleep", "60"))
    waiting.start(warm=False)
    monkeypatch.setattr(jobs, "pool", lambda: waiting)
    monkeypatch.setattr("web.kit.live_job.reader_id", lambda: "ann")
    yield waiting
    waiting.stop()


def fresh() -> State:
    return State(list(VIEWS))


def test_after_a_reload_it_is_the_last_run_of_each_claim(pool: Pool) -> None:
    stopped, other, last = (
        pool.submit(ExperimentConfig(name), "ann") for name in (CLAIM, "c09_compute", CLAIM)
    )
    pool.cancel(stopped, "ann")
    pool.submit(ExperimentConfig(CLAIM), "ben")
    page = fresh()
    for _ in range(2):  # and it stays that one
        page.jobs.sync()
        run = page.cards[CLAIM].run
        assert run is not None
        assert (run.id, run.live) == (last, True)
        found = page.cards["c09_compute"].run
        assert found is not None
        assert found.id == other
    assert page.cards["c01_capacity"].run is None


def test_a_run_begun_on_another_page_takes_the_place_of_one_that_ended(pool: Pool) -> None:
    first = pool.submit(ExperimentConfig(CLAIM), "ann")
    page = fresh()
    page.jobs.sync()
    pool.cancel(first, "ann")
    second = pool.submit(ExperimentConfig(CLAIM), "ann")
    page.jobs.sync()
    assert page.cards[CLAIM].run is not None
    assert page.cards[CLAIM].run.id == second
