"""`python -m narration`: what it writes and prints."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile

import narration.__main__ as command
from narration.article import Chapter, Utterance
from narration.cache import Cache

THAI = "เทคนิค LoRA ใช้ 1,250 โทเคน\nต่าง ๆ ฯลฯ และ $W' = W + \\gamma BA$"


@pytest.mark.parametrize(
    ("language", "text", "sentences"),
    [
        ("th", THAI, [THAI.split("\n")[0], THAI.split("\n")[1]]),
        ("en", "It learns, e.g. LoRA. Does it, Dr. Who?  “Yes!” it said.\n\nThe end",
         ["It learns, e.g. LoRA.", "Does it, Dr. Who?", "“Yes!” it said.", "The end"]),
    ],
)  # fmt: skip
def test_speak_writes_audio_and_times(tmp_path: Path, language: str, text: str, sentences: list[str]) -> None:
    out = tmp_path / "new" / "speech.mp3"
    assert command.main(["speak", "--language", language, "--text", text, "--out", str(out)]) == 0
    times = json.loads(out.with_suffix(".json").read_text("utf-8"))
    assert set(times) == {"duration", "words", "sentences"}
    assert times["duration"] == pytest.approx(soundfile.info(out).duration, abs=0.05)
    assert [text[said["start"] : said["end"]] for said in times["sentences"]] == sentences
    covered, last = set(), 0.0
    for word in times["words"]:
        assert set(word) == {"start", "end", "t0", "t1"}
        assert last <= word["t0"] < word["t1"] <= times["duration"]
        last = word["t1"]
        covered |= set(range(word["start"], word["end"]))
    assert not [sign for place, sign in enumerate(text) if sign.isalnum() and place not in covered]
    ends = [0.0]
    for said in times["sentences"]:
        inside = [w for w in times["words"] if said["start"] <= w["start"] < said["end"]]
        assert ends[-1] <= said["t0"] < inside[0]["t0"] < inside[-1]["t1"] <= said["t1"] <= times["duration"]
        ends.append(said["t1"])


def test_phonemes_prints_a_line_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    text = "ใช้ LoRA 16 ครั้ง ต่าง ๆ $W'$"
    assert command.main(["phonemes", "--language", "th", "--text", text]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ใช้\ttɕʰaj4", "LoRA\tlˈɔɹə", "16\tsip2 hok2", "ครั้ง\tkʰraŋ4", "ต่าง\ttaːŋ2", "ๆ\ttaːŋ2",
        "$W'$\tdˈʌbᵊlju pʰraːm1",
    ]  # fmt: skip


def test_render_fills_the_cache_with_a_progress_bar(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    def book(language: str) -> tuple[Chapter, ...]:
        return (Chapter("a", "A", tuple(Utterance(f"a-{i}", language, f"{i} โมเดล") for i in range(3))),)

    monkeypatch.setattr(command, "chapters", book)
    assert command.main(["render"]) == 0
    printed = capsys.readouterr()
    assert re.findall(r"(\w\w) █{24} (3/3)", printed.err) == [("en", "3/3"), ("th", "3/3")]
    assert Path(printed.out.strip()) == Cache().folder
    assert len(list(Cache().folder.glob("*.mp3"))) == 6


def test_samples_are_files_beside_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "SAMPLES", 2)
    assert command.main(["samples", "--out", str(tmp_path)]) == 0
    listed = [line.split("\t") for line in (tmp_path / "list.tsv").read_text("utf-8").splitlines()]
    assert len(listed) == 4
    for name, text in listed:
        assert soundfile.info(tmp_path / name).duration > 1
        assert len(text) > 60


@pytest.mark.parametrize("text", ["", "…", "https://a.b/c"])
def test_nothing_to_say_is_an_error_that_says_so(
    tmp_path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "speech.mp3"
    assert command.main(["speak", "--language", "en", "--text", text, "--out", str(out)]) == 1
    assert "nothing to say" in capsys.readouterr().err
    assert not out.exists()


def test_an_unknown_language_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["speak", "--language", "fr", "--text", "bonjour"])
    assert "fr" in capsys.readouterr().err


@pytest.mark.skipif(not find_spec("espeakng_loader"), reason="the optional extra is not installed")
def test_espeak_speaks_both_languages(tmp_path: Path) -> None:
    for language, text in (("en", "The base stays frozen."), ("th", "ใช้ LoRA กับโมเดล")):
        out = tmp_path / f"{language}.mp3"
        assert (
            command.main(
                ["speak", "--language", language, "--text", text, "--voice", "espeak", "--out", str(out)]
            )
            == 0
        )
        times = json.loads(out.with_suffix(".json").read_text("utf-8"))
        assert text[times["words"][0]["start"] : times["words"][0]["end"]] in ("The", "ใช้")
        starts = [w["t0"] for w in times["words"]]
        assert starts == sorted(starts)
        assert 0.8 < times["duration"] < 6
