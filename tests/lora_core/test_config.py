from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_core.config import GAMMA_RULES, METHODS, AdapterConfig, ConfigError, select

words = st.text(min_size=1, max_size=8)
patterns = st.sampled_from(["all-linear", "blocks", r"blocks\.\d+", r"(a|b){1,2}", r".*\.(qkv|proj)", "[,]"])
targets = patterns | st.lists(words, min_size=1, max_size=4).map(tuple)
names_only = st.sampled_from(["all-linear", "blocks"]) | st.lists(words, min_size=1, max_size=4).map(tuple)


def adapters(targets: st.SearchStrategy[Any] = targets) -> st.SearchStrategy[AdapterConfig]:
    return st.builds(
        AdapterConfig,
        method=st.sampled_from(METHODS),
        rank=st.integers(1, 512),
        alpha=st.floats(0.01, 1024),
        targets=targets,
        dropout=st.floats(0, 0.9),
        gamma_rule=st.sampled_from(GAMMA_RULES),
    )


@given(adapters())
def test_an_adapter_comes_back_from_json(config: AdapterConfig) -> None:
    assert AdapterConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("rule", "gamma"),
    [("alpha/r", 2.0), ("alpha/sqrt(r)", 4.0), ("constant", 8.0)],
)
def test_gamma(rule: str, gamma: float) -> None:
    assert AdapterConfig(rank=4, alpha=8, gamma_rule=rule).gamma == gamma


def test_rslora_is_its_rule() -> None:
    assert AdapterConfig(method="rslora", rank=9, alpha=6).gamma == 2.0


def test_numbers_and_lists_are_taken_in_their_own_kind() -> None:
    config = AdapterConfig(rank=4.0, alpha=16, targets=["q", "v"])  # type: ignore[arg-type]
    assert (config.rank, config.alpha, config.targets) == (4, 16.0, ("q", "v"))
    assert isinstance(config.rank, int)
    assert isinstance(config.alpha, float)


def test_a_config_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        AdapterConfig().rank = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "lora2"}, r"method is 'lora2', expected one of: lora, "),
        ({"gamma_rule": "r"}, r"gamma_rule is 'r', expected one of: alpha/r, alpha/sqrt\(r\), constant"),
        ({"rank": 0}, "rank is 0, expected a whole number from 1"),
        ({"rank": 1.5}, "rank is 1.5, expected a whole number"),
        ({"rank": True}, "rank is True"),
        ({"rank": None}, "rank is None"),
        ({"rank": math.inf}, "rank is inf"),
        ({"alpha": 0}, "alpha is 0, expected a number above 0"),
        ({"alpha": -1}, "alpha is -1"),
        ({"alpha": math.nan}, "alpha is nan, expected a finite number"),
        ({"alpha": "much"}, "alpha is 'much'"),
        ({"alpha": True}, "alpha is True"),
        ({"dropout": 1}, "dropout is 1.0, expected at least 0 and below 1"),
        ({"dropout": -0.1}, "dropout is -0.1"),
        ({"targets": ""}, "targets is ''"),
        ({"targets": ()}, r"targets is \(\)"),
        ({"targets": ("a", "")}, "targets is"),
        ({"targets": ("a", 1)}, "targets is"),
        ({"targets": 3}, "targets is 3"),
        ({"targets": "("}, r"targets is '\(', expected a regular expression"),
    ],
)
def test_an_impossible_adapter_is_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        AdapterConfig(**values)
    assert caught.value.values["field"] in values


def test_json_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="key is 'r', expected one of: method, rank"):
        AdapterConfig.from_json({"r": 8})


# select

MODULES = ["blocks.0.attn.qkv", "blocks.0.mlp.up", "blocks.1.attn.qkv", "head", "my_head", "blocks2.0"]


@pytest.mark.parametrize(
    ("targets", "found"),
    [
        ("all-linear", MODULES),
        ("blocks", ["blocks.0.attn.qkv", "blocks.0.mlp.up", "blocks.1.attn.qkv"]),
        (("head",), ["head"]),
        (("attn.qkv", "head"), ["blocks.0.attn.qkv", "blocks.1.attn.qkv", "head"]),
        (r"blocks\.0\..*", ["blocks.0.attn.qkv", "blocks.0.mlp.up"]),
        (r".*head", ["head", "my_head"]),
    ],
)
def test_select(targets: Any, found: list[str]) -> None:
    assert select(MODULES, targets) == found


@pytest.mark.parametrize("targets", ["head2", "hea", ("q_proj", "kv")])
def test_no_match_lists_what_exists(targets: Any) -> None:
    with pytest.raises(
        ValueError, match=r"no module matches '.+'; linear modules are: blocks.0.attn.qkv, .*blocks2.0"
    ):
        select(MODULES, targets)


segments = st.sampled_from(["a", "b", "ab", "0", "1", "head"])
module_names = st.lists(segments, min_size=1, max_size=3).map(".".join)
asked = st.lists(module_names, min_size=1, max_size=3).map(tuple) | st.sampled_from(
    [r"a\.\d", r".*\.head", "a|b", r"(a\.)+b", "head"]
)


@given(st.lists(module_names, min_size=1, max_size=6, unique=True), asked)
def test_select_is_pefts_own_rule(names: list[str], asked: Any) -> None:
    from peft.tuners.tuners_utils import check_target_module_exists

    config = SimpleNamespace(target_modules=asked if isinstance(asked, str) else list(asked))
    expected = [name for name in names if check_target_module_exists(config, name)]
    if expected:
        assert select(names, asked) == expected
    else:
        with pytest.raises(ValueError, match="no module matches"):
            select(names, asked)


# What the web server imports

WITHOUT_TORCH = [
    "lora_core",
    "lora_core.config",
    "lora_core.methods",
    "lora_core.planning.cost",
    "lora_core.planning.method_cost",
    "lora_core.matrix.low_rank",
    "lora_core.formats.peft",
]


@pytest.mark.parametrize("module", [*WITHOUT_TORCH, "lab.bases.registry"])
def test_the_server_imports_it_without_torch(module: str) -> None:
    code = f"import sys, {module}; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        == "False\n"
    )


def test_every_public_name_is_there_and_no_other() -> None:
    import lora_core

    for name in lora_core.__all__:
        assert getattr(lora_core, name).__name__ == name
    assert set(lora_core.__all__) <= set(dir(lora_core))
    with pytest.raises(AttributeError, match="no attribute 'atach'"):
        lora_core.atach  # noqa: B018
