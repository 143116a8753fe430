"""A queue of sentences before one worker process, fair between readers, restarted when it falls."""

import os
import subprocess
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from narration.article import Utterance
from narration.cache import Clip
from narration.protocol import Header, ProtocolError, frame, read_frame

#: Seconds a worker may take to start, and for one sentence.
START, SENTENCE = 180.0, 60.0
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
        done: told of each sentence, from the lane's thread.
        have: whether a key has been made meanwhile, for another reader.
        command: how to start the worker.
    """

    def __init__(self, done: Done, have: Callable[[str], bool], command: Sequence[str] = COMMAND) -> None:
        self._done, self._have, self._command = done, have, tuple(command)
        self._wanted: OrderedDict[str, deque[Task]] = OrderedDict()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
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
            process = self._process
        if process:
            process.kill()
        if self._thread:
            self._thread.join(timeout=10)

    def _start(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="narration", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (task := self._next()) is not None:
            if not isinstance(task, Task):
                self._worker()
                continue
            if self._have(task.key):
                continue
            for _ in range(2):  # a worker that fell over a sentence gets it once more, fresh
                answer = self._ask(task)
                if answer:
                    break
            self._done(task, *(answer or (None, "failed")))
        self._end()

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
        process = self._worker()
        if not process or not process.stdin:
            return None
        try:
            utterance = asdict(task.utterance)
            request = {
                "type": "say",
                "id": task.key,
                "utterance": utterance,
                "voice": task.voice,
                "reader": task.reader,
            }
            process.stdin.write(frame(request))
            process.stdin.flush()
            answer = self._answer(process, SENTENCE)
        except OSError:
            answer = None
        if not answer or answer[0].get("id") != task.key:
            self._end()
            return None
        header, body = answer
        if header["type"] == "clip":
            return Clip.of(header["meta"], body), header["fallback"]
        return None, header["reason"]

    def _worker(self) -> subprocess.Popen[bytes] | None:
        """The running worker, started if need be."""
        if self._process and self._process.poll() is None:
            return self._process
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        with self._changed:
            if self._closed:
                return None
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, **threads},
                    bufsize=0,
                )
            except OSError:
                return None
        answer = self._answer(self._process, START)
        if not answer or answer[0].get("type") != "ready":
            self._end()
            return None
        return self._process

    @staticmethod
    def _answer(process: subprocess.Popen[bytes], seconds: float) -> tuple[Header, bytes] | None:
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        watch = threading.Timer(seconds, process.kill)  # a killed worker ends the read
        watch.start()
        try:
            return read_frame(lambda size: os.read(pipe, min(size, 1 << 20)))
        except (ProtocolError, OSError):
            return None
        finally:
            watch.cancel()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()
            process.wait()
