"""Utterances -> clips: the chosen voice, the built-in one where it fails, the cache before both."""

import time
from dataclasses import asdict

import numpy as np

from narration.article import Utterance
from narration.cache import Cache, Clip, clip_key
from narration.sound import DELAY, mp3, mp3_duration, peaks
from narration.voices.base import RATE, Speech, Voice, VoiceError
from narration.voices.registry import BUILTIN, ONLINE, Settings, load, version

#: Seconds an online voice is left alone after it failed.
REST = 60.0


def key_of(utterance: Utterance, voice: str, settings: Settings) -> str:
    """The cache's name for an utterance in a voice."""
    text = repr((utterance.language, utterance.display, utterance.given))
    return clip_key(
        voice, utterance.language, version(voice, utterance.language, settings), text, utterance.pause
    )


class Speaker:
    """Makes clips; keeps its voices loaded.

    Args:
        cache: where clips are kept, None for nowhere.
        settings: the operator's, default from the environment.
    """

    def __init__(self, cache: Cache | None, settings: Settings | None = None) -> None:
        self._cache, self._settings = cache, settings or Settings.from_environment()
        self._voices: dict[tuple[str, str], Voice] = {}
        self._resting: dict[str, tuple[float, str]] = {}
        self._calls: list[tuple[str, float]] = []  # of online voices in the last hour: for whom, when

    def clip(self, utterance: Utterance, voice: str = BUILTIN, reader: str = "") -> tuple[Clip, str]:
        """The audio of an utterance.

        Args:
            utterance: what to say.
            voice: the voice asked for.
            reader: for whom; the calls of online voices are counted by it.

        Returns:
            The clip, whose `voice` says who speaks, and the reason of a fallback ("" for none).
        """
        key = key_of(utterance, voice, self._settings)
        if self._cache and (found := self._cache.get(key)):
            return found, ""
        reason = self._refusal(voice, reader)
        if not reason:
            try:
                return self._keep(key, self._say(utterance, voice), utterance.pause, voice), ""
            except VoiceError as problem:
                reason = problem.reason
            if voice == BUILTIN:
                raise VoiceError(reason)
            if voice in ONLINE:
                self._resting[voice] = (time.monotonic() + REST, reason)
        return self.clip(utterance)[0], reason

    def _say(self, utterance: Utterance, voice: str) -> Speech:
        name = (voice, utterance.language)
        if name not in self._voices:
            self._voices[name] = load(*name, self._settings)
        form = utterance.form
        if not form.words:
            return Speech(np.zeros(RATE // 20, np.float32), ())
        return self._voices[name].synthesise(form)

    def _refusal(self, voice: str, reader: str) -> str:
        """Why an online voice is not even asked: it failed a moment ago, or the reader had their share."""
        if voice not in ONLINE:
            return ""
        now = time.monotonic()
        hour = now - 3600
        until, reason = self._resting.get(voice, (0.0, ""))
        if now < until:
            return reason
        self._calls = [(who, when) for who, when in self._calls if when > hour]
        mine = sum(who == reader for who, _ in self._calls)
        if mine >= self._settings.limit or len(self._calls) >= self._settings.limit_all:
            return "limit"
        self._calls.append((reader, now))
        return ""

    def _keep(self, key: str, speech: Speech, pause: float, voice: str) -> Clip:
        clip = encoded(speech, pause, voice)
        if self._cache:
            self._cache.put(key, clip)
        return clip


def encoded(speech: Speech, pause: float, voice: str) -> Clip:
    """Speech and the silence after it as a clip; times are those a decoder plays."""
    silence = np.zeros(round(pause * RATE), np.float32)
    audio = np.concatenate([speech.audio, silence])
    data = mp3(audio)
    words = [asdict(word.shifted(DELAY)) for word in speech.words]
    for word in words:
        word["t0"], word["t1"] = round(word["t0"], 4), round(word["t1"], 4)
    lead = np.zeros(round(DELAY * RATE), np.float32)
    return Clip(data, mp3_duration(data), words, peaks(np.concatenate([lead, audio])), voice, [])
