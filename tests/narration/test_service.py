"""The service: workers in their own process, ahead of the listener, for many readers."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from narration import service as service_module
from narration.article import Chapter, Utterance
from narration.cache import Cache, Clip
from narration.lane import Lane, Task
from narration.service import Service
from narration.speaker import key_of
from narration.voices.registry import Settings
from workers.restarts import Restarts
from workers.supervisor import Supervisor

FAKE = (sys.executable, "-m", "tests.narration.fake_worker")


def until(condition, seconds: float = 30.0):
    """Poll until something is true; give it back."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)
    return found


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> list[Chapter]:
    """Three short chapters in place of the article."""
    every = [
        Chapter(name, name.upper(), tuple(Utterance(f"{name}-{i}", "en", f"{name} {i}") for i in range(4)))
        for name in ("one", "two", "three")
    ]
    monkeypatch.setattr(service_module, "chapters", lambda _: tuple(every))
    return every


@pytest.fixture
def served(tmp_path: Path, book) -> Iterator[Service]:
    made = Service(Cache(tmp_path), Settings(online=("edge",)), FAKE)
    yield made
    made.stop()


def test_a_chapter_is_made_from_the_sentence_on_and_joined(served: Service) -> None:
    first = served.request("en", "builtin", "two-2", "ann")
    assert (first["chapter"], first["total"], first["audio"]) == ("two", 4, None)
    done = until(lambda: (s := served.status("en", "builtin", "two"))["audio"] and s)
    assert done["ready"] == 4
    assert [said["id"] for said in done["index"]] == ["two-0", "two-1", "two-2", "two-3"]
    assert done["duration"] == pytest.approx(sum(said["duration"] for said in done["sentences"]))
    assert served.audio(done["audio"]) == b"".join(served.audio(s["audio"]) or b"" for s in done["sentences"])
    assert [word["sentence"] for word in done["words"]] == ["two-0", "two-1", "two-2", "two-3"]
    until(lambda: served.status("en", "builtin", "three")["audio"])  # ahead of the listener
    assert served.status("en", "builtin", "one")["ready"] == 0
    assert served.audio("f" * 64) is None
    assert served.audio("../secret") is None


def test_what_was_made_outlives_the_service(served: Service, tmp_path: Path) -> None:
    served.request("en", "builtin", "", "ann")
    done = until(lambda: (s := served.status("en", "builtin", "one"))["audio"] and s)
    again = Service(Cache(tmp_path), Settings(online=("edge",)), ("a-command-that-does-not-exist",))
    assert again.request("en", "builtin", "one-0", "ben")["audio"] == done["audio"]
    assert again.audio(done["audio"])


def test_a_fallback_says_who_speaks_and_why(served: Service) -> None:
    served.request("en", "edge", "", "ann")
    done = until(lambda: (s := served.status("en", "edge", "one"))["audio"] and s)
    assert done["fallback"] == "timeout"
    assert {said["voice"] for said in done["sentences"]} == {"builtin"}
    assert served.request("en", "nobody", "", "ann")["voice"] == "builtin"


def test_one_readers_used_up_share_is_nobody_elses_matter(served: Service, book: list[Chapter]) -> None:
    said = book[0].utterances[0]
    task = Task(key_of(said, "edge", served._settings), said, "edge", "ann")
    served._done(task, Clip(b"mp3", 1.0, [], [], "builtin", []), "limit")
    assert served.status("en", "edge", "one", "ann")["fallback"] == "limit"
    for other in ("ben", ""):
        assert served.status("en", "edge", "one", other)["fallback"] == ""
    served._done(task, None, "failed")
    assert served.status("en", "edge", "one", "ben")["fallback"] == "failed", (
        "what ails a voice ails it for all"
    )


def test_a_sentence_no_voice_can_say_is_left_out(served: Service, book: list[Chapter]) -> None:
    bad = Utterance("one-2", "en", "this one makes it FALL")
    book[0] = Chapter("one", "ONE", (*book[0].utterances[:2], bad, book[0].utterances[3]))
    served.request("en", "builtin", "", "ann")
    done = until(lambda: (s := served.status("en", "builtin", "one"))["audio"] and s)
    assert [said["audio"] == "" for said in done["sentences"]] == [False, False, True, False]
    assert done["fallback"] == "failed"
    assert [said["id"] for said in done["index"]] == ["one-0", "one-1", "one-3"]


def test_the_device_voice_gets_text_and_map(served: Service) -> None:
    said = served.script("en", "one")[1]
    assert said["id"] == "one-1"
    assert said["text"] == "one one."
    assert said["map"] == [[0, 3, 0, 3], [4, 7, 4, 5]]
    with pytest.raises(ValueError, match="no chapter"):
        served.script("en", "nothing")


