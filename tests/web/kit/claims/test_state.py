"""Which live runs a page of experiments shows."""

from collections.abc import Iterator

import pytest

import jobs
from jobs import Limits, Pool
from lab.claims import ExperimentConfig
from web.kit.claims import state
from web.kit.claims.state import VIEWS, State, find_runs, read_card

CLAIM = "c07_invariance"


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """A pool whose jobs wait for ever."""
    waiting = Pool(Limits(waiting_each=9), command=("sleep", "60"))
    waiting.start(warm=False)
    monkeypatch.setattr(jobs, "pool", lambda: waiting)
    monkeypatch.setattr(state, "reader_id", lambda: "ann")
    yield waiting
    waiting.stop()


def fresh() -> State:
    return State({name: read_card(name, {}) for name in VIEWS})


def test_after_a_reload_it_is_the_last_run_of_each_claim(pool: Pool) -> None:
    stopped, other, last = (
        pool.submit(ExperimentConfig(name), "ann") for name in (CLAIM, "c09_compute", CLAIM)
    )
    pool.cancel(stopped, "ann")
    pool.submit(ExperimentConfig(CLAIM), "ben")
    page = fresh()
    for _ in range(2):  # and it stays that one
        find_runs(page)
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
    find_runs(page)
    pool.cancel(first, "ann")
    state.sync(page.cards[CLAIM])
    second = pool.submit(ExperimentConfig(CLAIM), "ann")
    find_runs(page)
    assert page.cards[CLAIM].run is not None
    assert page.cards[CLAIM].run.id == second
