"""Why something asked for is not done, in the reader's language: numbers as the pages write them."""

from __future__ import annotations

from collections.abc import Mapping

from web.kit.i18n import number, scientific, t

CLIP = 40  # characters of what a link asked for
EXACT = 10**15  # from here on a number is no setting but an accident, and is told digit by digit


def refused(key: str, values: Mapping[str, object]) -> str:
    """The message `jobs.<key>`: why the pool took no job, or why a job ended. `limit.<field>` has numbers."""
    field = key.rpartition(".")[2]
    return t(f"jobs.{key}", **{name: written(field, value) for name, value in values.items()})


def written(field: str, value: object) -> str:
    """A value of a field: `2,147,483,647`, a learning rate as its slider has it; text stays as it is."""
    if not isinstance(value, int | float):
        return str(value)
    if abs(value) >= EXACT:
        return clipped(str(value))
    return scientific(value) if field == "lr" and value != int(value) else number(value)


def clipped(text: str) -> str:
    """What a link asked for, not longer than a line."""
    return text if len(text) <= CLIP else text[: CLIP - 1] + "…"
