"""Narration for the web server: ask for a place in the article, poll, play.

`service()` is one for the process. It never loads a voice: workers do, each in its own process.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from narration.article import Chapter, chapters
from narration.cache import NAME, Cache, Clip
from narration.chapter import chapter_key, joined
from narration.lane import COMMAND, Lane, Task
from narration.speaker import REST, key_of
from narration.spoken import prepare
from narration.voices.registry import BUILTIN, ONLINE, Settings, available

#: Sentences of the next chapter made ahead.
AHEAD = 5
_MEMORY = 64_000_000  # bytes of audio kept beside the disk


class Service:
    """Clips for readers, made ahead of the listener.

    Args:
        cache: default the user's.
        settings: the operator's, default from the environment.
        command: how to start a worker.
    """

    def __init__(
        self, cache: Cache | None = None, settings: Settings | None = None, command: Sequence[str] = COMMAND
    ) -> None:
        self._cache = cache or Cache()
        self._settings = settings or Settings.from_environment()
        self._lanes = {online: Lane(self._done, self._is_made, command) for online in (False, True)}
        self._lock = threading.Lock()
        self._memory: OrderedDict[str, Clip] = OrderedDict()
        #: (key, reader, or "" for all) -> (key that speaks or "", reason, when)
        self._fallbacks: dict[tuple[str, str], tuple[str, str, float]] = {}

    def start(self) -> None:
        """Warm the built-in voice up."""
        self._lanes[False].warm()

    def stop(self) -> None:
        for lane in self._lanes.values():
            lane.close()

    def voices(self) -> tuple[str, ...]:
        """Names of the server's voices, the built-in one first."""
        return available(self._settings)

    def script(self, language: str, chapter: str) -> list[dict[str, Any]]:
        """What a device's own voice needs: `{id, pause, text, map}` of each sentence (SpokenForm.to_json)."""
        found = _chapter(language, chapter)
        prepare((said.display, said.given) for said in found.utterances)
        return [{"id": said.id, "pause": said.pause, **said.form.to_json()} for said in found.utterances]

    def request(self, language: str, voice: str, sentence: str = "", reader: str = "") -> dict[str, Any]:
        """Have a chapter made from a sentence on, and the start of the next.

        Asking again for the same place is cheap, so a player may poll with it.

        Args:
            language: "en" or "th".
            voice: one of `voices()`; an unknown one is the built-in voice.
            sentence: id of the sentence to begin with, "" for the beginning.
            reader: whose request it is; it replaces the reader's last.

        Returns:
            As `status`.
        """
        voice = voice if voice in self.voices() else BUILTIN
        found = _chapter_of(language, sentence)
        ids = [said.id for said in found.utterances]
        start = ids.index(sentence) if sentence in ids else 0
        every = chapters(language)
        following = every[every.index(found) + 1 :][:1]
        order = [*found.utterances[start:], *found.utterances[:start]]
        order += [said for chapter in following for said in chapter.utterances[:AHEAD]]
        tasks = [Task(key_of(said, voice, self._settings), said, voice, reader) for said in order]
        now = time.monotonic()
        with self._lock:  # a fallback is not for ever
            self._fallbacks = {key: one for key, one in self._fallbacks.items() if now - one[2] <= REST}
        missing = [
            task
            for task in tasks
            if self._clip(task.key) is None and self._fallback(task.key, reader) is None
        ]
        self._lanes[voice in ONLINE].want(reader, missing)
        return self.status(language, voice, found.id, reader)

    def status(self, language: str, voice: str, chapter: str, reader: str = "") -> dict[str, Any]:
        """What is made of a chapter.

        Returns:
            `{language, voice, chapter, title, ready, total, fallback, sentences, audio, duration, peaks,
            index, words}`. Each of `sentences` has `{id, audio, voice, duration, words, peaks}`, audio None
            while it is being made and "" where no voice could say it. `fallback` is "" or a key under
            `narration.fallback`. `audio`, `duration`, `peaks`, `index` and `words` describe the chapter's
            one file once all of it is there (`index`: `{id, start, end, t0, t1}` a sentence; `words` name
            their sentence), else None.
        """
        found = _chapter(language, chapter)
        sentences: list[dict[str, Any]] = []
        ids: list[str] = []
        keys: list[str] = []
        clips: list[Clip] = []
        fallback, failed = "", 0
        for utterance in found.utterances:
            key = key_of(utterance, voice, self._settings)
            if instead := self._fallback(key, reader):
                key, fallback = instead[0], fallback or instead[1]
            clip = self._clip(key) if key else None
            failed += not key
            if clip is None:
                sentences.append({"id": utterance.id, "audio": None if key else ""})
                continue
            ids, keys, clips = [*ids, utterance.id], [*keys, key], [*clips, clip]
            meta = {"voice": clip.voice, "duration": clip.duration, "words": clip.words, "peaks": clip.peaks}
            sentences.append({"id": utterance.id, "audio": key, **meta})
        whole = self._joined(ids, keys, clips) if clips and len(clips) + failed == len(sentences) else None
        return {
            "language": language, "voice": voice, "chapter": found.id, "title": found.title,
            "fallback": fallback, "ready": len(clips), "total": len(sentences), "sentences": sentences,
            "audio": chapter_key(keys) if whole else None, "duration": whole and whole.duration,
            "peaks": whole and whole.peaks, "index": whole and whole.sentences,
            "words": whole and whole.words,
        }  # fmt: skip

    def audio(self, key: str) -> bytes | None:
        """The mp3 of a sentence or chapter."""
        clip = self._clip(key) if NAME.fullmatch(key) else None
        return clip.mp3 if clip else None

    def audio_file(self, key: str) -> Path | None:
        """The same as a file; None where there is none, or no disk keeps it."""
        return self._cache.file(key) if self.audio(key) is not None else None

    def _joined(self, ids: list[str], keys: list[str], clips: list[Clip]) -> Clip:
        key = chapter_key(keys)
        clip = self._clip(key)
        if clip is None:
            clip = joined(ids, clips)
            self._cache.put(key, clip)
            self._remember(key, clip)
        return clip

    def _clip(self, key: str) -> Clip | None:
        with self._lock:
            if key in self._memory:
                self._memory.move_to_end(key)
                return self._memory[key]
        clip = self._cache.get(key)
        if clip:
            self._remember(key, clip)
        return clip

    def _remember(self, key: str, clip: Clip) -> None:
        with self._lock:
            self._memory[key] = clip
            total = sum(len(kept.mp3) for kept in self._memory.values())
            while total > _MEMORY and len(self._memory) > 1:
                total -= len(self._memory.popitem(last=False)[1].mp3)

    def _fallback(self, key: str, reader: str) -> tuple[str, str, float] | None:
        """What a sentence has in place of the voice asked for: for everybody, or for this reader."""
        with self._lock:
            return self._fallbacks.get((key, "")) or self._fallbacks.get((key, reader))

    def _is_made(self, key: str) -> bool:
        return self._clip(key) is not None

    def _done(self, task: Task, clip: Clip | None, reason: str) -> None:
        """Keep a sentence that a lane made, perhaps in another voice than asked for."""
        key = task.key
        if clip and reason:
            key = key_of(task.utterance, clip.voice, self._settings)
        if clip:
            self._cache.put(key, clip)
            self._remember(key, clip)
        if reason:
            with self._lock:
                whose = task.reader if reason == "limit" else ""  # a share is one reader's alone
                self._fallbacks[task.key, whose] = (key if clip else "", reason, time.monotonic())


def _chapter(language: str, name: str) -> Chapter:
    for chapter in chapters(language):
        if chapter.id == name:
            return chapter
    raise ValueError(
        f"no chapter {name!r}; there are {', '.join(chapter.id for chapter in chapters(language))}"
    )


def _chapter_of(language: str, sentence: str) -> Chapter:
    """The chapter of a sentence, or the first."""
    every = chapters(language)
    return next((c for c in every if any(said.id == sentence for said in c.utterances)), every[0])


@cache
def service() -> Service:
    """The one service of this process."""
    return Service()
