"""The built-in voice: hibari's network, with the time of each phoneme and, for Thai, the pitch of each tone.

hibari 0.2.1 predicts five spectra and F0 for frames of 12.5 ms. The number of frames of each phoneme is an
inner value of its graph; naming it as one more output costs nothing and gives exact word times.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import hibari
import numpy as np
import numpy.typing as npt
import onnxruntime
from hibari import dsp
from hibari.g2p import G2P
from hibari.voices import voice_path

from narration.spoken import SpokenForm
from narration.voices.base import RATE, Samples, Speech, Timing, VoiceError, proportional, sounding, trimmed
from narration.voices.plan import Plan, plan

HOP = 0.0125  # seconds a frame
_DURATIONS = "/Clip_output_0"  # (1, L), in steps of two frames
_LONGEST = 380  # phonemes the network takes at once; it was trained on up to 400
_MARGIN = round(0.06 * RATE)  # samples kept around the sound of a chunk
_BREAK = round(0.2 * RATE)  # samples of silence after a list item or a line
#: Semitones against the middle of the voice at 0, .35, .7 and 1 of the rime.
_CONTOURS = {
    1: (0.0, -0.3, -0.6, -1.0),
    2: (-1.5, -3.2, -4.2, -4.8),
    3: (4.0, 5.0, 0.0, -4.5),
    4: (0.5, 1.5, 3.2, 4.5),
    5: (-3.0, -4.5, -2.0, 3.5),
}
_MIDDLE = 195.0  # Hz
_DECLINATION = 2.0  # semitones from the first to the last frame
_SPEED = {"en": 1.0, "th": 0.93}
_SPAN = list[tuple[int, int]]


@dataclass(frozen=True)
class _Spoken:
    """A chunk as the network says it: audio and the frames of each phoneme character (None: unknown)."""

    audio: Samples
    frames: _SPAN | None


class Engine:
    """The network and the rules of English pronunciation, loaded once for all languages."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = Path(voice_path("heart")).read_bytes()
        providers = ["CPUExecutionProvider"]
        try:
            self.session = onnxruntime.InferenceSession(model + _extra_output(_DURATIONS), options, providers)
        except (
            Exception
        ):  # onnxruntime has no narrower class: the inner name is gone, go on without word times
            self.session = onnxruntime.InferenceSession(model, options, providers)
        assets = Path(hibari.__file__).parent / "assets"
        self.vocabulary: dict[str, int] = json.loads((assets / "vocab.json").read_text("utf-8"))
        self.g2p = G2P()

    def say(self, form: SpokenForm) -> Speech:
        """A spoken form as audio with word times, silent ends trimmed."""
        made = plan(form, self.g2p)
        parts: list[Samples] = []
        times: list[tuple[float, float]] | None = []  # of each phoneme
        at = 0.0
        for begin, end in _cuts(made):
            chunk = self._chunk(made, begin, end, form.language)
            first, last = sounding(chunk.audio)
            first, last = max(0, first - _MARGIN), min(len(chunk.audio), last + _MARGIN)
            parts += [chunk.audio[first:last], np.zeros(_BREAK if end in made.breaks else 0, np.float32)]
            if chunk.frames is None or times is None:
                times = None
            else:
                start = at - first / RATE
                times += [(max(at, a * HOP + start), max(at, b * HOP + start)) for a, b in chunk.frames]
            at += sum(map(len, parts[-2:])) / RATE
        audio = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        peak = float(np.abs(audio).max(initial=0.0))
        audio = audio * np.float32(min(1.0, 0.97 / peak)) if peak else audio
        if times is None:
            return trimmed(Speech(audio, proportional(form, audio)))
        words: list[Timing] = []
        at = 0.0
        for word, (a, b) in zip(form.words, made.words, strict=True):
            t0, t1 = (times[a][0], times[b - 1][1]) if b > a else (at, at)
            words.append(Timing(word.start, word.end, max(t0, at), max(t1, at)))
            at = words[-1].t1
        return trimmed(Speech(audio, tuple(words)))

    def _chunk(self, made: Plan, begin: int, end: int, language: str) -> _Spoken:
        characters = [
            (i, self.vocabulary[made.phonemes[i]])
            for i in range(begin, end)
            if made.phonemes[i] in self.vocabulary
        ]
        ids = np.array([[0, *(number for _, number in characters), 0]], np.int64)
        speed = np.array([_SPEED[language]], np.float32)
        *spectra, f0, rest = self._run(ids, speed)
        durations = 2 * np.rint(rest).astype(int) if rest is not None else None
        if durations is None or len(durations) != ids.shape[1] or int(durations.sum()) != len(f0):
            return _Spoken(dsp.synth(*spectra, f0, np.random.default_rng(0)), None)
        ends = np.cumsum(durations)
        frames = [(0, 0)] * (end - begin)
        at = int(ends[0])
        known = {i: (int(ends[k]), int(ends[k + 1])) for k, (i, _) in enumerate(characters)}
        for i in range(begin, end):
            frames[i - begin] = known.get(i, (at, at))
            at = frames[i - begin][1]
        rimes = [
            (frames[a - begin][0], frames[b - 1 - begin][1], tone)
            for a, b, tone in made.tones
            if begin <= a < end
        ]
        audio = dsp.synth(*spectra, toned(f0, rimes), np.random.default_rng(0))
        return _Spoken(audio, frames)

    def _run(self, ids: npt.NDArray[np.int64], speed: Samples) -> list[npt.NDArray[np.float32]]:
        """The five spectra (601, F), F0 (F,) and the durations (L,) or None."""
        outputs = self.session.run(None, {"ids": ids, "speed": speed})
        arrays = [output[0] for output in outputs[:6]]
        return [*arrays, np.asarray(outputs[6]).reshape(-1) if len(outputs) > 6 else None]


