"""A reader's jobs, as a page holds them."""

import secrets
from collections.abc import Iterator

import pytest

import jobs
from jobs import Limits, Pool
from lab.runs.config import TrainConfig
from web.kit.live_job import EVERY, WAITING, LiveJobs, pace

CONFIG = TrainConfig(base="mlp-mnist", task="fashion")


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """A pool whose jobs wait for ever."""
    waiting = Pool(Limits(waiting_each=3), command=("sleep", "60"))
    waiting.start(warm=False)
    monkeypatch.setattr(jobs, "pool", lambda: waiting)
    token = secrets.token_urlsafe(8)
    monkeypatch.setattr("web.kit.live_job.reader_id", lambda: token)
    yield waiting
    waiting.stop()


def submit(mine: LiveJobs, seed: int = 0) -> str:
    job = mine.submit(TrainConfig(base="mlp-mnist", task="fashion", seed=seed))
    assert job is not None
    return job


def test_jobs_are_found_again_after_a_reload_and_keep_their_order(pool: Pool) -> None:
    mine, again = LiveJobs("train"), LiveJobs("train")
    asked = [submit(mine, seed) for seed in (1, 2)]
    again.sync()
    assert [*again.views] == [*mine.views] == asked
    assert again.numbers == {asked[0]: 1, asked[1]: 2}
    other = LiveJobs("serve")
    other.sync()
    assert not other.views


def test_a_refusal_is_kept_until_the_next_request(pool: Pool) -> None:
    mine = LiveJobs("train")
    pool.stop()
    assert mine.submit(CONFIG) is None
    assert mine.refusal == ("closed", {})
    pool.start(warm=False)
    submit(mine)
    assert mine.refusal is None


def test_a_stopped_job_is_told_of_and_a_forgotten_one_stops_and_is_not_found_again(pool: Pool) -> None:
    mine = LiveJobs("train")
    first, second = submit(mine), submit(mine)
    mine.cancel(first)
    mine.sync()
    assert [view.live for view in mine.views.values()] == [False, True]
    mine.forget(second)
    mine.sync()
    assert [*mine.views] == [first]
    assert not LiveJobs("train").views
    fresh = LiveJobs("train")
    fresh.sync()
    assert not any(view.live for view in fresh.views.values())


def test_the_oldest_goes_when_one_more_comes(pool: Pool) -> None:
    mine = LiveJobs("train", kept=2)
    asked = [submit(mine) for _ in range(3)]
    assert [*mine.views] == asked[1:]
    assert mine.forgotten == {asked[0]}


def test_of_a_job_the_pool_does_not_know_any_more_what_was_seen_stays(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = LiveJobs("train")
    job = submit(mine)
    monkeypatch.setattr("web.kit.live_job.reader_id", lambda: "somebody else")
    mine.sync()
    assert (mine.views[job].state, mine.views[job].message_key) == ("failed", "unknown_job")


def test_who_waits_asks_less_often_than_who_runs(pool: Pool) -> None:
    mine = LiveJobs("train")
    assert pace([]) is None
    job = submit(mine)
    waiting = pace([*mine.views.values()])
    assert waiting is not None
    assert (WAITING if mine.views[job].state == "queued" else EVERY) <= waiting < WAITING + 1
    mine.cancel(job)
    mine.sync()
    assert pace([*mine.views.values()]) is None


def test_of_an_ended_job_only_what_is_shown_is_kept(pool: Pool) -> None:
    seen: list[str] = []
    mine = LiveJobs("train", reduce=lambda view: seen.append(view.id) or view)  # type: ignore[func-returns-value]
    job = submit(mine)
    assert not seen
    mine.cancel(job)
    mine.sync()
    assert seen == [job]
