"""The four ways of serving answer alike, from the same stream; texts are each tenant's own."""

import importlib.util
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from lab.bases.models import load_base
from lab.bases.tenants import BASE, TENANTS
from lab.runs import serving_record, serving_trial
from lab.runs.serving_config import WAYS, ServeConfig, asked, names_of
from lab.runs.serving_trial import TEMPERATURE, encode, serve
from lora_core import load_adapter
from lora_core.bounds import ConfigError

QUICK = ServeConfig(adapters=10, requests=12, characters=5, base_share=0.3, rounds=3)


def test_every_way_answers_the_same_batches() -> None:
    *_, (done, result) = serve(QUICK)
    assert done == 1
    for way in WAYS:
        assert len(result.rate[way]) == len(result.median[way]) == len(result.p95[way]) == QUICK.rounds
        for rate, median, p95 in zip(result.rate[way], result.median[way], result.p95[way], strict=True):
            assert 0 < median <= p95 <= 1000 * QUICK.requests / rate * (1 + 1e-9)
    assert result.reserved == 4 * 2304 * 8 * (1 + 2 + 4 + 8 + 16)  # eight places in the bank of each rank
    assert result.apart is not None
    assert 0 < result.apart < 1e-3  # of scores of size 10: the ways add up in another order


def test_in_one_batch_all_are_answered_at_once_and_one_by_one_they_are_not() -> None:
    *_, (_, result) = serve(QUICK)
    assert result.median["batched"] == result.p95["batched"]
    assert all(a < b for a, b in zip(result.median["single"], result.p95["single"], strict=True))


def test_the_stream_is_that_of_its_seed_and_has_its_share_of_the_base() -> None:
    config = replace(QUICK, requests=256, adapters=4)
    assert asked(config, 0) == asked(config, 0)
    assert asked(config, 0) != asked(config, 1)
    assert asked(config, 0) != asked(replace(config, seed=1), 0)
    counted = Counter(name for round_ in range(20) for name in asked(config, round_))
    assert counted[None] / counted.total() == pytest.approx(0.3, abs=0.03)
    assert set(counted) == {None, *list(TENANTS)[:4]}
    assert min(counted[name] for name in list(TENANTS)[:4]) > 0.8 * counted.total() * 0.7 / 4
    assert set(asked(replace(config, base_share=1.0), 0)) == {None}


def test_beyond_the_tenants_there_are_copies_named_after_them() -> None:
    names = names_of(256)
    assert names[: len(TENANTS)] == list(TENANTS)
    assert len(set(names)) == 256
    assert {name.split("/")[0] for name in names} == set(TENANTS)


def test_a_text_is_what_its_adapter_alone_would_write() -> None:
    """Character by character, from the tenant attached to the base by itself."""
    config = ServeConfig(rounds=0, length=12, prompt="S", seed=3)
    moments = [(done, result.written, dict(result.texts)) for done, result in serve(config, every=0)]
    assert [written for _, written, _ in moments] == [*range(13), 12]
    done, _, texts = moments[-1]
    assert done == 1
    assert set(texts) == {"base", *TENANTS}
    assert all(text.startswith("S") and len(text) == 13 for text in texts.values())
    uniform = torch.rand(12, generator=torch.Generator().manual_seed(3))
    for name in ("plays", "thai-names"):
        model = load_adapter(load_base(BASE), TENANTS[name].folder)
        text = encode(texts[name])
        with torch.no_grad():
            odds = (model(text[None, :-1])[0] / TEMPERATURE).softmax(1).cumsum(1)  # (12, V)
        chosen = [int((odds[i] < uniform[i]).sum()) for i in range(12)]
        assert chosen == text[1:].tolist()
    assert len(set(texts.values())) >= 6


def test_a_stop_between_two_passes_keeps_what_was_found() -> None:
    seen = []
    run = serve(replace(QUICK, rounds=40), stop=lambda: len(seen) >= 14, every=0)
    for done, result in run:
        seen.append((done, len(result.rate["merged"])))
    assert 0 < seen[-1][1] < 40
    assert seen[-1][0] < 1
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_config_is_the_same_through_json_and_a_url() -> None:
    config = ServeConfig(adapters=2, base_share=0.25, prompt="ก ", length=9, seed=4)
    assert ServeConfig.from_json(config.to_json()) == config
    assert ServeConfig.from_query({**config.to_query(), "lang": "th"}) == config
    assert ServeConfig.from_query({}) == ServeConfig()


@pytest.mark.parametrize(
    ("values", "key", "field"),
    [
        ({"adapters": 1}, "range", "adapters"),
        ({"adapters": 257}, "range", "adapters"),
        ({"requests": 2.5}, "type", "requests"),
        ({"base_share": float("nan")}, "type", "base_share"),
        ({"base_share": 1.5}, "range", "base_share"),
        ({"rounds": True}, "type", "rounds"),
        ({"prompt": ""}, "range", "prompt"),
        ({"prompt": "x" * 41}, "range", "prompt"),
        ({"prompt": "日x本"}, "choice", "prompt"),
        ({"prompt": 3}, "type", "prompt"),
        ({"nothing": 3}, "choice", "key"),
    ],
)
def test_what_cannot_be_is_refused_by_name(values: dict[str, object], key: str, field: str) -> None:
    with pytest.raises(ConfigError) as refused:
        ServeConfig.from_json(values)
    assert (refused.value.key, refused.value.values["field"]) == (key, field)


def test_a_request_that_is_alone_in_its_batch_is_served_every_way() -> None:
    *_, (_, result) = serve(ServeConfig(adapters=2, requests=1, rounds=1, base_share=1.0))
    assert np.isfinite([result.rate[way] for way in WAYS]).all()


def test_the_command_of_the_record_is_one_that_works_today() -> None:
    """The file keeps the bytes of its day; who reads it is told where the measurement stands now."""
    kept = json.loads(serving_record.FILE.read_text("utf-8"))["command"]
    name = serving_record.read().command.removeprefix("python -m ")
    assert kept != serving_record.read().command
    assert name == serving_trial.__name__
    assert importlib.util.find_spec(name)
