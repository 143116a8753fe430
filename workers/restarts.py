"""When a child that was lost may be started again."""

from __future__ import annotations

import time
from collections.abc import Callable


class Restarts:
    """At once for the first losses in a row, then after a pause that doubles.

    Args:
        tries: how many may be lost before there is a pause.
        pause: of seconds, the first one.
        longest: of seconds, where doubling ends.
        clock: seconds, never backwards.
    """

    def __init__(
        self,
        tries: int = 2,
        pause: float = 1.0,
        longest: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tries, self._pause, self._longest, self._clock = tries, pause, longest, clock
        self.reset()

    def reset(self) -> None:
        """A child worked, or somebody asks anew: the next losses are the first again."""
        self._lost, self._until = 0, float("-inf")

    def lost(self, *, hopeless: bool = False) -> None:
        """Count a loss; after a hopeless one the pause begins at once."""
        self._lost = max(self._lost + 1, self._tries if hopeless else 0)
        if self._lost >= self._tries:
            doubled = self._pause * 2.0 ** min(self._lost - self._tries, 32)
            self._until = self._clock() + min(self._longest, doubled)

    @property
    def ready(self) -> bool:
        """Whether the next child may be started now."""
        return self._clock() >= self._until
