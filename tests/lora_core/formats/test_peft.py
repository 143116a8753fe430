"""PEFT is the oracle: what we write it must read, what it writes we must read, with equal outputs."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lora_core import AdapterConfig, attach, delta_weights, load_adapter, merge, save_adapter
from lora_core.formats import peft as peft_format
from lora_core.formats.peft import CONFIG_FILE, TENSOR_FILE
from lora_core.linear import LoRALinear

WITHIN = {"atol": 1e-6, "rtol": 1e-6}


class Net(nn.Module):
    """Names that end alike ("up", "blocks.0.up"), one of them not linear ("side.up")."""

    def __init__(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 6)
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"up": nn.Linear(6, 8), "down": nn.Linear(8, 6, bias=False)}) for _ in range(2)
        )
        self.up = nn.Linear(6, 6)
        self.side = nn.ModuleDict({"up": nn.Embedding(7, 6)})
        self.head = nn.Linear(6, 7)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
        self.to(dtype)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens) + self.side["up"](tokens)
        for block in self.blocks:
            x = x + block["down"](torch.tanh(block["up"](x)))
        y: Tensor = self.head(torch.tanh(self.up(x)))
        return y


@pytest.fixture
def net(generator: torch.Generator) -> Net:
    return Net(generator).eval()


@pytest.fixture
def tokens(generator: torch.Generator) -> Tensor:
    return torch.randint(0, 7, (4, 5), generator=generator)


def fill(model: nn.Module, generator: torch.Generator) -> None:
    """Gives every factor a value, as training would: LoRALinear's A and B, PEFT's lora_A and lora_B."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith((".A", ".B")) or ".lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)


CONFIGS = [
    AdapterConfig(rank=2),
    AdapterConfig(rank=3, alpha=10, dropout=0.25),
    AdapterConfig(rank=3, alpha=0.7, gamma_rule="alpha/sqrt(r)"),
    AdapterConfig(method="rslora", rank=3, alpha=5),
    AdapterConfig(rank=3, alpha=2, gamma_rule="constant"),
    AdapterConfig(method="lora+", rank=1),
    AdapterConfig(rank=2, targets="blocks"),
    AdapterConfig(rank=2, targets=("up", "head")),
    AdapterConfig(rank=2, targets="up"),  # the one at the top alone; by suffix PEFT would take four
    AdapterConfig(rank=2, targets=r".*\.(up|down)"),
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_what_we_save_peft_loads(
    net: Net, tokens: Tensor, config: AdapterConfig, tmp_path: Path, generator: torch.Generator
) -> None:
    base = copy.deepcopy(net)
    attach(net, config, generator=generator)
    fill(net, generator)
    save_adapter(net, tmp_path)
    theirs = PeftModel.from_pretrained(copy.deepcopy(base), tmp_path).eval()
    torch.testing.assert_close(theirs(tokens), net(tokens), **WITHIN)
    assert {n for n, _ in theirs.named_modules() if n.endswith("lora_A")} == {
        f"base_model.model.{name}.lora_A" for name in delta_weights(net)
    }
    ours = load_adapter(base, tmp_path)
    torch.testing.assert_close(ours(tokens), net(tokens), **WITHIN)
    assert delta_weights(ours).keys() == delta_weights(net).keys()


PEFT_CONFIGS: list[dict[str, Any]] = [
    {"target_modules": "all-linear", "exclude_modules": ["side.up"]},
    {"target_modules": ["up", "head"], "exclude_modules": ["side.up"]},
    {"target_modules": ["blocks.1.up"], "use_rslora": True, "lora_alpha": 5},
    {"target_modules": r"blocks\.\d\.(up|down)", "lora_dropout": 0.2},
    {"target_modules": ["down"], "layers_to_transform": [1], "layers_pattern": "blocks"},
    {"target_modules": ["up", "down"], "exclude_modules": r"side\.up|up|blocks\.0\..*"},
    {
        "target_modules": ["down", "head"],
        "rank_pattern": {"head": 5, r"blocks\.0\.down": 1},
        "alpha_pattern": {"down": 3},
    },
    {"target_modules": ["down", "head"], "rank_pattern": {"head": 5}, "use_rslora": True},
    {"target_modules": ["head"], "init_lora_weights": "gaussian"},
    {"target_modules": ["head"], "r": 40},  # PEFT knows no upper limit
]


@pytest.mark.parametrize("options", PEFT_CONFIGS, ids=str)
def test_what_peft_saves_we_load_and_save_again(
    net: Net, tokens: Tensor, options: dict[str, Any], tmp_path: Path, generator: torch.Generator
) -> None:
    base = copy.deepcopy(net)
    theirs = get_peft_model(copy.deepcopy(base), LoraConfig(**{"r": 3, "lora_alpha": 8, **options})).eval()
    fill(theirs, generator)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = load_adapter(net, tmp_path / "theirs")
    torch.testing.assert_close(ours(tokens), theirs(tokens), **WITHIN)
    merged = copy.deepcopy(theirs).merge_and_unload()
    torch.testing.assert_close(merge(ours)(tokens), merged(tokens), **WITHIN)

    save_adapter(ours, tmp_path / "ours")
    again = PeftModel.from_pretrained(copy.deepcopy(base), tmp_path / "ours").eval()
    torch.testing.assert_close(again(tokens), theirs(tokens), **WITHIN)
    for name, tensor in load_file(tmp_path / "theirs" / TENSOR_FILE).items():
        assert torch.equal(load_file(tmp_path / "ours" / TENSOR_FILE)[name], tensor)


def test_a_loaded_adapter_knows_its_settings(net: Net, tmp_path: Path) -> None:
    options = {"r": 3, "lora_alpha": 8, "lora_dropout": 0.2, "use_rslora": True, "target_modules": ["head"]}
    get_peft_model(copy.deepcopy(net), LoraConfig(**options)).save_pretrained(tmp_path)
    assert peft_format.read(tmp_path).config == AdapterConfig(
        rank=3, alpha=8, dropout=0.2, gamma_rule="alpha/sqrt(r)", targets=("head",)
    )
    load_adapter(net, tmp_path)
    assert isinstance(net.head, LoRALinear)
    assert net.head.dropout == 0.2
    assert not net.head.training
    assert [name for name, p in net.named_parameters() if p.requires_grad] == ["head.A", "head.B"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_type_comes_back_as_it_was(
    dtype: torch.dtype, tmp_path: Path, generator: torch.Generator
) -> None:
    net = Net(generator, dtype)
    base = copy.deepcopy(net)
    attach(net, AdapterConfig(rank=2), generator=generator)
    fill(net, generator)
    save_adapter(net, tmp_path)
    load_adapter(base, tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), base.parameters(), strict=True))
    assert base.head.A.dtype == torch.promote_types(dtype, torch.float32)  # type: ignore[union-attr]


