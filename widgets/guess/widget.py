"""A guess before a figure: more, the same or less, or a curve that the reader drags."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import streamlit as st

from content.terms import unbroken
from widgets.component import component

_guess = component("guess")


@dataclass(frozen=True)
class Curve:
    """The axes of a curve to be dragged, and the curve that was measured.

    Attributes:
        x, y: titles. xs: what stands below each point.
        ys: values with what stands beside them.
        low, high: ends of the vertical axis; log: it is logarithmic.
        truth: the measured values; the first is given, the others are sent once the reader has guessed.
    """

    x: str
    y: str
    xs: Sequence[str]
    ys: Sequence[tuple[float, str]]
    low: float
    high: float
    truth: Sequence[float]
    log: bool = False


def guess(
    question: str,
    *,
    key: str,
    text: Mapping[str, str],
    language: str,
    given: Mapping[str, Any] | None,
    on_given: Callable[[dict[str, Any]], None],
    choices: Sequence[tuple[str, str]] = (),
    answer: str = "",
    curve: Curve | None = None,
    said: str = "",
    auto: bool = False,
) -> None:
    """Ask, or show what was guessed beside what was measured.

    Args:
        text: the strings of `guess` itself.
        given: what the reader has said, or None as long as nothing was.
        on_given: called with it: `{"choice": …}`, `{"curve": [values]}`, `{}` for a reader who only wants to
            see, or `{"always": True}` for one who wants to see everything.
        choices: value and words of each, where a choice is asked for.
        answer: the value that was measured.
        curve: where a curve is asked for.
        said: a sentence below, once the reader has guessed.
        auto: say `always` for the reader as soon as the place comes near.
    """

    def heard() -> None:
        value = st.session_state[key].get("given")
        if isinstance(value, Mapping):  # what a browser says is not trusted
            on_given(_valid(value, [name for name, _ in choices], curve))

    axes = None
    if curve:
        shown = list(curve.truth) if given is not None else None
        axes = {**asdict(replace(curve, truth=())), "truth": shown, "first": curve.truth[0]}
    _guess(
        key=key,
        data={
            "question": question,
            "choices": list(choices),
            "curve": axes,
            "given": given,
            "answer": answer if given is not None else "",
            "said": said,
            "auto": auto,
            "language": language,
            "unbroken": unbroken() if language == "th" else (),
            "text": dict(text),
        },
        default={"given": None},
        on_given_change=heard,
        height="content",
    )


def _valid(value: Mapping[str, Any], choices: Sequence[str], curve: Curve | None) -> dict[str, Any]:
    """What the reader may have said; anything else is taken for wanting to see."""
    if value.get("always") is True:
        return {"always": True}
    if value.get("choice") in choices:
        return {"choice": value["choice"]}
    drawn = value.get("curve")
    if not curve or not isinstance(drawn, list) or len(drawn) != len(curve.xs):
        return {}
    within = all(isinstance(each, int | float) and curve.low <= each <= curve.high for each in drawn)
    return {"curve": drawn} if within else {}
