from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.bases.base import LIMITS
from lab.bases.registry import BASES
from lab.runs.config import TrainConfig
from lora_core.config import GAMMA_RULES, METHODS, AdapterConfig, ConfigError
from tests.lora_core.test_config import names_only


def within(field: str) -> st.SearchStrategy[float]:
    return st.floats(*LIMITS[field])


def whole(field: str) -> st.SearchStrategy[int]:
    low, high = LIMITS[field]
    return st.integers(int(low), int(high))


def small_adapters() -> st.SearchStrategy[AdapterConfig]:
    """Those that a reader may ask for."""
    return st.builds(
        AdapterConfig,
        method=st.sampled_from(METHODS),
        rank=whole("rank"),
        alpha=within("alpha"),
        targets=names_only,
        dropout=within("dropout"),
        gamma_rule=st.sampled_from(GAMMA_RULES),
    )


@st.composite
def runs(draw: st.DrawFn) -> TrainConfig:
    base = draw(st.sampled_from(sorted(BASES)))
    return TrainConfig(
        base=base,
        task=draw(st.sampled_from(tuple(BASES[base].lessons))),
        adapter=draw(st.none() | small_adapters()),
        targets=draw(names_only),
        lr=draw(within("lr")),
        batch=draw(whole("batch")),
        steps=draw(whole("steps")),
        seed=draw(whole("seed")),
        yardstick=draw(st.booleans()),
    )


@given(runs())
def test_a_run_comes_back_from_json_and_from_a_url(config: TrainConfig) -> None:
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert TrainConfig.from_query(config.to_query()) == config
    assert all(isinstance(value, str) for value in config.to_query().values())


def test_a_url_may_leave_out_what_is_usual_and_say_more_than_we_know() -> None:
    usual = TrainConfig()
    assert usual.adapter
    assert TrainConfig.from_query({}) == usual
    asked = TrainConfig.from_query({"lang": "th", "rank": "4"})
    assert asked.adapter == dataclasses.replace(usual.adapter, rank=4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"base": "gpt-5"}, "base is 'gpt-5', expected one of: gpt-en, "),
        ({"base": "mlp-mnist", "task": "python"}, "task is 'python', expected one of: fashion, rotated"),
        ({"adapter": "lora"}, "adapter is 'lora'"),
        ({"adapter": AdapterConfig(rank=65)}, "rank is 65, expected between 1 and 64"),
        ({"adapter": AdapterConfig(alpha=2000)}, "alpha is 2000.0"),
        ({"adapter": AdapterConfig(dropout=0.95)}, "dropout is 0.95"),
        (
            {"adapter": AdapterConfig(targets="(a+)+$")},
            r"targets is '\(a\+\)\+\$', expected one of: all-linear",
        ),
        ({"adapter": None, "targets": ".*"}, "targets is"),
        ({"adapter": None, "targets": ("a",) * 65}, "targets is 65, expected at most 64 short names"),
        ({"adapter": None, "targets": ("a" * 101,)}, "targets is 1, expected at most 64 short names"),
        ({"lr": 0}, "lr is 0.0"),
        ({"lr": "fast"}, "lr is 'fast'"),
        ({"batch": 0}, "batch is 0"),
        ({"steps": 10**9}, "steps is 1000000000, expected between 1 and 2000"),
        ({"seed": -1}, "seed is -1"),
        ({"yardstick": "yes"}, "yardstick is 'yes'"),
    ],
)
def test_an_impossible_run_is_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**values)


@pytest.mark.parametrize("field", ["lr", "batch", "steps", "seed"])
def test_limits_include_their_ends(field: str) -> None:
    for end in LIMITS[field]:
        assert getattr(TrainConfig(**{field: end}), field) == end  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "query", [{"rank": "4.5"}, {"rank": "x"}, {"lr": "nan"}, {"yardstick": "2"}, {"base": ""}]
)
def test_a_url_is_checked_like_everything_else(query: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(query))):
        TrainConfig.from_query(query)


def test_an_error_carries_what_a_page_needs_to_say_it() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig(steps=5000)
    assert caught.value.key == "range"
    assert caught.value.values == {"field": "steps", "value": 5000, "low": 1, "high": 2000}


def test_full_fine_tuning_keeps_its_targets_and_an_adapter_brings_its_own() -> None:
    assert TrainConfig(adapter=None, targets=("head",)).targets == ("head",)
    assert TrainConfig(adapter=AdapterConfig(targets=("head",)), targets="blocks").targets == ("head",)
