"""What the service allows, and how it says no."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lora_core.bounds import ConfigError, choice, positive, whole

DEVICES = ("auto", "cpu", "cuda", "mps")


class Refused(Exception):  # noqa: N818
    """A request the service does not take, or cannot answer.

    `jobs.<key>` is its message in `content/strings`, with the fields of `values`. An unknown job and somebody
    else's job are the same refusal, so that an id cannot be probed for.
    """

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(f"{key} {values}" if values else key)
        self.key = key
        self.values = values


@dataclass(frozen=True)
class Limits:
    """Every bound of the service. Times in seconds, memory in bytes.

    Attributes:
        workers: jobs that run at once, over all readers.
        running_each, waiting_each: jobs of one reader that run, and that wait.
        waiting: jobs that wait, over all readers.
        lease: a job that nobody polled for this long is stopped, running or waiting.
        silence: a running job that said nothing for this long hangs; its worker is killed.
        warm_up: how long a worker may take to import torch and load the base models.
        goodbye: how long a job may take to obey a stop.
        memory: of one worker, resident.
        kept_each, kept: ended jobs that can still be asked for, of one reader and over all.
        kept_for: an ended job that nobody asked for this long is forgotten.
        snapshots, history: snapshots kept of one job, and their size in bytes of JSON.
        every: seconds between two snapshots.
        device: PRADIT_DEVICE, one of DEVICES.
    """

    workers: int = 1
    running_each: int = 1
    waiting_each: int = 2
    waiting: int = 64
    lease: float = 15.0
    silence: float = 30.0
    warm_up: float = 120.0
    goodbye: float = 10.0
    memory: int = 4 << 30
    kept_each: int = 6
    kept: int = 64
    kept_for: float = 6 * 3600.0
    snapshots: int = 240
    history: int = 4 << 20
    every: float = 0.25
    device: str = "auto"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """From PRADIT_WORKERS (default: cores − 1, at least 1), _LEASE (s), _MEMORY (MB a worker), _DEVICE.

        Raises:
            ValueError: a setting is not a number above 0, or the device is not one of DEVICES.
        """
        given = os.environ if environment is None else environment
        found = {name: value for name, value in given.items() if value}
        device = found.get("PRADIT_DEVICE", cls.device)
        choice("PRADIT_DEVICE", device, DEVICES)
        workers = found.get("PRADIT_WORKERS", max(1, _cores() - 1))
        memory = positive("PRADIT_MEMORY", found.get("PRADIT_MEMORY", cls.memory >> 20))
        return cls(
            workers=whole("PRADIT_WORKERS", workers, least=1),
            lease=positive("PRADIT_LEASE", found.get("PRADIT_LEASE", cls.lease)),
            memory=int(memory * 2**20),
            device=device,
        )


def refusal(error: ConfigError) -> Refused:
    """How to say that a setting is out of bounds: `limit.<field>`, `limit.choice` or `limit.type`."""
    if error.key == "range":
        return Refused(f"limit.{error.values['field']}", **error.values)
    return Refused(f"limit.{error.key}", **error.values)


def _cores() -> int:
    """Cores this process may use; a container's share is often less than the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
