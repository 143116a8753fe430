"""The pool: a queue, worker processes, leases. `poll` is all a page needs to follow a job.

Three kinds of threads meet under one lock: the pages' calls, one supervisor a worker, and the keeper, which
wakes once a second while there is something to keep time for.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobs.history import History
from jobs.job import Job, JobView, State
from jobs.kinds import KINDS, Config, check
from jobs.limits import Limits, Refused
from jobs.process import COMMAND, Process
from jobs.protocol import Arrays
from workers.pipe import Header
from workers.restarts import Restarts

TICK = 1.0  # s between two looks at leases, silence and memory
SLOW_TICK = 300.0  # s, while there are only ended jobs to forget

log = logging.getLogger(__name__)


class Pool:
    """Training as a service.

    Args:
        limits: by default from the environment.
        clock: seconds, never backwards.
        command: what a worker is started by.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.limits = limits or Limits.from_environment()
        self.device: str | None = None  # what the workers compute on, once one is ready
        self._clock = clock
        self._command = command
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._keeper: threading.Thread | None = None
        self._jobs: dict[str, Job] = {}  # in the order of their submission
        self._queue: list[Job] = []
        self._ended: list[Job] = []  # in the order of their end
        self._workers: list[Process] = []
        self._open = False
        # Workers lost in a row without a job done: the queue fails, and the next request tries again.
        self._restarts = Restarts(clock=clock)

    # The server's side

    def start(self, *, warm: bool = True) -> None:
        """Open, with one worker warming up unless `warm` is called later."""
        with self._lock:
            if self._open:
                return
            self._open = True
            self._restarts.reset()
            self._keeper = threading.Thread(target=self._sweep_while_open, name="job keeper", daemon=True)
            self._keeper.start()
        if warm:
            self.warm()

    def warm(self) -> None:
        """Have a worker ready before anyone asks."""
        with self._lock:
            self._assign_jobs()
            self._wake.set()  # the keeper slept as long as there was nothing to keep time for

    def stop(self, timeout: float = 10.0) -> None:
        """Close: every job is stopped, no worker is left when this returns."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            workers, keeper = list(self._workers), self._keeper
            for job in [job for job in self._jobs.values() if job.live]:
                self._finish(job, "stopped", "shutdown")
            for worker in workers:
                worker.kill("shutdown")
            self._wake.set()
        for worker in workers:
            worker.join(timeout)
        if keeper is not None:
            keeper.join(timeout)

    def sweep(self) -> None:
        """End what has outlived its time or outgrown its memory. The keeper calls it."""
        with self._lock:
            now, limits = self._clock(), self.limits
            for job in [job for job in self._ended if now - job.seen > limits.kept_for]:
                self._forget(job)
            if self._queue and not self._workers:
                self._assign_jobs()
            for job in [job for job in self._jobs.values() if job.live and now - job.seen > limits.lease]:
                self._ask_to_stop(job, "unwatched")
            for worker in self._workers:
                current = worker.job
                if worker.starting and now - worker.heard > limits.warm_up:
                    worker.kill("no_worker")
                elif (
                    current is not None
                    and current.stop_asked is not None
                    and now - current.stop_asked > limits.goodbye
                ):
                    worker.kill("stopped")
                elif (
                    current is not None and now - worker.heard > limits.silence * KINDS[current.kind].patience
                ):
                    worker.kill("hung")
                elif worker.resident() > limits.memory:
                    worker.kill("memory")

    # The readers' side

    def submit(self, config: Config, reader: str) -> str:
        """Queue a job of the kind that its config belongs to; it starts at once when a worker is free.

        Returns:
            The job's id, which answers to this reader only.

        Raises:
            Refused: a setting or a number of jobs is over its limit, or the service is closed.
        """
        kind = check(config)
        limits = self.limits
        with self._lock:
            if not self._open:
                raise Refused("closed")
            job = Job(
                id=secrets.token_urlsafe(24),
                reader=reader,
                kind=kind,
                config=config,
                seen=self._clock(),
                history=History(limits.snapshots, limits.history),
            )
            self._restarts.reset()
            self._jobs[job.id] = job
            self._queue.append(job)
            self._assign_jobs()
            if job.state == "queued":
                try:
                    self._refuse_crowds(reader)
                except Refused:
                    self._queue.remove(job)
                    del self._jobs[job.id]
                    raise
            self._wake.set()
            return job.id

    def poll(self, job_id: str, reader: str, since: int = 0) -> JobView:
        """The job now, with the snapshots after number `since`; renews its lease.

        Raises:
            Refused: `unknown_job`: there is none, not any more, or not of this reader.
        """
        with self._lock:
            job = self._find(job_id, reader)
            job.seen = self._clock()
            return job.view(since, self._queue.index(job) + 1 if job.state == "queued" else None)

    def cancel(self, job_id: str, reader: str) -> None:
        """Stop a job: at once in the queue, between two steps when it runs. An ended job stays as it is.

        Raises:
            Refused: as `poll`.
        """
        with self._lock:
            self._ask_to_stop(self._find(job_id, reader), "stopped")

    def of(self, reader: str, kind: str) -> list[str]:
        """A reader's jobs of one kind that can still be asked for, in the order of their submission."""
        with self._lock:
            return [job.id for job in self._jobs.values() if (job.reader, job.kind) == (reader, kind)]

    # Under the lock

    def _find(self, job_id: str, reader: str) -> Job:
        job = self._jobs.get(job_id)
        if job is None or job.reader != reader:
            raise Refused("unknown_job")
        return job

    def _refuse_crowds(self, reader: str) -> None:
        if sum(job.reader == reader for job in self._queue) > self.limits.waiting_each:
            raise Refused("reader_waiting", limit=self.limits.waiting_each)
        if len(self._queue) > self.limits.waiting:
            raise Refused("pool_waiting", limit=self.limits.waiting)

    def _assign_jobs(self) -> None:
        """Give waiting jobs to idle workers, first come first served; keep one worker warm beyond them."""
        for worker in [worker for worker in self._workers if worker.idle]:
            job = next((job for job in self._queue if self._may_run(job.reader)), None)
            if job is not None:
                self._assign(job, worker)
        spare = [worker for worker in self._workers if worker.idle or worker.starting]
        if self._open and not spare and len(self._workers) < self.limits.workers and self._restarts.ready:
            self._hire()
        for worker in [worker for worker in spare if worker.idle][1:]:
            worker.kill("spare")

    def _may_run(self, reader: str) -> bool:
        running = sum(worker.job is not None and worker.job.reader == reader for worker in self._workers)
        return running < self.limits.running_each

    def _assign(self, job: Job, worker: Process) -> None:
        self._queue.remove(job)
        job.state, job.device = "running", worker.device
        worker.job, worker.heard = job, self._clock()
        worker.send({"type": "run", "job": job.id, "kind": job.kind, "request": job.config.to_json()})

    def _hire(self) -> None:
        try:
            worker = Process(self._command, self._clock(), self._on_frame, self._on_end)
        except OSError:
            log.exception("a worker cannot be started")
            self._restarts.lost()
            self._fail_queue(("no_worker",))
            return
        self._workers.append(worker)
        limits = self.limits
        worker.send(
            {"type": "start", "device": limits.device, "memory": limits.memory, "every": limits.every}
        )
        worker.begin()

    def _fail_queue(self, why: tuple[Any, ...]) -> None:
        """Let no job wait when worker after worker was lost and none is left."""
        if not self._restarts.ready and not self._workers:
            for waiting in list(self._queue):
                self._finish(waiting, "failed", *why)

    def _ask_to_stop(self, job: Job, key: str) -> None:
        if job.state == "queued":
            self._finish(job, "stopped", key)
        elif job.state == "running" and job.stop_asked is None:
            job.stop_asked, job.stop_key = self._clock(), key
            for worker in self._workers:
                if worker.job is job:
                    worker.send({"type": "stop", "job": job.id})

    def _finish(
        self, job: Job, state: State, key: str | None = None, values: Mapping[str, Any] | None = None
    ) -> None:
        job.end(state, key, values)
        if job in self._queue:
            self._queue.remove(job)
        self._ended.append(job)
        mine = [each for each in self._ended if each.reader == job.reader]
        for old in {
            each.id: each for each in mine[: -self.limits.kept_each] + self._ended[: -self.limits.kept]
        }.values():
            self._forget(old)

    def _forget(self, ended: Job) -> None:
        self._ended.remove(ended)
        del self._jobs[ended.id]

    # From the workers

    def _on_frame(self, worker: Process, header: Header, arrays: Arrays) -> None:
        with self._lock:
            worker.heard = self._clock()
            kind, job = header["type"], worker.job
            if kind == "ready":
                worker.device = self.device = header["device"]
            elif kind == "unusable":
                worker.complaint = header["key"], header["values"]
            elif job is not None and job.live and header["job"] == job.id:
                if kind == "snapshot":
                    job.add(header["snapshot"], arrays)
                elif kind == "ended":
                    worker.job = None
                    self._restarts.reset()
                    job.adapter = arrays["result"].tobytes() if "result" in arrays else None
                    key = job.stop_key if header["state"] == "stopped" else header["key"]
                    if header.get("leaving"):
                        worker.cause = "spent"
                    self._finish(job, header["state"], key, header["values"])
            self._assign_jobs()

    def _on_end(self, worker: Process) -> None:
        with self._lock:
            self._workers.remove(worker)
            job = worker.job
            if job is not None and job.live:
                asked = job.stop_asked is not None
                self._finish(
                    job, "stopped" if asked else "failed", job.stop_key if asked else worker.cause or "died"
                )
            elif worker.cause not in ("spare", "spent"):
                self._restarts.lost(hopeless=worker.complaint is not None)
            self._fail_queue(worker.complaint or ("no_worker",))
            self._assign_jobs()

    def _sweep_while_open(self) -> None:
        while self._open:
            with self._lock:
                timed = any(job.live for job in self._jobs.values()) or any(
                    worker.starting for worker in self._workers
                )
                kept = bool(self._ended)
            self._wake.wait(TICK if timed else SLOW_TICK if kept else None)
            self._wake.clear()
            self.sweep()
