"""A queue of sentences before one worker process, fair between readers, restarted when it dies."""

import queue
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from narration.article import Utterance
from narration.cache import Clip
from workers.pipe import Header
from workers.restarts import Restarts
from workers.supervisor import Supervisor

#: Seconds a worker may take to start, and for one sentence.
START, SENTENCE = 180.0, 60.0
MEMORY = 2 << 30  # bytes of a worker; with both voices loaded it holds 230 MB
COMMAND = (sys.executable, "-m", "narration.worker")


@dataclass(frozen=True)
class Task:
    """One sentence in one voice for one reader; `key` is the cache's name for it."""

    key: str
    utterance: Utterance
    voice: str
    reader: str


#: Called with the task, its clip (None where it failed) and the reason of a fallback or failure.
Done = Callable[[Task, Clip | None, str], None]


class Lane:
    """Sentences of many readers, said one after the other by a process that is started when first needed.

    Args:
        done: called with each sentence, from the lane's thread.
        is_made: whether a key has been made meanwhile, for another reader.
        command: how to start the worker.
    """

    def __init__(self, done: Done, is_made: Callable[[str], bool], command: Sequence[str] = COMMAND) -> None:
        self._done, self._is_made, self._command = done, is_made, tuple(command)
        self._wanted: OrderedDict[str, deque[Task]] = OrderedDict()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._worker: Supervisor | None = None
        self._answers: queue.SimpleQueue[tuple[Header, bytes] | None] = queue.SimpleQueue()
        self._restarts = Restarts()
        self._closed = False
        self._warm = False

    def want(self, reader: str, tasks: Sequence[Task]) -> None:
        """Replace what a reader waits for."""
        with self._changed:
            self._wanted[reader] = deque(tasks)
            self._start()
            self._changed.notify()

    def warm(self) -> None:
        """Start the worker before anyone asks."""
        with self._changed:
            self._warm = True
            self._start()
            self._changed.notify()

    def close(self) -> None:
        """End the worker and its thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            worker = self._worker
        if worker:
            worker.kill("shutdown")
        if self._thread:
            self._thread.join(timeout=10)

    def _start(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="narration", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (task := self._next()) is not None:
            if not isinstance(task, Task):
                self._ready_worker()
                continue
            if self._is_made(task.key):
                continue
            for _ in range(2):  # a sentence that a worker died of is tried once more, on a new one
                answer = self._ask(task)
                if answer:
                    break
            self._done(task, *(answer or (None, "failed")))
        self._end("shutdown")

    def _next(self) -> Task | bool | None:
        """The next task, readers in turn; True to warm up; None to end."""
        with self._changed:
            while not self._closed:
                for reader, tasks in list(self._wanted.items()):
                    self._wanted.move_to_end(reader)
                    if tasks:
                        return tasks.popleft()
                    del self._wanted[reader]
                if self._warm:
                    self._warm = False
                    return True
                self._changed.wait()
        return None

    def _ask(self, task: Task) -> tuple[Clip | None, str] | None:
        """The worker's answer; None where there is none, and the worker is ended."""
        worker = self._ready_worker()
        if worker is None:
            return None
        request = {"utterance": asdict(task.utterance), "voice": task.voice, "reader": task.reader}
        worker.send({"type": "say", "id": task.key, **request})
        answer = self._answer(SENTENCE)
        if not answer or answer[0].get("id") != task.key:
            self._end("hung")
            return None
        if worker.resident() > MEMORY:
            self._end("memory")
        header, body = answer
        if header["type"] == "clip":
            return Clip.of(header["meta"], body), header["fallback"]
        return None, header["reason"]

    def _ready_worker(self) -> Supervisor | None:
        """The running worker, started if need be; None while none can be had."""
        if self._worker:
            return self._worker
        with self._changed:
            if self._closed or not self._restarts.ready:
                return None
            answers: queue.SimpleQueue[tuple[Header, bytes] | None] = queue.SimpleQueue()
            self._answers = answers  # what the last worker still sends goes to its own queue
            try:
                self._worker = Supervisor(
                    self._command,
                    lambda header, body: answers.put((header, body)),
                    lambda: answers.put(None),
                )
            except OSError:
                self._restarts.lost()
                return None
            self._worker.begin()
        answer = self._answer(START)
        if not answer or answer[0]["type"] != "ready":
            self._restarts.lost()
            self._end("no_worker")
            return None
        self._restarts.reset()
        return self._worker

    def _answer(self, seconds: float) -> tuple[Header, bytes] | None:
        """The worker's next frame; None where it died or takes too long."""
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            return None

    def _end(self, cause: str) -> None:
        worker, self._worker = self._worker, None
        if worker:
            worker.kill(cause)
            worker.join(timeout=10)
