"""A real child: it answers, dies, hangs, sends garbage, is killed, and each end is reported once."""

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from workers.child import NICE
from workers.supervisor import Supervisor

ECHO = (sys.executable, "-m", "tests.workers.echo")
ENOUGH = 30.0  # s; what has not come by then never will
END = object()


class Child:
    """A supervised echo and what it reported, in order."""

    def __init__(self, command=ECHO):
        self.heard = queue.SimpleQueue()
        self.supervisor = Supervisor(
            command, lambda header, payload: self.heard.put((header, payload)), lambda: self.heard.put(END)
        )

    def next(self):
        return self.heard.get(timeout=ENOUGH)


@pytest.fixture
def child():
    made = Child()
    made.supervisor.begin()
    yield made
    made.supervisor.kill("test over")
    made.supervisor.join(ENOUGH)


@pytest.fixture
def ready(child):
    child.hello = child.next()[0]
    return child


def test_it_answers_in_order_with_payloads(ready):
    for i in range(20):
        ready.supervisor.send({"type": "echo", "i": i}, bytes([i]) * 100_000)
    for i in range(20):
        assert ready.next() == ({"type": "echo", "i": i}, bytes([i]) * 100_000)


def test_it_yields_to_the_server_and_sees_one_core(ready):
    assert ready.hello["nice"] == NICE
    assert ready.hello["env"]["OMP_NUM_THREADS"] == "1"


def test_a_death_is_reported_once_with_its_last_words(ready, caplog):
    ready.supervisor.send({"type": "die"})
    assert ready.next() is END
    ready.supervisor.join(ENOUGH)
    assert ready.heard.empty()
    assert ready.supervisor.cause is None
    assert not psutil.pid_exists(ready.supervisor.pid)
    assert "cannot go on" in caplog.text
    assert "code 1" in caplog.text


@pytest.mark.parametrize("end", ["hang", "garbage"])
def test_a_child_that_hangs_or_sends_garbage_is_ended(ready, end, caplog):
    ready.supervisor.send({"type": end})
    if end == "hang":
        ready.supervisor.kill("hung")
        ready.supervisor.kill("shutdown")
    assert ready.next() is END
    assert ready.supervisor.cause == ("hung" if end == "hang" else None)  # the first cause counts
    assert ("unreadable" in caplog.text) == (end == "garbage")
    assert not psutil.pid_exists(ready.supervisor.pid)


def test_it_is_reported_when_somebody_else_kills_it(ready):
    os.kill(ready.supervisor.pid, signal.SIGKILL)
    assert ready.next() is END
    assert ready.supervisor.resident() == 0
    ready.supervisor.send({"type": "echo"})  # no exception: the end has been reported


def test_an_error_in_a_callback_ends_the_child(caplog):
    ended = threading.Event()

    def on_frame(header, payload):
        raise RuntimeError("a bug of the parent")

    supervisor = Supervisor(ECHO, on_frame, ended.set)
    supervisor.begin()
    assert ended.wait(ENOUGH)
    assert not psutil.pid_exists(supervisor.pid)
    assert "a bug of the parent" in caplog.text


def test_its_memory_is_seen(ready):
    assert ready.supervisor.resident() > 5 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux refuses memory to a process")
def test_the_system_refuses_memory_beyond_the_limit(ready):
    ready.supervisor.send({"type": "allocate"})
    assert ready.next()[1] == b"refused"


def test_an_end_leaves_no_thread_and_no_open_file(caplog):
    caplog.set_level(logging.ERROR)
    process = psutil.Process()
    threads, files = set(threading.enumerate()), process.num_fds() if sys.platform != "win32" else 0
    for _ in range(3):
        child = Child()
        child.supervisor.begin()
        child.next()
        child.supervisor.kill("shutdown")
        child.supervisor.join(ENOUGH)
    assert not set(threading.enumerate()) - threads
    if sys.platform != "win32":
        assert process.num_fds() <= files


def test_a_program_that_does_not_exist_is_an_error_at_once():
    with pytest.raises(OSError, match="no/such/program"):
        Child(("/no/such/program",))


def test_this_room_knows_no_other():
    code = (
        "import sys, workers.supervisor, workers.child, workers.restarts\n"
        "heavy = {'numpy', 'torch', 'jobs', 'narration', 'lab', 'lora_core', 'content'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
