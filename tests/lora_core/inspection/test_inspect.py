"""PEFT is the oracle: of files it wrote, γ is its scaling and ‖ΔW‖ the norm of its get_delta_weight."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import AdaLoraConfig, LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from lora_core import inspect
from lora_core.formats.peft import CONFIG_FILE, TENSOR_FILE
from lora_core.inspection import Layer, Report

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::RuntimeWarning"
)  # PEFT's own, on what it is asked to do here


class Experts(nn.Module):
    def __init__(self, count: int, transposed: bool = False) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.empty(count, 16, 12))
        self.down = nn.Parameter(torch.empty(count, 12, 16))
        if transposed:
            self.is_transposed = True


class Net(nn.Module):
    def __init__(self, experts: int = 4, transposed: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleDict({"q_proj": nn.Linear(6, 8), "k_proj": nn.Linear(6, 4), "down": nn.Linear(8, 6)})
            for _ in range(2)
        )
        self.q_proj = nn.Linear(6, 6)
        self.conv1d = Conv1D(10, 6)  # GPT-2's, W (d_in, d_out)
        self.conv = nn.Conv2d(3, 5, 3)
        self.embed = nn.Embedding(11, 6)
        self.experts = Experts(experts, transposed)
        self.head = nn.Linear(6, 7)


QK: dict[str, Any] = {"target_modules": ["q_proj", "k_proj"]}
NONE: dict[str, Any] = {"target_modules": []}
CONFIGS: dict[str, dict[str, Any]] = {
    "plain": QK,
    "an odd α": QK | {"lora_alpha": 7, "r": 3},
    "a negative α": QK | {"lora_alpha": -7},
    "rank-stabilised": QK | {"use_rslora": True},
    "α by a pattern": QK | {"alpha_pattern": {r".*ers\.0\..*(q_proj|k_proj)$": 100, r"layers\.0\.q_proj": 5}},
    "α by the start of a name": QK | {"alpha_pattern": {"^q_proj": 100}},
    "α by the end of a name": QK | {"alpha_pattern": {"q_proj": 100}},
    "the first pattern counts": QK | {"alpha_pattern": {"proj": 3, "_proj": 5, "k_proj": 4, ".*q_proj": 6}},
    "ranks by patterns": QK | {"rank_pattern": {r"layers\.\d\.q_proj": 5, "^q_proj": 1}},
    "ranks and α": QK | {"rank_pattern": {"k_proj": 3}, "alpha_pattern": {r"layers\.1\..*": 5}},
    "a look ahead": QK | {"alpha_pattern": {r"^(?!.*layers).*": 9}},
    "rank above the largest": {"target_modules": ["k_proj"], "r": 40},
    "all of one name by an expression": {"target_modules": r"layers\.\d\.(down|k_proj)"},
    "a start that is not PEFT's": QK | {"init_lora_weights": "gaussian"},
    "orthogonal": QK | {"init_lora_weights": "orthogonal", "r": 4},
    "GPT-2's Conv1D": {"target_modules": ["conv1d"], "fan_in_fan_out": True},
    "a convolution": {"target_modules": ["conv"]},
    "an embedding": {"target_modules": ["embed"]},
    "modules_to_save": QK | {"modules_to_save": ["head"]},
    "biases": QK | {"bias": "all"},
    "a bias of B": QK | {"lora_bias": True},
    "4 experts": {"target_modules": [], "target_parameters": ["experts.gate"], "r": 2},
    "4 experts, stabilised": {"target_parameters": ["experts.down"], "use_rslora": True} | NONE,
    "experts beside layers": QK | {"target_parameters": ["experts.down"]},
    "experts by patterns": QK
    | {"target_parameters": ["experts.gate"], "alpha_pattern": {"gate": 3}, "rank_pattern": {"gate": 5}},
    "two parameters of one module": {"target_parameters": ["experts.gate", "experts.down"]} | NONE,
}  # fmt: skip


def filled(model: PeftModel) -> PeftModel:
    """Values in every factor, as training would leave."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name and "magnitude" not in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return model


def expected(model: PeftModel) -> dict[tuple[str, bool], tuple[float, Tensor]]:
    """(module's path, is it the inner of two wrappers) -> PEFT's scaling and its ΔW."""
    found = {}
    for path, module in model.base_model.model.named_modules():
        if not hasattr(module, "scaling"):
            continue
        name = path.replace(".base_layer", "")
        scaling = module.scaling["default"]
        if hasattr(module, "ranknum"):
            scaling = scaling / (float(module.ranknum["default"]) + 1e-5)
        found[name, path != name] = (scaling, module.get_delta_weight("default").detach())
    return found


def check(report: Report, model: PeftModel) -> None:
    theirs = expected(model)
    assert {(layer.name, layer.key != layer.name) for layer in report.layers} == theirs.keys()
    for layer in report.layers:
        scaling, delta = theirs[layer.name, layer.key != layer.name]
        assert layer.scale == pytest.approx(scaling, rel=1e-9)
        assert layer.norm == pytest.approx(float(delta.double().norm()), rel=2e-6)
        assert layer.experts == (len(delta) if layer.kind == "experts" else 1)


