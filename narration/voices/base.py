"""What every voice does: a spoken form in, audio and word times out."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from narration.spoken import SpokenForm

#: Samples a second of every voice.
RATE = 24_000
Samples = npt.NDArray[np.float32]


class VoiceError(Exception):
    """A voice could not speak; `reason` is a key under `narration.fallback`, such as "timeout"."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True)
class Timing:
    """When a word is heard.

    Attributes:
        start, end: character range in the display text.
        t0, t1: seconds from the start of the audio.
    """

    start: int
    end: int
    t0: float
    t1: float

    def shifted(self, seconds: float) -> "Timing":
        return replace(self, t0=self.t0 + seconds, t1=self.t1 + seconds)


@dataclass(frozen=True)
class Speech:
    """Audio of one sentence.

    Attributes:
        audio: float32, mono, RATE samples a second, within -1 … 1.
        words: one for each word of the spoken form, in order.
    """

    audio: Samples
    words: tuple[Timing, ...]

    @property
    def duration(self) -> float:
        return len(self.audio) / RATE


class Voice(Protocol):
    """A voice for one language.

    Attributes:
        name: as the reader's choice and the cache know it, for example "builtin" or "edge".
    """

    name: str

    def synthesise(self, sentence: SpokenForm) -> Speech:
        """Say a sentence.

        Raises:
            VoiceError: it could not.
        """
        ...


def proportional(form: SpokenForm, audio: Samples) -> tuple[Timing, ...]:
    """Word times for a voice that gives none: shares of the sounding part, by spoken letters and pauses."""
    begin, end = sounding(audio)
    cost = [
        (len(word.spoken) + 1, {",": 2, ";": 3, ":": 3, ".": 4}.get(word.after[:1], 0)) for word in form.words
    ]
    total = sum(word + pause for word, pause in cost) - (cost[-1][1] if cost else 0)
    second = (end - begin) / RATE / max(total, 1)
    timings, at = [], begin / RATE
    for word, (letters, pause) in zip(form.words, cost, strict=True):
        timings.append(Timing(word.start, word.end, at, at + letters * second))
        at += (letters + pause) * second
    return tuple(timings)


def sounding(audio: Samples, threshold: float = 0.006) -> tuple[int, int]:
    """First and one past the last sample louder than a threshold; the whole audio where none is."""
    loud = np.flatnonzero(np.abs(audio) > threshold)
    return (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (0, len(audio))


def trimmed(speech: Speech, lead: float = 0.03, tail: float = 0.06) -> Speech:
    """The speech without its silent ends, but for a lead and a tail in seconds; times move along."""
    begin, end = sounding(speech.audio)
    begin, end = max(0, begin - round(lead * RATE)), min(len(speech.audio), end + round(tail * RATE))
    duration = (end - begin) / RATE

    def inside(seconds: float) -> float:
        return min(max(seconds - begin / RATE, 0.0), duration)

    words = tuple(replace(word, t0=inside(word.t0), t1=inside(word.t1)) for word in speech.words)
    return Speech(speech.audio[begin:end], words)