def test_a_bfloat16_file_is_read(net: Net, tmp_path: Path, generator: torch.Generator) -> None:
    theirs = get_peft_model(copy.deepcopy(net), LoraConfig(target_modules=["head"]))
    fill(theirs, generator)
    theirs.save_pretrained(tmp_path)
    tensors = {name: tensor.bfloat16() for name, tensor in load_file(tmp_path / TENSOR_FILE).items()}
    save_file(tensors, tmp_path / TENSOR_FILE)
    load_adapter(net, tmp_path)
    assert torch.equal(net.head.A, tensors["base_model.model.head.lora_A.weight"].float())  # type: ignore[arg-type]


def test_saving_while_merged_and_over_an_older_adapter(
    net: Net, tmp_path: Path, generator: torch.Generator
) -> None:
    folder = tmp_path / "deep" / "folder"
    attach(net, AdapterConfig(rank=2), generator=generator)
    save_adapter(net, folder)
    (folder / "README.md").write_text("kept")
    fill(net, generator)
    plain = peft_format.read(folder).layers["head"]["lora_B.weight"]
    assert not plain.any()
    save_adapter(merge(net), folder)
    assert np.array_equal(peft_format.read(folder).layers["head"]["lora_B.weight"], net.head.B.detach())  # type: ignore[arg-type]
    assert sorted(os.listdir(folder)) == ["README.md", CONFIG_FILE, TENSOR_FILE]