@pytest.mark.parametrize("what", CONFIGS)
def test_scale_and_norm_are_pefts(what: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = filled(get_peft_model(Net(), LoraConfig(**{"r": 4, "lora_alpha": 8, **CONFIGS[what]})))
    model.save_pretrained(tmp_path)
    report = inspect(tmp_path)
    check(report, model)
    assert not [finding for finding in report.findings if finding.severity == "error"]
    check(inspect((tmp_path / TENSOR_FILE).read_bytes(), (tmp_path / CONFIG_FILE).read_bytes()), model)
    with (tmp_path / TENSOR_FILE).open("rb") as stream:
        assert inspect(stream, tmp_path / CONFIG_FILE) == report


@pytest.mark.parametrize("transposed", [False, True])
def test_128_experts(tmp_path: Path, transposed: bool) -> None:
    config = LoraConfig(r=8, lora_alpha=8, target_modules=[], target_parameters=["experts.gate"])
    model = filled(get_peft_model(Net(128, transposed), config))
    model.save_pretrained(tmp_path)
    report = inspect(tmp_path)
    check(report, model)
    (layer,) = report.layers
    assert (layer.name, layer.parameter, layer.experts, layer.rank) == ("experts", "experts.gate", 128, 8)
    shape = (16, 12) if not transposed else (12, 16)
    assert (layer.d_out, layer.d_in) == shape
    assert "experts" in codes(report)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_types(tmp_path: Path, dtype: torch.dtype) -> None:
    model = filled(get_peft_model(Net(), LoraConfig(r=4, lora_alpha=8, **QK)))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(parameter.to(dtype))
    model.save_pretrained(tmp_path)
    path = tmp_path / TENSOR_FILE
    save_file({name: tensor.to(dtype) for name, tensor in load_file(path).items()}, path)
    check(inspect(tmp_path), model)


@pytest.mark.parametrize("pruned", [False, True])
def test_adalora(tmp_path: Path, pruned: bool) -> None:
    config = AdaLoraConfig(init_r=6, target_r=3, lora_alpha=8, total_step=10, tinit=0, **QK)
    model = filled(get_peft_model(Net(), config))
    if pruned:
        kept = [True, False, True, True, False, False]
        names = [name for name, _ in model.named_parameters() if ".lora_E." in name]
        pattern = {name.removeprefix("base_model.model."): kept for name in names}
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if ".lora_E." in name:
                    parameter[[not each for each in kept]] = 0
        model.peft_config["default"].rank_pattern = pattern
    want = expected(model)
    model.save_pretrained(tmp_path)
    report = inspect(tmp_path)
    for layer in report.layers:
        scaling, delta = want[layer.name, False]
        assert layer.scale == pytest.approx(8 / (6 + 1e-5))
        assert layer.scale == pytest.approx(scaling)
        assert layer.norm == pytest.approx(float(delta.double().norm()), rel=1e-6)
        assert layer.rank == (3 if pruned else 6)
    assert report.method == "adalora"


@pytest.mark.parametrize(
    ("options", "method", "code"),
    [
        ({"use_dora": True}, "dora", "dora"),
        ({"init_lora_weights": "pissa"}, "pissa", "unconverted_start"),
        ({"init_lora_weights": "pissa_niter_4"}, "pissa", "unconverted_start"),
        ({"init_lora_weights": "olora"}, "olora", "unconverted_start"),
    ],
)
def test_what_the_file_alone_cannot_say_is_said(
    tmp_path: Path, options: dict[str, Any], method: str, code: str
) -> None:
    torch.manual_seed(0)
    model = get_peft_model(Net(), LoraConfig(r=4, lora_alpha=8, **QK, **options))
    model.save_pretrained(tmp_path)
    report = inspect(tmp_path)
    assert report.method == method
    assert code in codes(report)
    for layer in report.layers:
        assert layer.scale == expected(model)[layer.name, False][0]
        assert (layer.norm, layer.reason) == (None, code)


def test_a_converted_pissa_is_a_plain_adapter_whose_update_is_the_move(tmp_path: Path) -> None:
    """[B, −B₀] [A; A₀] after the smallest of moves: two products that differ by a millionth."""
    torch.manual_seed(0)
    model = get_peft_model(Net(), LoraConfig(r=4, lora_alpha=8, init_lora_weights="pissa", **QK))
    model.peft_config["default"].init_lora_weights = True
    model.save_pretrained(tmp_path / "start")
    model.peft_config["default"].init_lora_weights = "pissa"
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.add_(1e-6)
    model.save_pretrained(tmp_path, path_initial_model_for_weight_conversion=str(tmp_path / "start"))
    tensors = load_file(tmp_path / TENSOR_FILE)
    for layer in inspect(tmp_path).layers:
        A, B = (tensors[layer.tensors[part]].double() for part in ("lora_A.weight", "lora_B.weight"))
        assert layer.rank == 8
        assert layer.norm == pytest.approx(float(2 * (B @ A).norm()), rel=1e-6)


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def test_dora_is_not_measured_and_its_product_is(tmp_path: Path) -> None:
    model = filled(get_peft_model(Net(), LoraConfig(r=2, lora_alpha=8, use_dora=True, **QK)))
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / TENSOR_FILE)
    layer = inspect(tmp_path).layers[0]
    assert isinstance(layer, Layer)
    A, B = (tensors[layer.tensors[part]].double() for part in ("lora_A.weight", "lora_B.weight"))
    assert layer.product_norm == pytest.approx(float((B @ A).norm()))


def test_the_json_is_what_is_promised(tmp_path: Path) -> None:
    filled(get_peft_model(Net(), LoraConfig(r=4, lora_alpha=8, **QK))).save_pretrained(tmp_path)
    values = json.loads(json.dumps(inspect(tmp_path).to_json(), allow_nan=False))
    assert values.keys() == {"format", "method", "layers", "findings"}
    assert (values["format"], values["method"], values["findings"]) == ("peft", "lora", [])
    names = [layer["name"] for layer in values["layers"]]
    assert names == ["layers.0.k_proj", "layers.0.q_proj", "layers.1.k_proj", "layers.1.q_proj", "q_proj"]
    first = values["layers"][0]
    assert math.isfinite(first.pop("norm"))
    assert first == {"name": "layers.0.k_proj", "d_out": 4, "d_in": 6, "rank": 4, "alpha": 8, "scale": 2}
