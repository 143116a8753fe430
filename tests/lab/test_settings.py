"""A share link is forever: keys and values of each kind of run, letter by letter."""

from typing import Any

import pytest

from lab.claims import NAMES, ExperimentConfig, load
from lab.runs.config import TrainConfig
from lab.runs.reinforce_config import ReinforceConfig
from lab.runs.serving_config import ServeConfig
from lab.settings import Settings, from_query, to_query
from lora_core.bounds import ConfigError
from lora_core.config import AdapterConfig

LINKS: list[tuple[Settings, str]] = [
    (
        TrainConfig(),
        "base=gpt-en task=python method=lora rank=8 alpha=32 targets=blocks dropout=0 gamma=alpha/r "
        "lr=0.004 batch=8 steps=200 seed=0 yardstick=1",
    ),
    (
        TrainConfig(adapter=None, targets=("embed", "a,b")),
        "base=gpt-en task=python method=full targets=names:embed,a%2Cb "
        "lr=0.004 batch=8 steps=200 seed=0 yardstick=1",
    ),
    (
        TrainConfig(
            "mlp-mnist",
            "rotated",
            AdapterConfig("lora+", 4, 0.5, ("qkv", "ก/x"), 0.1, "constant"),
            lr=1e-5,
            batch=3,
            steps=7,
            seed=2**31 - 1,
            yardstick=False,
        ),
        "base=mlp-mnist task=rotated method=lora+ rank=4 alpha=0.5 targets=names:qkv,%E0%B8%81%2Fx "
        "dropout=0.1 gamma=constant lr=1e-05 batch=3 steps=7 seed=2147483647 yardstick=0",
    ),
    (
        ServeConfig(base_share=0.3, prompt="S", seed=4),
        "adapters=64 requests=64 characters=16 base_share=0.3 rounds=12 length=0 prompt=S seed=4",
    ),
    (
        ReinforceConfig("exclaims", None, targets=("head",), lr=1e-3),
        "reward=exclaims method=full targets=names:head lr=0.001 steps=40 prompts=4 samples=8 context=8 "
        "length=12 updates=1 seed=0",
    ),
    (ExperimentConfig("c02_learning_rate", {"alpha": 0.25}), "experiment=c02_learning_rate alpha=0.25"),
    (ExperimentConfig("c04_layers"), "experiment=c04_layers rank=10"),
]


@pytest.mark.parametrize(("config", "link"), LINKS, ids=lambda value: type(value).__name__)
def test_a_link_reads_and_writes_as_it_always_did(config: Settings, link: str) -> None:
    query = dict(part.split("=", 1) for part in link.split())
    assert config.to_query() == query
    assert list(config.to_query()) == list(query)
    assert type(config).from_query({**query, "lang": "th"}) == config
    assert type(config).from_json(config.to_json()) == config


@pytest.mark.parametrize("name", NAMES)
def test_every_choice_of_a_claim_has_a_link(name: str) -> None:
    for setting in load(name).settings:
        for value in setting.choices if setting.always is None else (setting.default,):
            config = ExperimentConfig(name, {setting.name: value})
            assert ExperimentConfig.from_query(config.to_query()) == config
            assert config.to_query()[setting.name] == (value if isinstance(value, str) else f"{value:g}")


def test_an_adapter_has_a_url_here_though_the_library_knows_none() -> None:
    config = AdapterConfig("rslora", 4, 0.1, "blocks", 0.2)
    assert from_query(AdapterConfig, to_query(config)) == config
    assert from_query(AdapterConfig, {"lang": "th"}) == AdapterConfig()
    assert not hasattr(config, "to_query")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TrainConfig, {"rank": 4}),
        (TrainConfig, {"adapter": {"r": 4}}),
        (ReinforceConfig, {"adapter": {"rank": 0}}),
        (ReinforceConfig, {"steps": 0}),
        (ServeConfig, {"ways": 4}),
        (ExperimentConfig, {"name": "c04_layers", "alpha": 1}),
    ],
)
def test_what_is_no_field_or_no_value_of_one_is_refused(kind: type[Settings], values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        kind.from_json(values)