def test_the_file_says_what_peft_needs_and_names_modules_not_patterns(net: Net, tmp_path: Path) -> None:
    attach(net, AdapterConfig(rank=4, alpha=2, targets=r"blocks\.0\..*", gamma_rule="constant"))
    save_adapter(net, tmp_path)
    entries = json.loads((tmp_path / CONFIG_FILE).read_text())
    assert entries["target_modules"] == ["blocks.0.down", "blocks.0.up"]
    assert (entries["peft_type"], entries["r"], entries["lora_alpha"], entries["use_rslora"]) == (
        "LORA",
        4,
        8,
        False,
    )
    assert entries["rank_pattern"] == entries["alpha_pattern"] == {}


# Refusals: a ValueError each, and nothing changed


@pytest.fixture
def folder(net: Net, tmp_path: Path, generator: torch.Generator) -> Path:
    """A good adapter of rank 2 for `head` and `blocks.1.up`, written by PEFT, for the tests to spoil."""
    model = get_peft_model(copy.deepcopy(net), LoraConfig(r=2, target_modules=["head", "blocks.1.up"]))
    fill(model, generator)
    model.save_pretrained(tmp_path)
    return tmp_path


def refused(net: Net, folder: Path, message: str) -> None:
    before = {name: (id(module), vars(module).keys()) for name, module in net.named_modules()}
    flags = {name: (id(p), p.requires_grad, p._version) for name, p in net.named_parameters()}
    random = torch.get_rng_state()
    with pytest.raises(ValueError, match=message):
        load_adapter(net, folder)
    assert before == {name: (id(module), vars(module).keys()) for name, module in net.named_modules()}
    assert flags == {name: (id(p), p.requires_grad, p._version) for name, p in net.named_parameters()}
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("name", [CONFIG_FILE, TENSOR_FILE])
def test_a_missing_file(net: Net, folder: Path, name: str) -> None:
    (folder / name).unlink()
    refused(net, folder, f"no {name} in '.*'")


def test_a_missing_folder(net: Net, tmp_path: Path) -> None:
    refused(net, tmp_path / "none", f"no {CONFIG_FILE} in '.*none'")


@pytest.mark.parametrize("text", ["", "{", "\xff", "[" * 100_000])
def test_a_config_that_is_not_json(net: Net, folder: Path, text: str) -> None:
    (folder / CONFIG_FILE).write_bytes(text.encode("latin-1"))
    refused(net, folder, f"{CONFIG_FILE} is not JSON")


def test_a_config_that_is_not_an_object(net: Net, folder: Path) -> None:
    (folder / CONFIG_FILE).write_text("[]")
    refused(net, folder, f"{CONFIG_FILE} holds a list, expected an object")


@pytest.mark.parametrize("length", [0, 7, 60, -1])
def test_a_truncated_tensor_file(net: Net, folder: Path, length: int) -> None:
    data = (folder / TENSOR_FILE).read_bytes()
    (folder / TENSOR_FILE).write_bytes(data[:length])
    refused(net, folder, f"{TENSOR_FILE} is truncated or not a safetensors file")


