"""All nine through `fine_tune`, as a page asks for them, and their adapters into PEFT."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from lab.bases.models import load_base
from lab.runs.config import TrainConfig
from lab.runs.fine_tune import fine_tune
from lora_core import AdapterConfig, delta_weights, load_adapter
from lora_core.config import METHODS

RUN = TrainConfig(base="mlp-mnist", task="fashion", lr=3e-3, batch=32, steps=30, yardstick=False)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_of_every_method(method: str, tmp_path: Path) -> None:
    config = replace(RUN, adapter=AdapterConfig(method=method, rank=8, alpha=32, targets="all-linear"))
    first, *_, last = fine_tune(config, every=1e9, adapter_folder=tmp_path)
    assert last.state == "done"
    assert first.run.validation_loss is not None
    assert last.run.validation_loss is not None
    slow = method == "adalora"  # starts from factors of 0.02
    assert last.run.validation_loss < first.run.validation_loss * (0.9 if slow else 0.5)
    ranks = {"dora": (128, 128, 10), "pissa": (16, 16, 10), "lora-ga": (16, 16, 10)}.get(method, (8, 8, 8))
    assert tuple(map(len, last.run.spectra.values())) == ranks

    model = load_adapter(load_base("mlp-mnist"), tmp_path, quantised=method == "qlora")
    for name, delta in delta_weights(model).items():
        told = torch.from_numpy(last.arrays[f"run.delta.{name}"])
        torch.testing.assert_close(delta, told, rtol=1e-4, atol=1e-6)
    with warnings.catch_warnings(action="error"):
        theirs = PeftModel.from_pretrained(load_base("mlp-mnist"), tmp_path).eval()
    if method != "qlora":  # PEFT's base would have to be quantised too
        x = torch.randn(5, 196, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(theirs(x), model(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_is_the_same_run(method: str) -> None:
    adapter = AdapterConfig(method=method, rank=4, targets="blocks", dropout=0.1)
    config = replace(RUN, adapter=adapter, steps=3)
    losses = {list(fine_tune(config, every=1e9))[-1].run.validation_loss for _ in range(2)}
    assert len(losses) == 1
