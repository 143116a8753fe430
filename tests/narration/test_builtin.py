"""The built-in voice: understood by a recogniser, with words at the times they are heard."""

import difflib
import re

import numpy as np
import pytest
from pocketsphinx import Decoder
from scipy.signal import resample_poly

from narration import spoken_form
from narration.voices import engine as engine_module
from narration.voices.base import RATE, proportional, trimmed
from narration.voices.engine import Builtin, Engine, engine, toned
from narration.voices.plan import plan

LEAD = 0.2  # seconds of silence the recogniser gets before a sentence


@pytest.fixture(scope="module")
def heard(spoken_sentences) -> dict[str, list[tuple[str, float]]]:
    """What pocketsphinx hears in each sentence: words and their starts in seconds."""
    decoder = Decoder(samprate=16000, loglevel="FATAL")
    silence = np.zeros(round(LEAD * RATE), np.float32)
    found = {}
    for name, (_, speech) in spoken_sentences.items():
        audio = resample_poly(np.concatenate([silence, speech.audio, silence]), 2, 3)
        decoder.start_utt()
        decoder.process_raw((audio * 32767).astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        segments = [(re.sub(r"\(\d\)", "", s.word), s.start_frame / 100 - LEAD) for s in decoder.seg()]
        found[name] = [(word, start) for word, start in segments if word[0] not in "<["]
    return found


def edits(wanted: list[str], got: list[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def test_english_is_understood(spoken_sentences, heard) -> None:
    rates = []
    for name, (utterance, _) in spoken_sentences.items():
        wanted = re.findall(r"[a-z']+", utterance.form.text.lower().replace("-", " "))
        rates.append(edits(wanted, [word for word, _ in heard[name]]) / len(wanted))
    assert len(rates) == 10
    assert np.mean(rates) < 0.35


def test_english_word_times_are_where_the_recogniser_hears_them(spoken_sentences, heard) -> None:
    apart = []
    for name, (utterance, speech) in spoken_sentences.items():
        ours = [re.sub(r"[^a-z']", "", word.spoken.lower()) for word in utterance.form.words]
        theirs = [word for word, _ in heard[name]]
        for a, b, size in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks():
            apart += [abs(speech.words[a + k].t0 - heard[name][b + k][1]) for k in range(size)]
    assert len(apart) > 80
    assert np.percentile(apart, 95) < 0.2


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "LoRA replaces $W' = W + \\gamma BA$ with rank 1–32, and rsLoRA is 10% better.[^1]"),
        ("en", "A matrix, isn't it? “Yes” — low-rank; d_in × r."),
        ("th", "เทคนิค LoRA เพิ่มเมทริกซ์แรงก์ต่ำ และใช้ learning rate สูงกว่า FullFT ประมาณ 10 เท่า ต่าง ๆ ฯลฯ"),
        ("th", "$W' = W + \\gamma BA$ คือหัวใจของเรื่องนี้"),
    ],
)
def test_times_are_in_order_inside_the_audio_and_cover_every_word(builtin, language, text) -> None:
    speech = builtin(language).synthesise(spoken_form(text, language))
    covered, last = np.zeros(len(text), bool), 0.0
    for word in speech.words:
        assert last <= word.t0 < word.t1 <= speech.duration
        last = word.t1
        covered[word.start : word.end] = True
    silent = re.sub(r"\[\^\d\]", lambda match: " " * len(match[0]), text)
    missed = [sign for sign, said in zip(silent, covered, strict=True) if not said and sign.isalnum()]
    assert not missed
    assert np.abs(speech.audio).max() <= 1.0
    assert speech.audio.dtype == np.float32


def test_list_items_and_lines_are_followed_by_a_pause(builtin) -> None:
    text = "Take these:\n- adapters\n- gradients\n- weights"
    speech = builtin("en").synthesise(spoken_form(text, "en"))
    by_start = {text[word.start : word.end]: word for word in speech.words}
    for before, after in (("these", "adapters"), ("adapters", "gradients"), ("gradients", "weights")):
        assert by_start[after].t0 - by_start[before].t1 > 0.12


