"""A job that nobody watches ends; a job that is told to stop ends."""

import pytest

from tests.jobs.fake_worker import DEAF, LONG, QUICK
from tests.jobs.helpers import ask, end_of, hear_more, running


def test_a_job_that_nobody_polls_is_stopped(pool, clock):
    job = ask(pool, LONG)
    for _ in range(3):
        hear_more(pool, job)  # a poll renews the lease
        clock.now += 14
        pool.sweep()
    hear_more(pool, job)
    clock.now += 16
    pool.sweep()
    view = end_of(pool, job)
    assert (view.state, view.message_key) == ("stopped", "unwatched")
    assert view.adapter == b"adapter 1"  # a return finds the result so far


def test_a_waiting_job_that_nobody_polls_leaves_the_queue(pool, clock):
    first = ask(pool, LONG, "ana")
    running(pool, first, "ana")
    second, third = ask(pool, LONG, "bo"), ask(pool, LONG, "chai")
    clock.now += 14
    pool.poll(third, "chai")
    hear_more(pool, first, "ana")
    clock.now += 2
    pool.sweep()
    view = pool.poll(second, "bo")
    assert (view.state, view.message_key, view.position) == ("stopped", "unwatched", None)
    assert pool.poll(third, "chai").position == 1
    assert pool.poll(first, "ana").state == "running"


@pytest.mark.parametrize("wait_for_it", [True, False])
def test_cancel(pool, wait_for_it):
    first = ask(pool, LONG)
    running(pool, first)
    second = ask(pool, LONG)
    pool.cancel(second, "ana")
    view = pool.poll(second, "ana")
    assert (view.state, view.message_key, view.snapshots) == ("stopped", "stopped", [])
    pool.cancel(first, "ana")
    if wait_for_it:
        view = end_of(pool, first)
        assert (view.state, view.message_key, view.adapter) == ("stopped", "stopped", b"adapter 1")
    assert end_of(pool, ask(pool, QUICK)).state == "done"


def test_an_ended_job_stays_as_it_is(pool, clock):
    job = ask(pool, QUICK)
    end_of(pool, job)
    pool.cancel(job, "ana")
    clock.now += 1000
    pool.sweep()
    assert pool.poll(job, "ana").state == "done"


def test_a_job_that_does_not_obey_is_ended(pool, clock):
    job = ask(pool, DEAF)
    running(pool, job)
    pool.cancel(job, "ana")
    clock.now += 9
    pool.sweep()
    hear_more(pool, job)
    clock.now += 2
    pool.sweep()
    view = end_of(pool, job)
    assert (view.state, view.message_key) == ("stopped", "stopped")
    assert end_of(pool, ask(pool, QUICK)).state == "done"
