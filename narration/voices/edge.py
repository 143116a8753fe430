"""Microsoft Edge's online voices through edge-tts: opt-in, since each sentence leaves the machine."""

import asyncio
import io

import edge_tts
import numpy as np
import soundfile
from aiohttp import ClientError
from edge_tts.exceptions import EdgeTTSException, NoAudioReceived

from narration.spoken import SpokenForm
from narration.voices.base import RATE, Samples, Speech, Timing, VoiceError, proportional, trimmed

_TICKS = 10_000_000  # a second, in the service's word boundaries


class Edge:
    """One online voice.

    Args:
        voice: for example "th-TH-PremwadeeNeural".
        timeout: seconds a sentence may take.
    """

    def __init__(self, voice: str, timeout: float) -> None:
        self.name, self._voice, self._timeout = "edge", voice, timeout

    def synthesise(self, sentence: SpokenForm) -> Speech:
        try:
            data, heard = asyncio.run(asyncio.wait_for(self._ask(sentence.text), self._timeout))
        except TimeoutError:
            raise VoiceError("timeout") from None
        except NoAudioReceived:
            raise VoiceError("refused", "no audio") from None
        except EdgeTTSException as problem:
            raise VoiceError("garbage", type(problem).__name__) from None
        except (ClientError, OSError) as problem:
            refused = getattr(problem, "status", 0) in (401, 403, 429)
            raise VoiceError("refused" if refused else "unreachable", type(problem).__name__) from None
        except (ValueError, KeyError, TypeError) as problem:
            raise VoiceError("garbage", type(problem).__name__) from None
        audio = _decoded(data)
        return trimmed(Speech(audio, _words(sentence, heard) or proportional(sentence, audio)))

    async def _ask(self, text: str) -> tuple[bytes, list[tuple[str, float, float]]]:
        """The mp3 and the heard words with their seconds."""
        data, heard = b"", []
        async for chunk in edge_tts.Communicate(text, self._voice, boundary="WordBoundary").stream():
            if chunk["type"] == "audio":
                data += chunk["data"]
            elif chunk["type"] == "WordBoundary":
                begin, length = chunk["offset"] / _TICKS, chunk["duration"] / _TICKS
                heard.append((chunk["text"], begin, begin + length))
        return data, heard


def _decoded(data: bytes) -> Samples:
    try:
        audio, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        raise VoiceError("garbage", "not audio") from None
    mono = audio.mean(axis=1)
    if rate != RATE or len(mono) < RATE // 20 or not np.isfinite(mono).all():
        raise VoiceError("garbage", f"{len(mono)} samples at {rate} Hz")
    return np.asarray(mono, np.float32)


def _words(form: SpokenForm, heard: list[tuple[str, float, float]]) -> tuple[Timing, ...]:
    """The service's words on ours, by their place in the spoken text; () where too few are found."""
    times: dict[int, tuple[float, float]] = {}
    at = 0
    for text, t0, t1 in heard:
        place = form.text.find(text.strip(), at)
        if place < 0 or not text.strip():
            continue
        at = place + len(text.strip())
        for index in range(form.word_at(place), form.word_at(at - 1) + 1):
            times[index] = (times.get(index, (t0, t1))[0], t1)
    if len(times) * 2 < len(form.words):
        return ()
    known = sorted(times)
    begins = np.interp(range(len(form.words)), known, [times[i][0] for i in known])
    ends = np.interp(range(len(form.words)), known, [times[i][1] for i in known])
    words, last = [], 0.0
    for word, t0, t1 in zip(form.words, begins, ends, strict=True):
        words.append(Timing(word.start, word.end, max(float(t0), last), max(float(t1), float(t0), last)))
        last = words[-1].t0
    return tuple(words)
