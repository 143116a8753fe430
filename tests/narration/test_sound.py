"""mp3, joined chapters, waveforms."""

import io

import numpy as np
import pytest
import soundfile

from narration.article import Utterance
from narration.cache import Clip
from narration.chapter import chapter_key, joined
from narration.sound import DELAY, mp3, mp3_duration, peaks
from narration.speaker import Speaker, encoded
from narration.voices.base import RATE, Speech, Timing

CLICK = 0.4  # seconds into the test clip


def click(word: Timing) -> Clip:
    audio = np.zeros(round(0.9 * RATE), np.float32)
    audio[round(CLICK * RATE) : round(CLICK * RATE) + 24] = 0.9
    return encoded(Speech(audio, (word,)), 0.3, "builtin")


def decoded(data: bytes) -> np.ndarray:
    audio, rate = soundfile.read(io.BytesIO(data))
    assert rate == RATE
    return audio


def test_a_clip_lasts_and_sounds_when_its_times_say() -> None:
    clip = click(Timing(0, 4, CLICK, CLICK + 0.001))
    audio = decoded(clip.mp3)
    assert clip.duration == pytest.approx(len(audio) / RATE)
    assert clip.words == [
        {
            "start": 0,
            "end": 4,
            "t0": pytest.approx(CLICK + DELAY, abs=1e-3),
            "t1": pytest.approx(0.447, abs=1e-3),
        }
    ]
    assert np.argmax(np.abs(audio)) / RATE == pytest.approx(clip.words[0]["t0"], abs=0.005)
    assert np.argmax(clip.peaks) == int(clip.words[0]["t0"] * 20)


def test_clips_join_without_drift() -> None:
    clips = [click(Timing(0, 4, CLICK, CLICK + 0.05)) for _ in range(20)]
    names = [f"s-{number}" for number in range(20)]
    chapter = joined(names, clips)
    audio = decoded(chapter.mp3)
    assert chapter.duration == pytest.approx(len(audio) / RATE)
    assert len(chapter.peaks) == pytest.approx(chapter.duration * 20, abs=1)
    for name, word, sentence in zip(names, chapter.words, chapter.sentences, strict=True):
        begin = round((word["t0"] - 0.02) * RATE)
        assert np.argmax(np.abs(audio[begin : begin + RATE // 5])) / RATE == pytest.approx(0.02, abs=0.005)
        assert word["sentence"] == sentence["id"] == name
        assert sentence["t0"] < word["t0"] < word["t1"] <= sentence["t1"]
    assert chapter_key(["a", "b"]) != chapter_key(["ab", ""]) != chapter_key(["b", "a"])


def test_between_sentences_there_is_the_written_pause_and_little_more() -> None:
    said = [Utterance(name, "en", "The base stays frozen.", pause=0.25) for name in ("a", "b", "c")]
    speaker = Speaker(None)
    chapter = joined([u.id for u in said], [speaker.clip(u)[0] for u in said])
    for first, second in zip(chapter.words[3::4], chapter.words[4::4], strict=False):
        gap = second["t0"] - first["t1"]
        assert 0.25 < gap < 0.25 + 0.25


def test_peaks_are_the_loudest_of_each_twentieth_of_a_second() -> None:
    audio = np.zeros(RATE // 10 + 1, np.float32)
    audio[[10, RATE // 20 + 5]] = 0.25, -0.75
    assert peaks(audio) == [0.25, 0.75, 0.0]


def test_an_mp3s_length_is_read_off_its_bytes() -> None:
    for seconds in (0.05, 0.5, 3.21):
        data = mp3(np.zeros(round(seconds * RATE), np.float32))
        assert mp3_duration(data) == pytest.approx(len(decoded(data)) / RATE)
