"""A lesson on a tiny random model: what a run shows, how it ends, and what it leaves as it was."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.bases.lessons import LESSONS
from lab.bases.lessons.reward import ask
from lab.runs import language_reward, language_run
from lab.runs.language_config import LanguageConfig, model_name
from lab.runs.language_record import read_runs
from lab.runs.language_reward import policy_loss
from lab.runs.language_snapshot import LanguageSnapshot
from lora_core import load_adapter
from lora_core.bounds import ConfigError
from lora_core.language.batches import padded
from lora_core.language.examples import Encoded, Example
from lora_core.language.reader import open_model
from tests.lora_core.language.folder import tiny_folder


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tiny_folder(tmp_path / "tiny", context=512)
    monkeypatch.setenv("PRADIT_MODEL", str(folder))
    for name, lesson in LESSONS.items():  # short answers: a random model rarely ends one
        monkeypatch.setitem(LESSONS, name, replace(lesson, answer=8))
    open_speaker = language_run.open_speaker
    open_speaker.cache_clear()
    yield folder
    open_speaker.cache_clear()


def config(lesson: str = "json", method: str = "lora", **others: Any) -> LanguageConfig:
    return LanguageConfig.of(lesson, method, **({"steps": 4, "batch": 4, "lr": 1e-2, "rank": 2} | others))


def run(asked: LanguageConfig, **options: Any) -> list[LanguageSnapshot]:
    return list(language_run.language_run(asked, every=0, **options))


def is_untouched(folder: Path) -> bool:
    """Whether the model that runs share is that of the files."""
    here = language_run.open_speaker(str(folder), None).model.state_dict()
    there = open_model(str(folder)).state_dict()
    return here.keys() == there.keys() and all(torch.equal(here[name], there[name]) for name in there)


@pytest.mark.parametrize("method", ["lora", "full", "qlora"])
def test_a_run_shows_what_is_learned_and_leaves_the_shared_model_alone(model: Path, method: str) -> None:
    found = run(config(method=method), measure_base=True, answer_at={2})
    first, last = found[0], found[-1]
    assert [each.step for each in found] == [0, 1, 2, 3, 4]
    assert (first.state, first.losses, len(first.answers)) == ("running", [], 1)
    assert (last.state, last.reason, len(last.losses)) == ("done", None, 4)
    assert [each.step for each in last.answers] == [0, 2, 4]
    assert last.answers[0].texts != last.answers[-1].texts
    assert all(len(each.texts) == len(each.marks) == 3 for each in last.answers)
    assert [step for step, _ in last.held_out] == [step for step, _ in last.scores] == [0, 4]
    assert last.held_out[1][1] < last.held_out[0][1]
    assert last.tokens > 0 < last.tokens_per_second
    blocks = sum(W.numel() for name, W in open_model(str(model)).state_dict().items() if "model." in name)
    assert last.numbers < blocks / 4 if method != "full" else last.numbers > blocks / 4
    assert is_untouched(model)


def test_the_same_run_twice_is_the_same(model: Path) -> None:
    one, two = (run(config(), answer_at={1, 3})[-1] for _ in range(2))
    assert (one.losses, one.answers, one.scores) == (two.losses, two.answers, two.scores)
    other = run(config(seed=1), answer_at={1, 3})[-1]
    assert other.losses != one.losses


def test_answers_are_those_of_the_saved_adapter(model: Path, tmp_path: Path) -> None:
    last = run(config(lr=3e-2), adapter_folder=tmp_path / "adapter")[-1]
    speaker = language_run.open_speaker(str(model), None)
    adapted = speaker._replace(model=load_adapter(open_model(str(model)), tmp_path / "adapter").eval())
    questions = ["What is the capital of Iceland?"]
    assert adapted.answer(questions, 8) == last.answers[-1].texts[:1]
    assert speaker.answer(questions, 8) == last.answers[0].texts[:1] != last.answers[-1].texts[:1]
    about = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert about["base_model_name_or_path"] == str(model)


def test_a_run_is_stopped_between_two_steps_and_keeps_what_it_has(model: Path, tmp_path: Path) -> None:
    calls = iter([False, True])
    last = run(config(), stop=lambda: next(calls), adapter_folder=tmp_path / "adapter")[-1]
    assert (last.state, last.step, last.answers[-1].step) == ("stopped", 2, 2)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").exists()
    assert is_untouched(model)


def test_a_run_that_is_given_up_leaves_the_shared_model_alone(model: Path) -> None:
    snapshots = language_run.language_run(config(), every=0)
    for _ in range(3):
        next(snapshots)
    snapshots.close()
    assert is_untouched(model)


def test_a_run_that_diverges_says_so_and_saves_nothing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker = language_run.open_speaker(str(model), None)
    broken = open_model(str(model))
    broken.model.norm.weight.data[0] = torch.inf
    monkeypatch.setattr(language_run, "open_speaker", lambda *_: speaker._replace(model=broken))
    last = run(config(), adapter_folder=tmp_path / "adapter")[-1]
    assert (last.state, last.reason, last.step) == ("diverged", "loss", 0)
    assert not (tmp_path / "adapter").exists()
    json.dumps(last.to_json(), allow_nan=False)


def test_a_readers_own_text_is_followed_by_their_questions_and_measured_by_its_loss(model: Path) -> None:
    texts = [Example(text=f"The tide comes at {hour} and goes.") for hour in range(12)]
    last = run(config("own"), examples=texts[:10], held=texts[10:], questions=["Who?"], measure_base=True)[-1]
    assert last.held_out[-1][1] < last.held_out[0][1]
    assert [len(each.texts) for each in last.answers] == [1] * len(last.answers)
    assert all(each.marks == [] for each in last.answers)
    assert last.scores == last.kept == []
    with pytest.raises(ValueError, match="0 examples"):
        run(config("own"))


def test_an_example_too_long_to_learn_from_is_left_out(model: Path) -> None:
    question = {"role": "user", "content": "long " * 100}
    lost = Example((question, {"role": "assistant", "content": "x"}))
    kept = [Example(text="The tide comes and goes.")] * 3
    with_lost = run(config("own", longest=32), examples=[*kept, lost], questions=["Who?"])[-1]
    assert with_lost.losses == run(config("own", longest=32), examples=kept, questions=["Who?"])[-1].losses


def test_a_reward_makes_what_earns_it_likelier(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_reward, "reward", lambda question, answer: float("e" in answer))
    monkeypatch.setitem(LESSONS, "reward", replace(LESSONS["reward"], answer=24))
    last = run(config("reward", steps=12, batch=32, lr=3e-2))[-1]
    assert last.losses == []
    assert len(last.rewards) == 12
    assert sum(last.rewards[-3:]) > sum(last.rewards[:3]) + 0.5
    assert is_untouched(model)


def test_a_cut_answer_earns_nothing_and_trains_no_end(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_reward, "reward", lambda question, answer: 1.0)
    speaker = language_run.open_speaker(str(model), None)
    generator = torch.Generator().manual_seed(0)
    episode, rate = language_reward._episode(speaker, [ask("Who bakes bread?")], 8, 2, generator)
    drawn = speaker.sample([speaker.prompt("Who bakes bread?")] * 200, 2, generator)
    expected = sum(len(ids) < 2 for ids in drawn) / len(drawn)  # the share that ends within two tokens
    assert abs(rate - expected) < 0.2
    assert episode.answers == 8


def test_the_policys_gradient_is_that_of_reinforce(model: Path) -> None:
    """−1/N Σ A Σ log p, token by token and with N the answers that were left out too."""
    network = open_model(str(model))
    rows = [Encoded((5, 6, 7, 8), (False, False, True, True)), Encoded((9, 10, 11), (False, True, True))]
    advantages = torch.tensor([0.5, -0.25])
    episode = language_reward._Answers(padded(rows, 0), advantages, 4)
    loss = policy_loss(network, episode)
    expected = torch.zeros(())
    for row, advantage in zip(rows, advantages, strict=True):
        log_p = network(torch.tensor([row.ids]))[0].log_softmax(-1)
        for place, counts in enumerate(row.trained):
            if counts:
                expected = expected - advantage * log_p[place - 1, row.ids[place]] / 4
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    mine = torch.autograd.grad(loss, network.model.norm.weight)[0]
    theirs = torch.autograd.grad(expected, network.model.norm.weight)[0]
    assert torch.allclose(mine, theirs, atol=1e-6)


def test_snapshots_and_records_survive_json(model: Path, tmp_path: Path) -> None:
    last = run(config(), measure_base=True)[-1]
    assert LanguageSnapshot.from_json(json.loads(json.dumps(last.to_json(), allow_nan=False))) == last
    path = tmp_path / "language-voice.json"
    for method in ("lora", "full"):
        language_run.main(["voice", "--method", method, "--steps", "2", "--lr", "1e-3", "--out", str(path)])
    runs = read_runs("voice", path)
    assert list(runs) == ["lora", "full"]
    assert runs["lora"].recipe == LanguageConfig.of("voice", "lora", steps=2, lr=1e-3)
    assert runs["full"].snapshot.state == "done"
    assert runs["lora"].model == model_name()
    assert read_runs("voice", tmp_path / "none.json") == {}


def test_the_model_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRADIT_MODEL", raising=False)
    assert model_name() == "smollm2"
    monkeypatch.setenv("PRADIT_MODEL", "")
    assert model_name() == "smollm2"
    monkeypatch.setenv("PRADIT_MODEL", "/models/mine")
    assert model_name() == "/models/mine"


@pytest.mark.parametrize(
    "wrong",
    [{"lesson": "latin"}, {"method": "magic"}, {"steps": 0}, {"rank": 65}, {"lr": "fast"}, {"longest": 1.5}],
)
def test_a_setting_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    values = LanguageConfig.of("json").to_json()
    assert LanguageConfig.from_json(values) == LanguageConfig.of("json")
    with pytest.raises(ConfigError):
        LanguageConfig.from_json(values | wrong)
