"""A base of one's own is one record: it trains, is counted and has controls, and no page knows it."""

import math
from collections.abc import Iterator

import pytest
from torch import Generator, nn

from jobs.kinds import check
from jobs.limits import Refused
from lab.bases.base import LIMITS, Base, Lesson
from lab.bases.models import GPT, load_base
from lab.bases.registry import BASES, base_of, register, unregister
from lab.bases.tasks import TextTask, load_task, text_task
from lab.runs.config import TrainConfig
from lab.runs.defaults import default
from lab.runs.fine_tune import fine_tune
from lab.sweep import sweep
from lora_core.bounds import ConfigError
from web.fine_tune import cost, experiment


def load() -> nn.Module:
    return GPT(width=16, layers=1, heads=2, generator=Generator().manual_seed(0))


def rights() -> TextTask:
    return text_task("udhr-en", prompt="Everyone")


TOY = Base(
    "toy",
    "text",
    load,
    {
        "blocks.0.attn.qkv": (48, 16),
        "blocks.0.attn.proj": (16, 16),
        "blocks.0.mlp.up": (64, 16),
        "blocks.0.mlp.down": (16, 64),
        "head": (192, 16),
    },
    {"rights": Lesson(rights, lr=4e-3, full_lr=2e-3, batch=4, steps=6, rank=2, rates={"lora+": 1e-3})},
    {"blocks": "blocks", "down": ("mlp.down",)},
    memory=2**28,
    embeddings={"embed": (192, 16), "position": (64, 16)},
    rows=64,
    limits={**LIMITS, "steps": (1, 8)},
)


@pytest.fixture(autouse=True)
def toy() -> Iterator[None]:
    register(TOY)
    yield
    unregister("toy")


def test_it_is_found_and_its_record_fits_its_model() -> None:
    assert base_of("rights") is TOY
    found = {name: m.weight.shape for name, m in load_base("toy").named_modules() if isinstance(m, nn.Linear)}
    assert found == TOY.layers
    assert load_task("rights") is load_task("rights")
    assert TOY.everything == ("embed", "position", "qkv", "proj", "up", "down", "head")
    with pytest.raises(ValueError, match="registered already"):
        register(TOY)


def test_it_trains_at_its_lessons_own_settings() -> None:
    config = default("toy", "rights")
    assert (config.steps, config.lr, config.batch) == (6, 4e-3, 4)
    *_, last = fine_tune(config, every=math.inf)
    assert last.state == "done"
    assert last.run.sample
    assert last.run.sample.startswith("Everyone")
    assert last.run.validation_loss is not None
    assert last.run.validation_loss < last.history[0].run_validation  # type: ignore[operator]
    *_, swept = sweep([config], split="test")
    assert swept.curves[0].validation[-1] == pytest.approx(last.run.validation_loss, abs=1e-4)


def test_its_limits_are_its_own() -> None:
    check(default("toy", "rights"))
    with pytest.raises(ConfigError, match="steps is 9, expected between 1 and 8"):
        TrainConfig("toy", "rights", steps=9)
    with pytest.raises(ConfigError, match="task is 'python', expected one of: rights"):
        TrainConfig("toy", "python")
    with pytest.raises(Refused, match="rank"):
        check(TrainConfig.from_query({"base": "toy", "task": "rights", "rank": "17", "steps": "2"}))


def test_the_page_counts_it_and_offers_its_choices() -> None:
    counted = cost.of(default("toy", "rights"))
    assert counted.trained == sum(2 * (d_out + d_in) for d_out, d_in in list(TOY.layers.values())[:-1])
    query, complaints = experiment.read({"base": "toy", "method": "lora+"})
    assert not complaints
    assert (query["task"], query["lr"], query["layer"]) == ("rights", "0.001", "blocks.0.attn.proj")
    assert [*experiment.presets("toy")] == ["blocks", "down", "everything"]
    assert experiment.largest_rank("toy", default("toy", "rights")) == 16
    assert experiment.change(experiment.start("gpt-en", "thai"), "base", "toy")["task"] == "rights"
    assert list(BASES)[-1] == "toy"
