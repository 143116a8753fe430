"""`pradit merge`: what it writes computes with W + ΔW, in transformers and in our own reader."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from lora_core import AdapterConfig, attach, cli, save_adapter
from lora_core.adapter import adapted_layers
from lora_core.language.gguf_fields import fields_of_folder
from lora_core.language.model import LanguageModel
from lora_core.language.reader import open_model
from lora_core.language.tokens import cut_of, open_tokens, tokenizer_of
from tests.lora_core.language.folder import TEMPLATE, tiny_folder

IDS = torch.tensor([[1, 20, 30, 264, 7, 2, 0, 99]])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRADIT_CACHE", str(tmp_path / "cache"))


def adapted(base: str | Path, folder: Path, method: str = "lora") -> LanguageModel:
    """The base in float32 with an adapter of random factors, saved into the folder."""
    generator = torch.Generator().manual_seed(20250929)
    model = attach(
        open_model(str(base), torch.float32),
        AdapterConfig(method=method, rank=2, alpha=3),
        generator=generator,
    )
    with torch.no_grad():
        for layer in adapted_layers(model).values():
            layer.B.copy_(torch.randn(layer.B.shape, generator=generator) / 4)
    save_adapter(model, folder)
    return model


@torch.no_grad()
def logits(model: LanguageModel) -> Tensor:
    out: Tensor = model(IDS)
    return out


def merge(*arguments: str | Path) -> int:
    return cli.main(["merge", *map(str, arguments)])


@pytest.mark.parametrize("method", ["lora", "dora"])
@pytest.mark.parametrize("tied", [True, False])
def test_transformers_loads_what_was_merged(
    method: str, tied: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tiny_folder(tmp_path / "base", tied=tied)
    expected = logits(adapted(base, tmp_path / "adapter", method))
    out = tmp_path / "out"
    assert (
        merge("--base", base, "--adapter", tmp_path / "adapter", "--out", out, "--format", "safetensors") == 0
    )
    assert capsys.readouterr().out.startswith(f"{out / 'model.safetensors'}  ")
    theirs = AutoModelForCausalLM.from_pretrained(out)
    with torch.no_grad():
        torch.testing.assert_close(theirs(IDS).logits, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logits(open_model(str(out))), expected, atol=1e-4, rtol=1e-4)
    assert theirs.generation_config.eos_token_id == [2]
    messages = [{"role": "user", "content": "hello"}]
    text = AutoTokenizer.from_pretrained(out).apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    assert text == "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("type", "changes"),
    [
        ("f16", {}),
        ("q8_0", {}),
        ("q8_0", {"mlp_width": 40}),  # no whole blocks of 32 in a row of down_proj
        ("f16", {"tied": False, "qkv_bias": True}),
        ("f16", {"qk_norm": True}),
    ],
)
def test_a_gguf_holds_what_was_merged(type: str, changes: dict[str, object], tmp_path: Path) -> None:
    base = tiny_folder(tmp_path / "base", **changes)
    model = adapted(base, tmp_path / "adapter")
    out = tmp_path / "out"
    merge("--base", base, "--adapter", tmp_path / "adapter", "--out", out, "--gguf-type", type)
    file = out / f"model-{type}.gguf"
    assert sorted(path.name for path in out.iterdir() if path.suffix == ".gguf") == [file.name]
    back = open_model(str(file), torch.float32)
    assert back.config == model.config
    layers = adapted_layers(model)
    kind = gguf.GGMLQuantizationType[type.upper()]
    for name, W in back.named_parameters():
        layer = layers.get(name.removesuffix(".weight"))
        whole = model.get_parameter(name).detach() if layer is None else layer.whole().detach()
        if whole.dim() == 2:
            stored = kind if whole.shape[1] % 32 == 0 else gguf.GGMLQuantizationType.F16
            whole = torch.from_numpy(gguf.dequantize(gguf.quantize(whole.numpy(), stored), stored)).float()
        torch.testing.assert_close(W.detach(), whole.bfloat16().float(), atol=0, rtol=1e-2)
        assert (W - whole).abs().max() <= 2**-8 * whole.abs().max()
    tokens = open_tokens(tmp_path / "cache" / "models" / next((tmp_path / "cache" / "models").iterdir()).name)
    assert (
        tokens.encode("hello 42 สวัสดี<|im_end|>").ids
        == open_tokens(base).encode("hello 42 สวัสดี<|im_end|>").ids
    )


def test_the_head_of_a_gguf_base_is_kept(tmp_path: Path) -> None:
    base = tiny_folder(tmp_path / "base")
    adapted(base, tmp_path / "adapter")
    arguments = ("--adapter", tmp_path / "adapter", "--format", "gguf")
    assert merge("--base", base, "--out", tmp_path / "one", *arguments) == 0
    first = tmp_path / "one" / "model-f16.gguf"
    assert [path.name for path in first.parent.iterdir()] == [first.name]
    assert merge("--base", first, "--out", tmp_path / "two", *arguments, "--gguf-type", "q8_0") == 0
    heads = []
    for path in (first, tmp_path / "two" / "model-q8_0.gguf"):
        fields = gguf.GGUFReader(path).fields
        heads.append({name: field.contents() for name, field in fields.items() if "GGUF." not in name})
    assert heads[0].pop("general.file_type") == gguf.LlamaFileType.MOSTLY_F16
    assert heads[1].pop("general.file_type") == gguf.LlamaFileType.MOSTLY_Q8_0
    assert heads[0] == heads[1]
    assert heads[0]["tokenizer.chat_template"] == TEMPLATE
    assert heads[0]["tokenizer.ggml.pre"] == "smollm"
    assert heads[0]["general.name"] == "base"
    assert heads[0]["tokenizer.ggml.token_type"][:4] == [3, 3, 3, 1]


def test_what_rounding_loses_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = tiny_folder(tmp_path / "base", dtype=torch.bfloat16)
    model = adapted(base, tmp_path / "adapter")
    lost = {}
    for dtype in ("float32", "bfloat16", "float16"):
        out = tmp_path / dtype
        arguments = ("--format", "safetensors", "--dtype", dtype)
        merge("--base", base, "--adapter", tmp_path / "adapter", "--out", out, *arguments)
        lost[dtype] = capsys.readouterr().out.rpartition(", ")[2]
        config = json.loads((out / "config.json").read_text())
        assert config["torch_dtype"] == dtype
        assert str(open_model(str(out)).lm_head.weight.dtype) == f"torch.{dtype}"
    wholes = [(layer.whole().detach(), layer.update().detach()) for layer in adapted_layers(model).values()]
    error = sum(float((W.bfloat16().float() - W).square().sum()) for W, _ in wholes)
    size = sum(float(update.square().sum()) for _, update in wholes)
    assert lost["bfloat16"] == f"rounding error {(error / size) ** 0.5:.2%} of ‖ΔW‖\n"
    assert lost["float32"] == "rounding error 0.00% of ‖ΔW‖\n"
    percent = {dtype: float(said.split()[2].rstrip("%")) for dtype, said in lost.items()}
    assert 0 < 4 * percent["float16"] < percent["bfloat16"]  # three bits more


def test_the_base_decides_the_type(tmp_path: Path) -> None:
    base = tiny_folder(tmp_path / "base", dtype=torch.bfloat16)
    adapted(base, tmp_path / "adapter")
    merge("--base", base, "--adapter", tmp_path / "adapter", "--out", tmp_path / "out")
    assert open_model(str(tmp_path / "out")).lm_head.weight.dtype == torch.bfloat16


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = tiny_folder(tmp_path / "base")
    adapted(base, tmp_path / "adapter")
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    usual: dict[str, str | Path] = {
        "--base": base,
        "--adapter": tmp_path / "adapter",
        "--out": tmp_path / "out",
        "--format": "safetensors",
    }
    for option, value, reason in (
        ("--base", "nowhere", "no model at nowhere; expected a folder, a GGUF file or one of smollm2"),
        ("--adapter", tmp_path / "none", "no adapter_config.json in"),
        ("--out", base, "is a file or the base itself"),
        ("--out", tmp_path / "file", "is a file or the base itself"),
        ("--format", "safetensors,onnx", "expected safetensors, gguf, or several by commas"),
        ("--format", ",", "expected safetensors, gguf"),
    ):
        arguments = [part for pair in {**usual, option: value}.items() for part in pair]
        assert merge(*arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert reason in err
        assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


# The tokens of a folder, for GGUF


def test_ways_of_cutting_are_known_by_name() -> None:
    for name in ("gpt-2", "smollm", "llama-bpe", "qwen2"):
        assert cut_of(tokenizer_of("gpt2", name, ["a"], [], [])) == name
    assert cut_of(tokenizer_of("gpt2", "default", ["a"], [], [])) == "gpt-2"


def test_another_way_of_cutting_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tiny_folder(tmp_path / "base")
    adapted(base, tmp_path / "adapter")
    held = json.loads((base / "tokenizer.json").read_text())
    held["pre_tokenizer"] = {"type": "Whitespace"}
    (base / "tokenizer.json").write_text(json.dumps(held))
    assert merge("--base", base, "--adapter", tmp_path / "adapter", "--out", tmp_path / "out") == 2
    assert "cut in none of the ways default, gpt-2, smollm" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_head_made_of_smollm2s_folder_is_that_of_its_file(smollm2: Path) -> None:
    from lora_core.formats.gguf_model import fields_of_file
    from lora_core.language.places import find_model

    own, made = fields_of_file(find_model("smollm2")), fields_of_folder(smollm2)
    differing = {name for name in made if name not in own or own[name].value != made[name].value}
    # Not in the file, which leaves them to their defaults; and the decimal of a float32.
    assert {name.removeprefix("llama.attention.") for name in differing} == {
        "key_length",
        "value_length",
        "layer_norm_rms_epsilon",
    }
    assert all(own[name].types == field.types for name, field in made.items() if name in own)
    missing = {name for name in own if name not in made and not name.startswith("general.")}
    assert missing == {"tokenizer.ggml.add_space_prefix"}
