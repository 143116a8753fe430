"""Answers in a batch against answers one by one, without a cache, and with adapters merged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lora_core import AdapterConfig, attach, merge
from lora_core.adapter import adapted_layers
from lora_core.language.model import LanguageModel
from lora_core.language.sampling import sample, written
from lora_core.language.tokens import open_tokens
from lora_core.serving import Server, factors_of
from tests.lora_core.language.tiny import CONFIG, examples, tiny_model

PROMPTS = [each.ids for each in examples(5)]
STOP = tuple(range(3, 9))


def answers(model: LanguageModel, prompts: Any = PROMPTS, **options: Any) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in prompts]
    for new in sample(model, prompts, **{"stop": STOP, "longest": 12, **options}):
        for answer, token in zip(found, new, strict=True):
            if token is not None:
                answer.append(token)
    return found


def without_cache(model: LanguageModel, prompt: tuple[int, ...], longest: int = 12) -> list[int]:
    ids = list(prompt)
    with torch.no_grad():
        while len(ids) < len(prompt) + longest:
            token = int(model(torch.tensor([ids]))[0, -1].argmax())
            if token in STOP:
                break
            ids.append(token)
    return ids[len(prompt) :]


def adapted(seed: int, rank: int = 2) -> LanguageModel:
    generator = torch.Generator().manual_seed(seed)
    model = attach(tiny_model(), AdapterConfig(rank=rank, alpha=4), generator=generator)
    for layer in adapted_layers(model).values():
        layer.B.data = torch.randn(layer.B.shape, generator=generator) / 2
    return model


@pytest.fixture
def server() -> Server:
    server = Server(tiny_model())
    server.add("a", factors_of(adapted(1)))
    server.add("b", factors_of(adapted(2, rank=4)))
    return server


def test_a_padded_batch_with_a_cache_answers_as_each_alone_without() -> None:
    model = tiny_model()
    expected = [without_cache(model, prompt) for prompt in PROMPTS]
    assert len({len(prompt) for prompt in PROMPTS}) == len(PROMPTS)
    assert len({len(answer) for answer in expected}) > 1  # some end before others
    assert answers(model) == expected


def test_an_attached_adapter_answers() -> None:
    model = adapted(1)
    assert answers(model) == [without_cache(model, prompt) for prompt in PROMPTS] != answers(tiny_model())


def test_adapters_in_one_batch_answer_as_each_merged(server: Server) -> None:
    models = {None: tiny_model(), "a": merge(adapted(1)), "b": merge(adapted(2, rank=4))}
    asked = ["b", None, "a", "a", "b"]
    found = answers(server.model, server=server, adapters=asked)
    assert found == [without_cache(models[name], prompt) for name, prompt in zip(asked, PROMPTS, strict=True)]
    assert found != answers(tiny_model())


@pytest.mark.parametrize("kernel", ["gathered", "looped"])
def test_strengths_scale_each_rows_gamma(
    kernel: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lora_core.mixing.Group.kernel", lambda *_: kernel)

    def scaled(seed: int, by: float, rank: int = 2) -> LanguageModel:
        model = adapted(seed, rank)
        for layer in adapted_layers(model).values():
            layer.scale *= by
        return model

    models = [tiny_model(), scaled(2, 0.5, 4), adapted(1), scaled(1, 2.0), tiny_model()]
    found = answers(
        server.model, server=server, adapters=["a", "b", "a", "a", None], strengths=[0, 0.5, 1, 2, 2]
    )
    assert found == [without_cache(model, prompt) for model, prompt in zip(models, PROMPTS, strict=True)]


def test_strengths_may_change_while_an_answer_grows(server: Server) -> None:
    strengths = [1.0]
    prompt = PROMPTS[:1]
    steps = sample(
        server.model, prompt, stop=(), longest=9, server=server, adapters=["a"], strengths=strengths
    )
    found = [next(steps)]
    strengths[0] = 0.0
    found += steps
    assert len(found) == 9
    one = answers(server.model, prompt, stop=(), longest=9, server=server, adapters=["a"])[0]
    assert found[0][0] == one[0]
    assert [token for (token,) in found] != one


def test_draws_follow_their_probabilities_and_their_generator() -> None:
    model = tiny_model()
    prompts = [PROMPTS[0]] * 4000

    def first(seed: int) -> list[int]:
        generator = torch.Generator().manual_seed(seed)
        found = answers(model, prompts, stop=(), longest=1, temperature=2.0, generator=generator)
        return [token for (token,) in found]

    drawn = first(1)
    assert drawn == first(1) != first(2)
    with torch.no_grad():
        p = torch.softmax(model(torch.tensor([PROMPTS[0]]))[0, -1] / 2, -1)
    counts = torch.bincount(torch.tensor(drawn), minlength=CONFIG.vocabulary) / len(drawn)
    assert (counts - p).abs().max() < 5 * (p / len(drawn)).sqrt().max()


def test_a_temperature_near_zero_takes_the_likeliest() -> None:
    cold = answers(tiny_model(), temperature=1e-4, generator=torch.Generator().manual_seed(0))
    assert cold == answers(tiny_model())


def test_whoever_stops_asking_stops_it() -> None:
    model, calls = tiny_model(), []
    model.model.norm.register_forward_hook(lambda *_: calls.append(1))
    steps = sample(model, PROMPTS, stop=(), longest=50)
    next(steps)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert len(calls) == 2


def test_a_full_context_ends_the_answers() -> None:
    model = tiny_model(config=replace(CONFIG, context=16))
    longest = max(map(len, PROMPTS))
    assert len(answers(model, stop=())[0]) == 16 - longest
    with pytest.raises(ValueError, match="context of 16"):
        sample(model, [(1,) * 16], stop=())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"prompts": []}, "0 prompts"),
        ({"prompts": [(1, 2), ()]}, "none empty"),
        ({"temperature": -1.0}, "at least 0"),
        ({"adapters": ["a"] * 5}, "one each"),
        ({"strengths": [1.0] * 5}, "5 strengths"),
    ],
)
def test_what_cannot_be_answered_is_refused_at_once(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        sample(tiny_model(), options.pop("prompts", PROMPTS), stop=STOP, **options)


def test_an_unknown_adapter_is_refused(server: Server) -> None:
    with pytest.raises(ValueError, match="no adapter 'c'"):
        sample(server.model, PROMPTS[:1], stop=(), server=server, adapters=["c"])
    assert next(sample(server.model, PROMPTS[:1], stop=(), server=server, adapters=["a"]))


def test_half_a_character_is_not_written(smollm2: Path) -> None:
    tokens = open_tokens(smollm2)
    ids = tokens.encode("ทอง 🙂", add_special_tokens=False).ids
    texts = [written(tokens, ids[: k + 1]) for k in range(len(ids))]
    assert texts[-1] == "ทอง 🙂"
    assert all("ทอง 🙂".startswith(text) for text in texts)
