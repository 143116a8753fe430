"""What other tools make of PEFT's files: each is read as PEFT means it, or refused for what it is."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from lora_core import AdapterConfig, attach, delta_weights, load_adapter, save_adapter
from lora_core.compose import scale
from lora_core.formats import peft as peft_format
from lora_core.formats.peft import CONFIG_FILE, TENSOR_FILE


class Net(nn.Module):
    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.up = nn.Linear(6, 8)
        self.head = nn.Linear(8, 5)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(torch.tanh(self.up(x)))
        return y


@pytest.fixture
def net(generator: torch.Generator) -> Net:
    return Net(generator).eval()


def written(model: nn.Module, folder: Path, generator: torch.Generator, **options: Any) -> PeftModel:
    """An adapter of rank 2 with values in it, saved by PEFT."""
    theirs = get_peft_model(model, LoraConfig(**{"r": 2, "target_modules": ["up", "head"], **options})).eval()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if ".lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    theirs.save_pretrained(folder)
    return theirs


def config(folder: Path, **entries: Any) -> None:
    path = folder / CONFIG_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def renamed(folder: Path, old: str, new: str) -> None:
    path = folder / TENSOR_FILE
    save_file({name.replace(old, new): tensor for name, tensor in load_file(path).items()}, path)


@pytest.mark.parametrize("alpha", [-8, -0.5, 0])
def test_any_alpha_that_peft_takes(
    net: Net, tmp_path: Path, generator: torch.Generator, alpha: float
) -> None:
    theirs = written(copy.deepcopy(net), tmp_path, generator, lora_alpha=alpha)
    x = torch.randn(3, 6, generator=generator)
    torch.testing.assert_close(load_adapter(net, tmp_path)(x), theirs(x))


def test_a_scale_turned_round_comes_back(net: Net, tmp_path: Path, generator: torch.Generator) -> None:
    base = copy.deepcopy(net)
    attach(net, AdapterConfig(rank=2), generator=generator)
    nn.init.normal_(net.head.B, generator=generator)  # type: ignore[arg-type]
    scale(net, -1)
    save_adapter(net, tmp_path)
    again = delta_weights(load_adapter(copy.deepcopy(base), tmp_path))
    for name, delta in delta_weights(net).items():
        torch.testing.assert_close(again[name], delta)
    x = torch.randn(3, 6, generator=generator)
    torch.testing.assert_close(PeftModel.from_pretrained(base, tmp_path)(x), net(x))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("base_model.model.", "base_model.model._orig_mod."),
        ("base_model.model.", "_orig_mod.base_model.model."),
        (".head.", "._orig_mod.head."),
        ("base_model.model.", "module.base_model.model."),
        ("base_model.model.", "base_model.model.module."),
        ("base_model.model.", "_fsdp_wrapped_module.base_model.model."),
        (".weight", ".default.weight"),
        (".weight", ".my-adapter.v2.weight"),
        ("base_model.model.", ""),
    ],
)
def test_names_that_wrappers_and_adapters_leave_in_the_file(
    net: Net, tmp_path: Path, generator: torch.Generator, old: str, new: str
) -> None:
    theirs = written(copy.deepcopy(net), tmp_path, generator)
    renamed(tmp_path, old, new)
    x = torch.randn(3, 6, generator=generator)
    torch.testing.assert_close(load_adapter(net, tmp_path)(x), theirs(x))


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_wrapped_model_is_saved_under_the_names_of_its_base(
    net: Net, tmp_path: Path, generator: torch.Generator, wrap: Any
) -> None:
    base = copy.deepcopy(net)
    attach(net, AdapterConfig(rank=2), generator=generator)
    nn.init.normal_(net.head.B, generator=generator)  # type: ignore[arg-type]
    save_adapter(wrap(net), tmp_path)
    assert peft_format.read(tmp_path).layers.keys() == {"up", "head"}
    x = torch.randn(3, 6, generator=generator)
    torch.testing.assert_close(PeftModel.from_pretrained(copy.deepcopy(base), tmp_path)(x), net(x))
    loaded = wrap(base)
    load_adapter(loaded, tmp_path)
    torch.testing.assert_close(base(x), net(x))


def test_a_module_of_ones_own_that_is_called_module_keeps_its_name(
    tmp_path: Path, generator: torch.Generator
) -> None:
    model = nn.ModuleDict({"module": nn.Linear(4, 3), "other": nn.Linear(4, 3)})
    written(copy.deepcopy(model), tmp_path, generator, target_modules=["module", "other"])
    assert delta_weights(load_adapter(model, tmp_path)).keys() == {"module", "other"}


def test_a_byte_order_mark_before_the_configuration(
    net: Net, tmp_path: Path, generator: torch.Generator
) -> None:
    written(copy.deepcopy(net), tmp_path, generator)
    path = tmp_path / CONFIG_FILE
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    load_adapter(net, tmp_path)


def llama(generator: torch.Generator, tied: bool) -> LlamaForCausalLM:
    sizes = {"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=11, tie_word_embeddings=tied, **sizes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return model.eval()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_a_head_that_peft_writes_whole_is_taken_if_it_is_the_models_own(
    tmp_path: Path, generator: torch.Generator, tied: bool
) -> None:
    base = llama(generator, tied)
    theirs = written(copy.deepcopy(base), tmp_path, generator, target_modules=["q_proj", "lm_head"])
    assert "base_model.model.lm_head.base_layer.weight" in load_file(tmp_path / TENSOR_FILE)
    tokens = torch.tensor([[1, 2, 3]])
    ours = load_adapter(copy.deepcopy(base), tmp_path)
    torch.testing.assert_close(ours(tokens).logits, theirs(tokens).logits)
    with torch.no_grad():
        base.lm_head.weight[0, 0] += 1
    with pytest.raises(ValueError, match=r"lm_head.weight is not equal to the model's own: .*another base"):
        load_adapter(base, tmp_path)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"modules_to_save": ["head"]}, "trained whole .*modules_to_save"),
        ({"bias": "all"}, "biases were trained"),
    ],
)
def test_what_was_trained_beside_the_adapter_is_named(
    net: Net, tmp_path: Path, generator: torch.Generator, options: dict[str, Any], cause: str
) -> None:
    theirs = written(copy.deepcopy(net), tmp_path, generator, target_modules=["up"], **options)
    ours = load_adapter(copy.deepcopy(net), tmp_path)  # as long as it is the base's
    x = torch.randn(3, 6, generator=generator)
    torch.testing.assert_close(ours(x), theirs(x))
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if "modules_to_save" in name or name.endswith("bias"):
                parameter.add_(1)
    theirs.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=cause):
        load_adapter(net, tmp_path)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
FOREIGN = {
    "pointer for the tensors": (TENSOR_FILE, POINTER, f"{TENSOR_FILE} is a Git LFS pointer.*fetch the file"),
    "pointer for the configuration": (CONFIG_FILE, POINTER, f"{CONFIG_FILE} is a Git LFS pointer"),
    "pickle": (TENSOR_FILE, pickle.dumps({}), f"{TENSOR_FILE} is a Python pickle.*not opened"),
    "zip": (TENSOR_FILE, b"PK\x03\x04" + bytes(99), f"{TENSOR_FILE} is a zip archive.*not opened"),
    "a model's config.json": (CONFIG_FILE, b'{"model_type": "llama"}', r"own config.json .*'llama'"),
    "mlx-lm's": (CONFIG_FILE, b'{"fine_tune_type": "lora"}', "looks like mlx-lm's"),
    "another tool's": (CONFIG_FILE, b'{"rank": 4}', "no adapter's configuration by PEFT; it has: rank"),
}  # fmt: skip


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_file_is_named(net: Net, tmp_path: Path, generator: torch.Generator, what: str) -> None:
    written(copy.deepcopy(net), tmp_path, generator)
    name, content, message = FOREIGN[what]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_adapter(net, tmp_path)


def test_a_folder_of_the_old_pickled_kind_is_named(
    net: Net, tmp_path: Path, generator: torch.Generator
) -> None:
    written(copy.deepcopy(net), tmp_path, generator)
    (tmp_path / TENSOR_FILE).rename(tmp_path / "adapter_model.bin")
    with pytest.raises(ValueError, match=r"adapter_model.bin is a Python pickle and is not opened"):
        load_adapter(net, tmp_path)


def test_empty_tensors_of_zero_3_are_called_so(net: Net, tmp_path: Path, generator: torch.Generator) -> None:
    written(copy.deepcopy(net), tmp_path, generator)
    tensors = load_file(tmp_path / TENSOR_FILE)
    save_file({name: torch.zeros(0) for name in tensors}, tmp_path / TENSOR_FILE)
    with pytest.raises(ValueError, match=r"is empty, of shape .*ZeRO-3"):
        load_adapter(net, tmp_path)


def test_two_adapters_in_one_file_are_named(net: Net, tmp_path: Path, generator: torch.Generator) -> None:
    written(copy.deepcopy(net), tmp_path, generator)
    tensors = load_file(tmp_path / TENSOR_FILE)
    both = {
        name.replace(".weight", f".{one}.weight"): t.clone() for name, t in tensors.items() for one in "ab"
    }
    save_file(both, tmp_path / TENSOR_FILE)
    with pytest.raises(ValueError, match="holds several adapters: a, b; expected one"):
        load_adapter(net, tmp_path)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.int8, torch.uint8])
def test_eight_bit_types_are_named(
    net: Net, tmp_path: Path, generator: torch.Generator, dtype: torch.dtype
) -> None:
    written(copy.deepcopy(net), tmp_path, generator)
    path = tmp_path / TENSOR_FILE
    save_file({name: tensor.to(dtype) for name, tensor in load_file(path).items()}, path)
    with pytest.raises(ValueError, match=r"is (F8_E4M3|F8_E5M2|I8|U8), expected one of: .*eight-bit"):
        load_adapter(net, tmp_path)
