"""espeak-ng, an optional extra: light and robotic. English from text, Thai only from our own phonemes.

The library is loaded through espeakng-loader and spoken to by ctypes (speak_lib.h). Fed Thai script it would
lose vowels and tones, so Thai words go in as espeak's phoneme names in [[…]].
"""

import ctypes
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from espeakng_loader import get_data_path, get_library_path

from narration import thai_sounds
from narration.spoken import SpokenForm
from narration.voices.base import RATE, Samples, Speech, Timing, VoiceError, trimmed

_SYNCHRONOUS, _UTF8, _PHONEMES, _RATE, _WORD = 2, 1, 0x100, 1, 1
_WORDS_A_MINUTE = {"en": 165, "th": 140}


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int), ("sample", ctypes.c_int), ("user", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]  # fmt: skip


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
_VOWELS = {"ɛ": "E", "ɔ": "O", "ɤ": "@", "ɯ": "W", "ia": "i@", "ɯa": "W@", "ua": "u@"}
_NAMES = {"pʰ": "p_h", "tʰ": "t_h", "kʰ": "k_h", "tɕ": "tS;", "tɕʰ": "tS;h", "ŋ": "N", "ʔ": "?"}
_TONES = {1: "3", 2: "2", 3: "5", 4: "4", 5: "1"}


class Library:
    """The C library, opened once a process."""

    def __init__(self) -> None:
        self._c = ctypes.CDLL(str(get_library_path()))
        self.rate: int = self._c.espeak_Initialize(_SYNCHRONOUS, 0, bytes(Path(get_data_path()).parent), 0)
        if self.rate <= 0:
            raise VoiceError("garbage", "espeak-ng did not start")
        self._audio, self._words = b"", list[tuple[int, int, int]]()
        self._callback = _CALLBACK(self._take)  # kept: the library holds only a pointer
        self._c.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._audio += ctypes.string_at(samples, count * 2)
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == _WORD:
                self._words.append((event.position - 1, event.length, event.audio_position))
            index += 1
        return 0

    def say(
        self, text: str, voice: str, speed: int, flags: int
    ) -> tuple[Samples, list[tuple[int, int, int]]]:
        """Samples at `rate`, and (character, length, milliseconds) of each word."""
        self._audio, self._words = b"", []
        self._c.espeak_SetVoiceByName(voice.encode())
        self._c.espeak_SetParameter(_RATE, speed, 0)
        data = text.encode()
        self._c.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8 | flags, None, None)
        self._c.espeak_Synchronize()
        samples: Samples = np.frombuffer(self._audio, "<i2").astype(np.float32) / np.float32(32768)
        return samples, self._words


def names(syllable: thai_sounds.Syllable) -> str:
    """A Thai syllable in espeak's phoneme names."""
    cluster = syllable.onset[-1] if syllable.onset[-1] in "rlw" and len(syllable.onset) > 1 else ""
    head = syllable.onset[: len(syllable.onset) - len(cluster)]
    vowel = _VOWELS.get(syllable.vowel, syllable.vowel) + (
        ":" if syllable.long and len(syllable.vowel) == 1 else ""
    )
    coda = _NAMES.get(syllable.coda, syllable.coda)
    return f"'{_NAMES.get(head, head)}{cluster}{vowel}{_TONES[syllable.tone]}{coda}"


class Espeak:
    """espeak-ng in one language; the other script in a sentence is read by that script's own voice."""

    name = "espeak"

    def __init__(self, language: str) -> None:
        self._speed, self._library = _WORDS_A_MINUTE[language], _library()

    def synthesise(self, sentence: SpokenForm) -> Speech:
        audio: list[Samples] = []
        times: dict[int, tuple[float, float]] = {}
        at = 0.0
        for thai, parts in _runs(sentence):
            text, owner = "", list[int]()
            for index, said, mark in parts:
                written = (
                    " ".join(f"[[{''.join(map(names, word))}]]" for _, word in thai_sounds.words(said))
                    if thai
                    else said
                )
                text += written + mark
                owner += [index] * len(written + mark)
            voice, flags = ("th", _PHONEMES) if thai else ("en-us", 0)
            samples, heard = self._library.say(text, voice, self._speed, flags)
            samples = _resampled(samples, self._library.rate)
            for position, _, milliseconds in heard:
                begin, index = at + milliseconds / 1000, owner[min(max(position, 0), len(owner) - 1)]
                times.setdefault(index, (begin, begin))
            at += len(samples) / RATE
            audio.append(samples)
        if not audio:
            raise VoiceError("garbage", "nothing to say")
        return trimmed(Speech(np.concatenate(audio), _filled(sentence, times, at)))


@cache
def _library() -> Library:
    return Library()


def _runs(form: SpokenForm) -> Iterator[tuple[bool, list[tuple[int, str, str]]]]:
    """Stretches of one script: whether Thai, and (word, text, what follows) of its parts."""
    run: list[tuple[int, str, str]] = []
    last: bool | None = None
    for index, word in enumerate(form.words):
        for match in re.finditer(r"([\u0e00-\u0e7f]+)|([^\u0e00-\u0e7f]+)", word.spoken):
            thai = bool(match[1])
            if run and thai != last:
                yield bool(last), run
                run = []
            mark = (
                ("," if form.language == "th" and word.after == " " else word.after)
                if match.end() == len(word.spoken)
                else ""
            )
            run.append((index, match[0], mark.strip() + " "))
            last = thai
    if run:
        yield bool(last), run


def _filled(form: SpokenForm, times: dict[int, tuple[float, float]], total: float) -> tuple[Timing, ...]:
    """Each word from its start to the next one's; words the engine did not mark share the gap."""
    known = sorted(times)
    marks = range(len(form.words) + 1)
    begins = np.interp(marks, [*known, len(form.words)], [*(times[i][0] for i in known), total])
    begins = np.maximum.accumulate(begins)
    return tuple(
        Timing(word.start, word.end, float(begins[i]), float(begins[i + 1]))
        for i, word in enumerate(form.words)
    )


def _resampled(samples: Samples, rate: int) -> Samples:
    from scipy.signal import resample_poly

    return np.asarray(resample_poly(samples, RATE // 150, rate // 150), np.float32)
