"""What the tests of the pool share: how to wait, a clock to turn, workers without torch."""

import sys
import threading
import time
from pathlib import Path

from lab.runs.config import TrainConfig

FAKE = (sys.executable, "-m", "tests.jobs.fake_worker")
ROOT = Path(__file__).parents[2]
ENOUGH = 30.0  # s; a condition that has not come by then never will


class Clock:
    """Seconds that pass only when set."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def wait_until(condition, timeout=ENOUGH):
    """Wait for a condition and give back what it gave."""
    pause, end = threading.Event(), time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, "it never came"
        pause.wait(0.01)
    return value


def ask(pool, seed, reader="ana", steps=3):
    """Submit one of the fake worker's behaviours."""
    return pool.submit(TrainConfig(seed=seed, steps=steps), reader)


def end_of(pool, job, reader="ana", timeout=ENOUGH):
    """The view of a job once it has ended."""
    return wait_until(lambda: (view := pool.poll(job, reader)) and not view.live and view, timeout)


def running(pool, job, reader="ana"):
    """The view of a job once it has sent a snapshot."""
    return wait_until(lambda: (view := pool.poll(job, reader)).state == "running" and view.snapshots and view)


def hear_more(pool, job, reader="ana"):
    """Wait until a running job has sent more."""
    before = running(pool, job, reader).next
    wait_until(lambda: pool.poll(job, reader).next > before + 1)


def workers(pool):
    """The process ids of a pool's workers."""
    return [worker.pid for worker in list(pool._workers)]


def at_work(pool, job):
    """The process id of the worker that does this job."""
    return next(w.pid for w in list(pool._workers) if w.job is not None and w.job.id == job)
