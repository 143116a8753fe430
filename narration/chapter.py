"""Clips of sentences joined to one clip a chapter: no gap but the written pauses, one index, one waveform."""

import hashlib
from collections.abc import Sequence
from typing import Any

from narration.cache import Clip
from narration.sound import PEAKS_A_SECOND


def chapter_key(keys: Sequence[str]) -> str:
    """The name of a chapter made of sentences with these names."""
    return hashlib.sha256("\n".join(["chapter", *keys]).encode()).hexdigest()


def joined(ids: Sequence[str], clips: Sequence[Clip]) -> Clip:
    """One clip of many: frames of a constant rate join byte for byte.

    Args:
        ids: of the sentences, in order.
        clips: their clips; at least one.

    Returns:
        A clip whose words carry the id of their `sentence`; its `sentences` hold `{id, start, end, t0, t1}`.
    """
    at = 0.0
    words: list[dict[str, Any]] = []
    sentences: list[dict[str, Any]] = []
    peaks: list[float] = []
    for name, clip in zip(ids, clips, strict=True):
        for word in clip.words:
            moved = {"t0": round(word["t0"] + at, 4), "t1": round(word["t1"] + at, 4)}
            words.append({"sentence": name, **word, **moved})
        begin = clip.words[0]["start"] if clip.words else 0
        end = clip.words[-1]["end"] if clip.words else 0
        said = clip.words[-1]["t1"] if clip.words else clip.duration
        sentences.append(
            {"id": name, "start": begin, "end": end, "t0": round(at, 4), "t1": round(at + said, 4)}
        )
        at += clip.duration
        wanted = round(at * PEAKS_A_SECOND) - len(peaks)
        peaks += [*clip.peaks, 0.0, 0.0, 0.0][:wanted]
    voices = {clip.voice for clip in clips}
    voice = clips[0].voice if len(voices) == 1 else "mixed"
    return Clip(b"".join(clip.mp3 for clip in clips), at, words, peaks, voice, sentences)
