"""Each finding on a file that has just that fault; what is refused; a clean file of each of our methods."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lora_core import AdapterConfig, attach, delta_weights, inspect, save_adapter
from lora_core.cli import main
from lora_core.config import METHODS
from lora_core.formats.peft import CONFIG_FILE, TENSOR_FILE
from lora_core.formats.refusal import FormatError
from lora_core.inspection import Report

NAME = "base_model.model.layers.{}.q_proj.lora_{}.weight"
CONFIG = {"peft_type": "LORA", "r": 4, "lora_alpha": 8}


@pytest.fixture
def folder(tmp_path: Path, generator: torch.Generator) -> Path:
    """An adapter of three layers without any fault."""
    shapes = {"A": (4, 12), "B": (10, 4)}
    tensors = {
        NAME.format(i, side): torch.randn(shape, generator=generator)
        for i in range(3)
        for side, shape in shapes.items()
    }
    save_file(tensors, tmp_path / TENSOR_FILE)
    (tmp_path / CONFIG_FILE).write_text(json.dumps(CONFIG))
    return tmp_path


def change(folder: Path, how: Callable[[dict[str, Tensor]], Any]) -> None:
    tensors = load_file(folder / TENSOR_FILE)
    how(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / TENSOR_FILE)


def rename(old: str, new: str) -> Callable[[dict[str, Tensor]], Any]:
    def how(tensors: dict[str, Tensor]) -> None:
        for name in list(tensors):
            tensors[name.replace(old, new)] = tensors.pop(name)

    return how


A0, B0 = NAME.format(0, "A"), NAME.format(0, "B")
BASE = "base_model.model."
TENSORS: dict[str, tuple[str, Callable[[dict[str, Tensor]], Any]]] = {
    "empty_tensors": ("error", lambda t: t.update({name: torch.zeros(0) for name in t})),
    "missing_factor": ("error", lambda t: t.pop(B0)),
    "shape_mismatch": ("error", lambda t: t.update({B0: torch.ones(10, 3)})),
    "rank_mismatch": ("error", lambda t: t.update({A0: torch.ones(3, 12), B0: torch.ones(10, 3)})),
    "unsupported_dtype": ("error", lambda t: t.update({A0: t[A0].to(torch.float8_e4m3fn)})),
    "not_finite": ("error", lambda t: t[B0].fill_(math.nan)),
    "no_effect": ("error", lambda t: [t[name].zero_() for name in t if "lora_B" in name]),
    "idle_layers": ("warning", lambda t: t[B0].zero_()),
    "wrapped_names": ("warning", rename(BASE, BASE + "_orig_mod.")),
    "adapter_names": ("warning", rename(".weight", ".default.weight")),
    "no_prefix": ("warning", rename(BASE, "")),
    "unknown_tensors": ("warning", lambda t: t.update({A0.replace("lora_A", "lora_C"): torch.ones(2)})),
    "base_weights": ("info", lambda t: t.update({BASE + "lm_head.base_layer.weight": torch.ones(2, 2)})),
    "bias": ("warning", lambda t: t.update({BASE + "norm.bias": torch.ones(2)})),
    "other_weights": ("warning", lambda t: t.update({BASE + "norm.weight": torch.ones(2)})),
    "lora_bias": ("warning", lambda t: t.update({B0.replace("weight", "bias"): torch.ones(10)})),
}  # fmt: skip
ENTRIES: dict[str, tuple[str, dict[str, Any]]] = {
    "zero_scale": ("error", {"lora_alpha": 0}),
    "negative_scale": ("info", {"lora_alpha": -8}),
    "rank_stabilised": ("info", {"use_rslora": True}),
    "patterns": ("info", {"alpha_pattern": {"q_proj": 2}}),
    "variant": ("warning", {"use_qalora": True}),
    "dora": ("info", {"use_dora": True}),
    "no_magnitude": ("error", {"use_dora": True}),
    "unconverted_start": ("warning", {"init_lora_weights": "corda"}),
    "pattern": ("error", {"alpha_pattern": {"(.*)*" * 3900 + "x": 2}}),
}


def found(report: Report) -> dict[str, str]:
    return {finding.code: finding.severity for finding in report.findings}


def test_a_good_file_has_no_finding(folder: Path) -> None:
    assert found(inspect(folder)) == {}


@pytest.mark.parametrize("code", TENSORS)
def test_what_is_wrong_with_tensors_is_found(folder: Path, code: str) -> None:
    severity, how = TENSORS[code]
    change(folder, how)
    report = inspect(folder)
    assert found(report)[code] == severity
    assert all(layer.norm is not None or layer.reason in found(report) for layer in report.layers)


@pytest.mark.parametrize("code", ENTRIES)
def test_what_the_configuration_means_is_found(folder: Path, code: str) -> None:
    severity, entries = ENTRIES[code]
    (folder / CONFIG_FILE).write_text(json.dumps(CONFIG | entries))
    assert found(inspect(folder))[code] == severity


def test_modules_to_save_are_found(folder: Path) -> None:
    (folder / CONFIG_FILE).write_text(json.dumps(CONFIG | {"modules_to_save": ["score"]}))
    change(folder, lambda t: t.update({BASE + "score.weight": torch.ones(2, 12)}))
    assert found(inspect(folder)) == {"modules_to_save": "warning"}


def test_without_a_configuration_gamma_is_not_made_up(folder: Path) -> None:
    sizes = [layer.norm for layer in inspect(folder).layers]
    (folder / CONFIG_FILE).unlink()
    report = inspect(folder)
    assert found(report) == {"no_config": "warning"}
    assert [(layer.alpha, layer.scale, layer.norm, layer.rank) for layer in report.layers] == [
        (None, None, None, 4)
    ] * 3
    assert [2 * (layer.product_norm or 0) for layer in report.layers] == pytest.approx(sizes)


def test_two_parameters_with_ranks_of_their_own_are_not_guessed(folder: Path) -> None:
    entries = {"target_parameters": ["layers.0.q_proj.up", "layers.0.q_proj.down"], "rank_pattern": {"up": 2}}
    (folder / CONFIG_FILE).write_text(json.dumps(CONFIG | entries))
    report = inspect(folder)
    assert found(report)["parameter_unknown"] == "warning"
    assert report.layers[0].scale is None


def test_what_overflows_float32_is_still_measured(folder: Path) -> None:
    before = [layer.norm or 0 for layer in inspect(folder).layers]
    change(folder, lambda t: t.update({name: t[name] * (1e30 if "lora_A" in name else 1e-25) for name in t}))
    after = [layer.norm or 0 for layer in inspect(folder).layers]
    assert after == pytest.approx([1e5 * each for each in before], rel=1e-5)


def test_all_that_is_asked_is_said_while_it_works(folder: Path) -> None:
    calls: list[tuple[int, int]] = []
    inspect(folder, progress=lambda done, of: calls.append((done, of)))
    assert calls == [(0, 3), (1, 3), (2, 3)]

    def stop(done: int, of: int) -> None:
        if done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        inspect(folder, progress=stop)


@pytest.mark.parametrize("method", METHODS)
def test_what_we_save_ourselves_is_clean(method: str, tmp_path: Path, generator: torch.Generator) -> None:
    model = nn.Sequential(nn.Linear(8, 12), nn.Linear(12, 6))
    options: dict[str, Any] = {}
    if method == "lora-ga":
        options["gradients"] = {
            str(i): torch.randn(model[i].weight.shape, generator=generator) for i in range(2)
        }
    attach(model, AdapterConfig(method=method, rank=4, alpha=8), generator=generator, **options)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) / 4)
    save_adapter(model, tmp_path)
    report = inspect(tmp_path)
    assert not {finding.code for finding in report.findings} - {"rank_stabilised", "dora"}
    for name, delta in delta_weights(model).items():
        (layer,) = (each for each in report.layers if each.name == name)
        if method == "dora":
            assert layer.norm is None
        else:
            assert layer.norm == pytest.approx(float(delta.double().norm()), rel=1e-4)


# The command


def test_the_command_prints_a_table_and_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder)]) == 0
    table = capsys.readouterr().out
    assert "peft · lora · 3 layers" in table
    assert "layers.0.q_proj" in table
    assert main(["inspect", str(folder / TENSOR_FILE), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == inspect(folder).to_json()


def test_a_file_with_faults_was_still_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder, TENSORS["not_finite"][1])
    assert main(["inspect", str(folder), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["layers"][0]["norm"] is None
    assert values["findings"][0].keys() == {"code", "severity", "message"}


def entries(folder: Path, **changed: Any) -> None:
    (folder / CONFIG_FILE).write_text(json.dumps(CONFIG | changed))


REFUSED: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "no folder": ("missing", lambda f: f.joinpath(TENSOR_FILE).unlink()),
    "truncated": ("truncated", lambda f: os.truncate(f / TENSOR_FILE, 500)),
    "pointer": ("lfs_pointer", lambda f: f.joinpath(TENSOR_FILE).write_bytes(b"version https://git-lfs")),
    "zip": ("zip", lambda f: torch.save({}, f / TENSOR_FILE)),
    "pickle": ("pickle", lambda f: f.joinpath(TENSOR_FILE).rename(f / "adapter_model.bin")),
    "a model": ("foreign_config", lambda f: f.joinpath(CONFIG_FILE).write_text('{"model_type": "llama"}')),
    "IA3": ("peft_type", lambda f: f.joinpath(CONFIG_FILE).write_text('{"peft_type": "IA3"}')),
    "no JSON": ("json", lambda f: f.joinpath(CONFIG_FILE).write_text("{")),
    "r of zero": ("config", lambda f: entries(f, r=0)),
    "α that is none": ("config", lambda f: entries(f, lora_alpha=[])),
    "a model's tensors": ("no_layers", lambda f: save_file({"w": torch.ones(2)}, f / TENSOR_FILE)),
    "no tensor": ("no_tensor", lambda f: save_file({}, f / TENSOR_FILE)),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_refused_in_one_sentence(
    folder: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key, spoil = REFUSED[what]
    spoil(folder)
    with pytest.raises(FormatError) as refused:
        inspect(folder)
    assert refused.value.key == key
    assert main(["inspect", str(folder)]) == 2
    written = capsys.readouterr()
    assert not written.out
    assert written.err.count("\n") == 1


def test_a_configuration_alone_leads_to_its_folder_and_a_models_own_is_refused_by_name(folder: Path) -> None:
    assert inspect(folder / CONFIG_FILE) == inspect(folder)
    (folder / "config.json").write_text('{"model_type": "llama", "architectures": []}')
    with pytest.raises(FormatError, match=r"a model's own config.json \(model_type 'llama'\)"):
        inspect(folder / "config.json")


def test_numbers_beyond_all_measure_are_no_infinity_in_json(folder: Path) -> None:
    entries(folder, lora_alpha=1e308)
    change(folder, lambda t: t.update({name: t[name].double() * 1e3 for name in t}))
    report = inspect(folder)
    assert [layer.norm for layer in report.layers] == [None] * 3
    json.dumps(report.to_json(), allow_nan=False)
