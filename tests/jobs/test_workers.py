"""Workers that die, hang, swell or never start: the job says so, the others go on, the next one works."""

import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from content.catalog import LANGUAGES, catalog
from jobs import Limits, Pool
from lab.claims import ExperimentConfig
from tests.jobs.fake_worker import BUG, DIE, GARBAGE, GREEDY, HANG, LONG, MEMORY, QUICK, SWELL
from tests.jobs.helpers import FAKE, ROOT, ask, at_work, end_of, hear_more, running, wait_until, workers


def failed_with(view, key):
    assert (view.state, view.message_key) == ("failed", key)
    for language in LANGUAGES:
        assert catalog(language)[f"jobs.{key}"].format(**view.message_values)
    return True


def test_kill_9_in_the_middle(make_pool):
    pool = make_pool(workers=2)
    job, other = ask(pool, LONG, "ana"), ask(pool, LONG, "bo")
    running(pool, job, "ana")
    running(pool, other, "bo")
    waiting = ask(pool, QUICK, "chai")
    os.kill(at_work(pool, job), signal.SIGKILL)
    assert failed_with(end_of(pool, job, "ana"), "died")
    assert pool.poll(job, "ana").snapshots  # its snapshots are still there
    assert end_of(pool, waiting, "chai").state == "done"  # on a new worker
    hear_more(pool, other, "bo")
    assert end_of(pool, ask(pool, QUICK, "ana"), "ana").state == "done"


def test_a_process_that_cannot_be_started_is_said_and_tried_again(make_pool, monkeypatch):
    pool = make_pool()
    for pid in wait_until(lambda: workers(pool)):
        monkeypatch.setattr(pool, "_command", ["/no/such/program"])
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not workers(pool))
    job = ask(pool, QUICK)  # no exception
    assert failed_with(end_of(pool, job), "no_worker")
    assert not pool._queue
    monkeypatch.undo()
    monkeypatch.setattr(pool, "_command", [*FAKE, ""])
    assert end_of(pool, ask(pool, QUICK)).state == "done"


def test_an_idle_worker_that_is_killed_is_replaced(pool):
    wait_until(lambda: pool.device)
    (first,) = workers(pool)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: workers(pool) not in ([], [first]))
    assert end_of(pool, ask(pool, QUICK)).state == "done"


@pytest.mark.parametrize(
    ("behaviour", "key"), [(DIE, "died"), (BUG, "crashed"), (MEMORY, "memory"), (GARBAGE, "died")]
)
def test_a_bad_end_has_its_message_and_does_not_spread(pool, behaviour, key):
    job, waiting = ask(pool, behaviour, "ana"), ask(pool, QUICK, "bo")
    assert failed_with(end_of(pool, job, "ana"), key)
    assert end_of(pool, waiting, "bo").state == "done"
    assert end_of(pool, ask(pool, QUICK, "ana"), "ana").state == "done"


def test_a_worker_that_hangs(pool, clock):
    job = ask(pool, HANG)
    pid = running(pool, job) and at_work(pool, job)
    for _ in range(3):  # polled all the while: it is the worker that is silent
        clock.now += 9
        pool.sweep()
        assert pool.poll(job, "ana").state == "running"
    clock.now += 9
    pool.sweep()
    assert failed_with(end_of(pool, job), "hung")
    assert not psutil.pid_exists(pid)
    assert end_of(pool, ask(pool, QUICK)).state == "done"


def test_an_experiment_may_be_silent_for_longer(pool, clock):
    job = pool.submit(ExperimentConfig("c07_invariance"), "ana")
    running(pool, job)
    for _ in range(13):
        clock.now += 9
        pool.poll(job, "ana")
        pool.sweep()
    assert pool.poll(job, "ana").state == "running"  # after 117 s
    clock.now += 9
    pool.sweep()
    assert failed_with(end_of(pool, job), "hung")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux refuses memory to a process")