def test_a_tensor_file_of_another_format(net: Net, folder: Path) -> None:
    torch.save({}, folder / TENSOR_FILE)
    refused(net, folder, f"{TENSOR_FILE} is a zip archive .*it is not opened")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"peft_type": "IA3"}, "peft_type is 'IA3', expected 'LORA' or 'ADALORA'"),
        ({"peft_type": None}, "peft_type is None"),
        ({"modules_to_save": ["head"]}, r"modules_to_save is \['head'\]"),
        ({"init_lora_weights": "olora"}, "init_lora_weights is 'olora', expected True or False or None"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights is 'pissa_niter_4'"),
        ({"init_lora_weights": "pissa", "use_dora": True}, "use_dora with init_lora_weights 'pissa'"),
        ({"r": 0}, "rank is 0"),
        ({"r": "2"}, r"has shape \(2, 6\)|rank is '2'"),
        ({"r": None}, "rank is None, expected a whole number"),
        ({"r": 3}, r"tensor base_model.model.*lora_A.weight has shape \(2, 6\), expected \(3, 6\)"),
        ({"r": 10**9}, r"has shape \(2, 6\), expected \(1000000000, 6\)"),
        ({"r": 10**400}, r"rank is 1000.*, expected at most 1000000000"),
        ({"lora_alpha": "x"}, "alpha is 'x', expected a finite number"),
        ({"lora_dropout": 2}, "dropout is 2.0"),
        ({"rank_pattern": {"head": "x"}}, "rank is 'x'"),
        ({"rank_pattern": {"(": 1}}, "rank_pattern is"),
        ({"alpha_pattern": [1]}, "alpha_pattern is"),
        ({"target_modules": "("}, "target_modules is"),
        ({"target_modules": 3}, "target_modules is 3"),
        ({"exclude_modules": [3]}, "exclude_modules is"),
        (
            {"target_modules": ["head"]},
            r"tensor base_model.model.blocks.1.up.lora_\w.weight is not of target_modules",
        ),
        ({"target_modules": ["head", "up"]}, r"tensor base_model.model.blocks.0.up.lora_A.weight is missing"),
    ],
)
def test_a_config_that_cannot_be_followed(
    net: Net, folder: Path, entries: dict[str, Any], message: str
) -> None:
    path = folder / CONFIG_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))
    if entries == {"r": "2"}:  # a number in quotes is still a number
        load_adapter(net, folder)
    else:
        refused(net, folder, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head.lora_A": None}, r"tensor base_model.model.head.lora_A.weight is missing"),
        ({"head.lora_B": None}, r"tensor base_model.model.head.lora_B.weight is missing"),
        (
            {"head.lora_A": None, "head.lora_B": None},
            r"tensor base_model.model.head.lora_A.weight is missing",
        ),
        (
            {"head.lora_C": (2, 2)},
            r"unexpected tensor base_model.model.head.lora_C.weight, expected lora_A.weight, ",
        ),
        ({"embed.lora_A": (2, 2)}, r"embed.lora_A.weight has no place; linear modules are: blocks.0.up, "),
        ({"head.lora_A": (2, 5)}, r"head.lora_A.weight has shape \(2, 5\), expected \(2, 6\)"),
        ({"head.lora_B": (6, 2)}, r"head.lora_B.weight has shape \(6, 2\), expected \(7, 2\)"),
        ({"head.lora_B": (14,)}, r"head.lora_B.weight has shape \(14,\), expected \(7, 2\)"),
        (
            {"head": (7, 6)},
            r"head.weight is not equal to the model's own: the adapter was made on another base",
        ),
        ({"head": (9, 6)}, r"head.weight has shape \(9, 6\), expected \(7, 6\): .*resized"),
        ({"tail": (7, 6)}, r"unexpected tensor base_model.model.tail.weight, expected names like"),
    ],
)
def test_tensors_that_do_not_fit(net: Net, folder: Path, change: dict[str, Any], message: str) -> None:
    tensors = load_file(folder / TENSOR_FILE)
    for name, shape in change.items():
        full = f"base_model.model.{name}.weight"
        if shape is None:
            del tensors[full]
        else:
            tensors[full] = torch.zeros(shape)
    save_file(tensors, folder / TENSOR_FILE)
    refused(net, folder, message)


def test_a_file_without_tensors(net: Net, folder: Path) -> None:
    save_file({}, folder / TENSOR_FILE)
    refused(net, folder, f"{TENSOR_FILE} holds no tensor")


def test_tensors_of_whole_numbers(net: Net, folder: Path) -> None:
    tensors = load_file(folder / TENSOR_FILE)
    save_file({name: tensor.to(torch.int8) for name, tensor in tensors.items()}, folder / TENSOR_FILE)
    refused(net, folder, "is I8, expected one of: F64, F32, F16, BF16")


def test_loading_over_an_adapter_is_refused(net: Net, folder: Path) -> None:
    load_adapter(net, folder)
    refused(net, folder, "an adapter is attached already; detach it first")


def test_a_model_the_adapter_was_not_made_for(folder: Path) -> None:
    with pytest.raises(ValueError, match="has no place; linear modules are: 0"):
        load_adapter(nn.Sequential(nn.Linear(2, 2)), folder)


def test_saving_onto_a_file_is_refused(net: Net, tmp_path: Path) -> None:
    attach(net, AdapterConfig(rank=1))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="is a file, expected a folder"):
        save_adapter(net, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_disk_that_fills_up_while_saving_leaves_the_old_adapter(
    net: Net, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == CONFIG_FILE:
            raise OSError("no space left on device")
        return write(path, data)

    attach(net, AdapterConfig(rank=1))
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        save_adapter(net, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