@cache
def engine() -> Engine:
    """The one engine of this process."""
    return Engine()


class Builtin:
    """The built-in voice in one language."""

    name = "builtin"

    def __init__(self, language: str, shared: Engine) -> None:
        self.language, self._engine = language, shared

    def synthesise(self, sentence: SpokenForm) -> Speech:
        speech = self._engine.say(sentence)
        if not np.isfinite(speech.audio).all():
            raise VoiceError("garbage", "the network gave numbers that are none")
        return speech


def toned(f0: Samples, rimes: list[tuple[int, int, int]]) -> Samples:
    """F0 in Hz with each rime (first frame, end frame, tone) drawn to its tone's contour; else as it was."""
    if not rimes:
        return f0
    semitones = np.full(len(f0), np.nan)
    for begin, end, tone in rimes:
        if end > begin:
            place = (np.arange(begin, end) - begin + 0.5) / (end - begin)
            semitones[begin:end] = np.interp(place, (0, 0.35, 0.7, 1), _CONTOURS[tone])
    frames = np.arange(len(f0))
    drawn = ~np.isnan(semitones)
    if not drawn.any():
        return f0
    near = drawn.copy()
    for begin, end, _ in rimes:  # the voiced onset glides to its rime
        near[max(0, begin - 4) : end] = True
    curve = np.interp(frames, frames[drawn], semitones[drawn])
    window = np.hanning(7)
    curve = np.convolve(np.pad(curve, 3, mode="edge"), window / window.sum(), "valid")
    curve += _DECLINATION * (0.5 - frames / len(f0))
    voiced = (f0 > 40) & near
    return np.where(voiced, _MIDDLE * 2 ** (curve / 12), f0).astype(np.float32)


def _cuts(made: Plan) -> _SPAN:
    """Ranges of at most _LONGEST phonemes: cut at breaks, then at the last pause that fits, or a space."""
    cuts, begin = [], 0
    for stop in [*made.breaks, len(made.phonemes)]:
        while begin < stop:
            end = stop
            if stop - begin > _LONGEST:
                window = made.phonemes[begin : begin + _LONGEST]
                pauses = [i for i, sign in enumerate(window) if sign in ",.;:!?—" and i > _LONGEST // 3]
                space = window.rfind(" ")
                end = begin + (pauses[-1] + 1 if pauses else space if space > 0 else _LONGEST)
            cuts.append((begin, end))
            begin = end
    return cuts


def _extra_output(name: str) -> bytes:
    """Bytes that add an output to an ONNX model: concatenated messages of protocol buffers merge.

    ModelProto.graph is field 7, GraphProto.output field 12, ValueInfoProto.name field 1.
    """

    def message(field: int, payload: bytes) -> bytes:
        return _varint(field << 3 | 2) + _varint(len(payload)) + payload

    return message(7, message(12, message(1, name.encode())))


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])