def tasks(texts: list[str], reader: str) -> list[Task]:
    return [Task(f"{reader}-{text}", Utterance(text, "en", text), "builtin", reader) for text in texts]


@pytest.fixture
def lane():
    done: queue.Queue = queue.Queue()
    made_already: set[str] = {"cat-made"}
    made = Lane(
        lambda task, clip, reason: done.put((task.reader, task.utterance.display, clip is not None, reason)),
        made_already.__contains__,
        FAKE,
    )
    yield made, done
    made.close()


def test_readers_take_turns(lane) -> None:
    made, done = lane
    made.want("ann", tasks(list("abcd"), "ann"))
    made.want("ben", tasks(list("xy"), "ben"))
    order = [done.get(timeout=30)[:2] for _ in range(6)]
    assert [text for reader, text in order if reader == "ann"] == list("abcd")
    assert [text for reader, text in order if reader == "ben"] == list("xy")
    assert order.index(("ben", "y")) < order.index(("ann", "d"))


def test_what_another_reader_has_is_not_made_again(lane) -> None:
    made, done = lane
    made.want("cat", tasks(["made", "new"], "cat"))
    assert done.get(timeout=30)[:2] == ("cat", "new")


def test_a_new_request_replaces_the_readers_last(lane) -> None:
    made, done = lane
    with made._changed:  # hold the queue while both requests come in
        thread = threading.Thread(target=lambda: made.want("ann", tasks(["old"], "ann")))
        made._wanted["ann"] = __import__("collections").deque(tasks(["older"], "ann"))
        thread.start()
    thread.join()
    made.want("ann", tasks(["new"], "ann"))
    until(lambda: any(text == "new" for _, text, *_ in list(done.queue)))
    assert [text for _, text, *_ in list(done.queue)][-1] == "new"
    assert "older" not in [text for _, text, *_ in list(done.queue)]


@pytest.mark.parametrize("text", ["FALL", "GARBLE", "REFUSE"])
def test_a_worker_that_dies_is_started_again(lane, text: str) -> None:
    made, done = lane
    made.want("ann", tasks([text, "after"], "ann"))
    assert done.get(timeout=60)[2:] == (False, "garbage" if text == "REFUSE" else "failed")
    assert done.get(timeout=60) == ("ann", "after", True, "")


def test_a_worker_that_was_killed_while_idle_is_replaced(lane) -> None:
    made, done = lane
    made.want("ann", tasks(["before"], "ann"))
    assert done.get(timeout=60)[1:3] == ("before", True)
    os.kill(made._worker.pid, signal.SIGKILL)
    made.want("ann", tasks(["after"], "ann"))
    assert done.get(timeout=60)[1:3] == ("after", True)


def test_a_worker_that_cannot_start_is_not_waited_for_with_every_sentence(monkeypatch) -> None:
    monkeypatch.setattr("narration.lane.Restarts", lambda: Restarts(pause=3600.0))
    done: queue.Queue = queue.Queue()
    starts = []
    made = Lane(lambda *answer: done.put(answer[1:]), lambda _: False, ("/no/such/program",))
    monkeypatch.setattr("narration.lane.Supervisor", lambda *a: starts.append(a) or Supervisor(*a))
    made.want("ann", tasks(list("abcd"), "ann"))
    assert [done.get(timeout=30) for _ in range(4)] == [(None, "failed")] * 4
    assert len(starts) == 2
    made.close()


def test_a_worker_that_does_not_answer_in_time_is_ended(lane, monkeypatch) -> None:
    made, done = lane
    made.want("ann", tasks(["before"], "ann"))
    assert done.get(timeout=60)[1:3] == ("before", True)
    monkeypatch.setattr("narration.lane.SENTENCE", 0.05)
    first = made._worker
    made.want("ann", tasks(["SILENT"], "ann"))
    assert done.get(timeout=60)[1:] == ("SILENT", False, "failed")
    assert first.cause == "hung"
    assert not psutil.pid_exists(first.pid)


def test_a_real_worker_speaks_both_languages(tmp_path: Path) -> None:
    made = Service(Cache(tmp_path), Settings())
    try:
        made.start()
        for language in ("en", "th"):
            made.request(language, "builtin", "", "ann")
            said = until(
                lambda lang=language: made.status(lang, "builtin", "tldr")["sentences"][0]["audio"], 120
            )
            audio = made.audio(said)
            assert audio is not None
            assert audio[:2] == b"\xff\xf3"
    finally:
        made.stop()


def test_the_server_stays_light() -> None:
    """The service, the routes and a device's script load no voice and no runtime for one."""
    code = (
        "import sys, narration.routes\n"
        "from narration.service import service\n"
        "service().script('th', 'tldr'); service().status('en', 'builtin', 'tldr')\n"
        "heavy = {'onnxruntime', 'hibari', 'torch', 'thaiphon', 'edge_tts'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
