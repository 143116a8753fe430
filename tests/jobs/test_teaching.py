"""The kind "teach" on a tiny random model: its frames, and what is taken home."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from content.catalog import LANGUAGES, catalog
from jobs.kinds import KINDS, check
from jobs.protocol import Frame
from lab.bases.lessons import LESSONS
from lab.runs import language_run
from lab.runs.language_config import LanguageConfig
from lora_core.formats import peft
from tests.lora_core.language.folder import tiny_folder

QUICK = {"steps": 2, "batch": 2, "rank": 2}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tiny_folder(tmp_path / "tiny", context=512)
    monkeypatch.setenv("PRADIT_MODEL", str(folder))
    monkeypatch.setitem(LESSONS, "json", replace(LESSONS["json"], answer=4))
    language_run.open_speaker.cache_clear()
    yield folder
    language_run.open_speaker.cache_clear()


def frames(config: LanguageConfig, stop: bool = False) -> list[Frame]:
    assert check(config) == "teach"
    return list(KINDS["teach"].work(config.to_json(), lambda: stop, "cpu", 0.0))


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("method", "files"),
    [
        ("lora", {"adapter_model.safetensors", "adapter.gguf", "Modelfile", "mlx/adapters.safetensors"}),
        ("dora", {"adapter_model.safetensors"}),
    ],
)
def test_an_adapter_goes_home_for_every_program_that_can_hold_it(method: str, files: set[str]) -> None:
    *shown, (ended, arrays) = frames(LanguageConfig.of("json", method, **QUICK))
    assert [header["type"] for header, _ in shown] == ["snapshot"] * len(shown)
    assert shown[-1][0]["snapshot"]["state"] == "done"
    assert (ended["type"], ended["state"], ended["key"]) == ("ended", "done", None)
    with zipfile.ZipFile(io.BytesIO(arrays["result"].tobytes())) as archive:
        found = set(archive.namelist())
        assert files | {"README.md", "adapter_config.json"} <= found
        assert ("adapter.gguf" in found) == (method == "lora")
        assert "json" in archive.read("README.md").decode()
        saved = peft.read(archive.read("adapter_model.safetensors"), archive.read("adapter_config.json"))
    assert saved.config.rank == 2
    assert json.dumps(shown[-1][0])  # plain values, as the pipe wants them


@pytest.mark.usefixtures("model")
def test_a_stopped_run_has_its_adapter_and_full_fine_tuning_has_none() -> None:
    *_, (ended, arrays) = frames(LanguageConfig.of("json", **QUICK), stop=True)
    assert ended["state"] == "stopped"
    assert "result" in arrays
    *_, (ended, arrays) = frames(LanguageConfig.of("json", "full", **QUICK))
    assert (ended["state"], arrays) == ("done", {})


def test_a_model_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRADIT_MODEL", "nowhere/model.gguf")
    [(ended, _)] = frames(LanguageConfig.of("json", **QUICK))
    assert (ended["state"], ended["key"]) == ("failed", "model")
    assert "nowhere/model.gguf" in ended["values"]["reason"]


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("reason", ["loss", "gradient"])
def test_a_run_that_diverged_says_why_in_words(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    """As `fine_tune` ends one: its last record names what was not finite."""
    train = language_run.fine_tune

    def diverging(*given: Any, **options: Any) -> Iterator[Any]:
        for record in train(*given, **options):
            yield record._replace(ended=reason)

    monkeypatch.setattr(language_run, "fine_tune", diverging)
    *_, (ended, arrays) = frames(LanguageConfig.of("json", **QUICK))
    assert (ended["state"], arrays) == ("failed", {})
    assert all(f"jobs.{ended['key']}" in catalog(language) for language in LANGUAGES)


@pytest.mark.usefixtures("model")
def test_a_text_of_the_readers_own_is_learned_and_asked_about() -> None:
    lines = "\n".join(f"What is {n} and {n}? → It is {2 * n}." for n in range(20))
    config = LanguageConfig.of("own", text=lines, **QUICK)
    assert LanguageConfig.from_json(config.to_json()) == config
    *shown, (ended, arrays) = frames(config)
    last = shown[-1][0]["snapshot"]
    assert (ended["state"], last["step"]) == ("done", 2)
    assert len(last["questions"]) == 2
    assert all(question in lines for question in last["questions"])
    assert [step for step, _ in last["held_out"]] == [0, 2]
    assert len(last["answers"][-1]["texts"]) == 2
    assert "result" in arrays


@pytest.mark.usefixtures("model")
def test_a_plain_text_has_no_questions() -> None:
    text = "\n\n".join("word " * 70 for _ in range(4))
    *shown, (ended, _) = frames(LanguageConfig.of("own", text=text, **QUICK))
    last = shown[-1][0]["snapshot"]
    assert (ended["state"], last["questions"], last["answers"]) == ("done", [], [])