def test_the_system_refuses_memory_beyond_the_limit(make_pool):
    pool = make_pool(mode="cpu", memory=1 << 30)
    assert failed_with(end_of(pool, ask(pool, GREEDY)), "memory")
    assert end_of(pool, ask(pool, QUICK)).state == "done"


def test_a_worker_that_swells_is_ended(make_pool):
    pool = make_pool(memory=80 << 20)
    job = ask(pool, SWELL)
    running(pool, job)
    wait_until(lambda: pool.sweep() or pool.poll(job, "ana").state != "running")
    assert failed_with(pool.poll(job, "ana"), "memory")
    assert end_of(pool, ask(pool, QUICK)).state == "done"


@pytest.mark.parametrize(("mode", "key"), [("unusable", "device"), ("broken", "no_worker")])
def test_workers_that_cannot_start_are_not_started_for_ever(make_pool, mode, key):
    pool = make_pool(mode, device="cuda")
    for _ in range(2):  # and a reader may ask again
        view = end_of(pool, ask(pool, QUICK))
        assert failed_with(view, key)
        wait_until(lambda: not workers(pool))
    if key == "device":
        assert view.message_values == {"device": "cuda"}


def test_a_worker_that_never_gets_ready(make_pool, clock):
    pool = make_pool("slow", lease=1000)
    job = ask(pool, QUICK)
    for _ in range(2):
        (first,) = wait_until(lambda: workers(pool))
        clock.now += 121
        pool.sweep()
        wait_until(lambda first=first: first not in workers(pool))
    assert failed_with(end_of(pool, job), "no_worker")


def test_a_worker_warmed_up_later_is_watched_too(clock):
    pool = Pool(Limits(), clock=clock, command=[*FAKE, "slow"])
    pool.start(warm=False)
    try:
        wait_until(lambda: pool._wake._cond._waiters)  # the keeper sleeps: there is nothing to keep time for
        pool.warm()
        (first,) = workers(pool)
        clock.now += 121
        wait_until(lambda: first not in workers(pool))
    finally:
        pool.stop()


def test_stop_leaves_no_process_and_no_thread(make_pool):
    before = set(threading.enumerate())
    pool = make_pool(workers=2)
    job, other = ask(pool, LONG, "ana"), ask(pool, HANG, "bo")
    running(pool, job, "ana")
    running(pool, other, "bo")
    waiting = ask(pool, QUICK, "chai")
    pids = workers(pool)
    assert len(pids) == 2
    pool.stop()
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert not set(threading.enumerate()) - before
    for name, reader in ((job, "ana"), (waiting, "chai")):
        view = pool.poll(name, reader)
        assert (view.state, view.message_key) == ("stopped", "shutdown")


SERVER = """
import sys, time
from jobs import Limits, Pool
from lab.runs.config import TrainConfig
pool = Pool(Limits(), command=[*{fake!r}, {mode!r}])
pool.start()
job = pool.submit(TrainConfig(seed={seed}, steps=3), "ana")
while {busy} and not pool.poll(job, "ana").snapshots:
    time.sleep(0.01)
print(pool._workers[0].pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("mode", "seed", "busy"),
    [("", LONG, True), ("", HANG, True), ("slow", QUICK, False)],
    ids=["training", "silent", "warming up"],
)
def test_a_worker_leaves_when_its_server_is_killed(mode, seed, busy):
    code = SERVER.format(fake=FAKE, mode=mode, seed=seed, busy=busy)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT) as server:
        pid = int(server.stdout.readline())
        worker = psutil.Process(pid)
        server.kill()
    wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def test_workers_have_a_lower_priority_and_see_one_core_each(pool):
    wait_until(lambda: pool.device)
    worker = psutil.Process(workers(pool)[0])
    assert worker.nice() == 5
    assert worker.environ()["OMP_NUM_THREADS"] == "1"


def test_the_server_side_imports_no_torch():
    code = "import sys, jobs; jobs.pool(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
