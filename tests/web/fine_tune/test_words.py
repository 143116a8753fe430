"""Names of things in both languages."""

import pytest

from content.catalog import LANGUAGES
from lab.bases.base import LIMITS
from lab.runs.config import TrainConfig
from lora_core.config import AdapterConfig
from tests.web.fine_tune.sample import run_of
from web.fine_tune import experiment, words
from web.fine_tune.experiment import read


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", experiment.KEYS)
def test_every_key_of_a_link_has_a_name_and_a_label(
    key: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.kit.i18n.language", lambda: language)
    query, invalid = read({key: "?"})
    (said,) = (words.invalid(each, query["base"]) for each in invalid)
    name, used = words.control(key), words.label(key, query[key], query["base"])
    assert f"{name} = ?" in said
    assert used in said.split("?")[1]
    assert name != key
    assert used != query[key] or key in LIMITS, "as the URL has it"


def test_a_run_of_one_step_and_another_gamma_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.kit.i18n.language", lambda: "en")
    run = run_of(TrainConfig(adapter=AdapterConfig(gamma_rule="alpha/sqrt(r)"), steps=1))
    assert words.setting("steps", run) == "1 step"
    assert words.setting("gamma", run) == "γ = α/√r"


def test_a_stopped_run_is_listed_by_the_steps_it_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.kit.i18n.language", lambda: "en")
    assert words.setting("steps", run_of(state="stopped")) == "8 steps"
    assert words.setting("steps", run_of()) == "200 steps"
