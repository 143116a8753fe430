"""A batch of mixed requests on its way through one base and many adapters, as a drawing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from widgets.component import component

_batch_flow = component("batch_flow")


@dataclass(frozen=True)
class Slot:
    """One adapter that a request asks for.

    Attributes:
        sign: a short text that tells it apart without its colour, drawn where there is room.
        colour: a token, `--…`.
        copy: it is a copy of an adapter, and drawn paler.
    """

    sign: str
    colour: str
    copy: bool = False


def batch_flow(
    requests: Sequence[int | None], slots: Sequence[Slot], *, key: str, alt: str, text: Mapping[str, str]
) -> None:
    """Draw the batch.

    Args:
        requests: the slot of each request, in the order they came; None asks for no adapter.
        alt: what the drawing shows, in a sentence.
        text: what stands over its four parts: `requests`, `base`, `adapters`, `answers`.
    """
    data = {
        "requests": [-1 if slot is None else slot for slot in requests],
        "slots": [asdict(slot) for slot in slots],
        "alt": alt,
        "text": dict(text),
    }
    _batch_flow(key=key, data=data)