def test_thai_and_english_share_a_sentence() -> None:
    made = plan(spoken_form("ใช้ LoRA กับโมเดล $BA$", "th"), engine().g2p)
    said = [made.phonemes[a:b] for a, b in made.words]
    assert said[1] == "lˈɔɹə"
    assert said[-1] == "bˈi ˈA"
    assert len(made.tones) == 4  # ใช้ กับ โม เดล; English keeps its own melody


def test_the_authors_own_words_are_said_as_in_the_text() -> None:
    made = plan(spoken_form("LoRA: $x$", "en", ((6, 9, "a LoRA of A"),)), engine().g2p)
    assert made.said[1] == ["ɐ", "lˈɔɹə", "ʌv", "ˈA"]


@pytest.mark.parametrize(
    ("tone", "shape"),
    [(1, "level"), (2, "falls low"), (3, "falls from high"), (4, "rises high"), (5, "dips and rises")],
)
def test_each_tone_has_its_melody(tone: int, shape: str) -> None:
    """Semitones against the voice's middle at the start, middle and end of a rime that stands alone."""
    f0 = toned(np.full(40, 200, np.float32), [(0, 40, tone)])
    start, middle, end = (float(12 * np.log2(f0[i] / 195.0)) for i in (3, 20, 37))
    assert {
        "level": abs(start - end) < 3.5 and abs(middle) < 1.5,
        "falls low": start > end and end < -4,
        "falls from high": start > 3 and end < -3,
        "rises high": end > start + 1 and end > 2,
        "dips and rises": middle < -2 and end > middle + 3,
    }[shape]


def test_unvoiced_frames_and_english_keep_their_pitch() -> None:
    f0 = np.full(60, 210, np.float32)
    f0[5:8] = 0
    drawn = toned(f0, [(0, 20, 4)])
    assert (drawn[5:8] == 0).all()
    assert (drawn[30:] == 210).all()
    assert toned(f0, []) is f0


def test_a_very_long_sentence_is_said_whole(builtin) -> None:
    text = " ".join(["adapters learn quickly and the base stays frozen"] * 14)
    speech = builtin("en").synthesise(spoken_form(text, "en"))
    starts = [word.t0 for word in speech.words]
    assert speech.duration > 30
    assert starts == sorted(starts)
    assert len(starts) == len(text.split())


def test_without_the_duration_output_times_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_DURATIONS", "/not_in_this_graph")
    form = spoken_form("The base stays frozen, the adapter learns.", "en")
    speech = Builtin("en", Engine()).synthesise(form)
    assert [(w.start, w.end) for w in speech.words] == [(w.start, w.end) for w in form.words]
    assert speech.words[0].t0 < 0.1
    assert speech.duration - speech.words[-1].t1 < 0.2
    exact = Builtin("en", engine()).synthesise(form)
    assert max(abs(a.t0 - b.t0) for a, b in zip(speech.words, exact.words, strict=True)) < 0.5


def test_proportional_times_cover_only_what_sounds() -> None:
    audio = np.zeros(RATE * 2, np.float32)
    audio[RATE // 2 : RATE] = 0.5
    form = spoken_form("one three", "en")
    first, second = proportional(form, audio)
    assert first.t0 == pytest.approx(0.5)
    assert second.t1 == pytest.approx(1.0, abs=0.02)
    assert first.t1 == pytest.approx(second.t0)


def test_trimming_moves_times_along(builtin) -> None:
    speech = builtin("en").synthesise(spoken_form("Frozen weights.", "en"))
    padded = type(speech)(
        np.concatenate([np.zeros(RATE, np.float32), speech.audio]),
        tuple(w.shifted(1.0) for w in speech.words),
    )
    again = trimmed(padded)
    assert again.duration == pytest.approx(speech.duration, abs=0.02)
    assert again.words[0].t0 == pytest.approx(speech.words[0].t0, abs=0.02)


def test_the_same_text_sounds_the_same(builtin) -> None:
    form = spoken_form("สวัสดี world", "th")
    assert np.array_equal(builtin("th").synthesise(form).audio, builtin("th").synthesise(form).audio)
