"""Adapters for other programs: the numbers that each will compute with are ΔW of the model they come from."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save
from torch import Tensor

from lora_core import AdapterConfig, attach, delta_weights, save_adapter
from lora_core.formats import gguf_adapter, gguf_names, mlx, peft
from lora_core.formats.folded import Factors, folded
from lora_core.language.config import ModelConfig
from tests.lora_core.formats.tiny import CONFIG, tiny
from tests.lora_core.net import Net

ADDITIVE = ["lora", "rslora", "lora+", "pissa", "adalora", "lora-ga", "lora-pro"]
OWN_RANKS = {"layers.1.mlp.down_proj": 5}


def factors_of(model: torch.nn.Module, folder: Path) -> Factors:
    save_adapter(model, folder)
    return folded(peft.read(folder))


def close(found: Any, expected: Tensor) -> None:
    torch.testing.assert_close(torch.from_numpy(np.array(found)), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", ADDITIVE)
def test_folded_factors_are_the_update(method: str, tmp_path: Path) -> None:
    model = tiny(method)
    factors = factors_of(model, tmp_path)
    deltas = delta_weights(model)
    assert factors.keys() == deltas.keys()
    assert len(factors) == 14
    for name, (A, B) in factors.items():
        assert A.dtype == B.dtype == np.float32
        close(B @ A, deltas[name])
        assert deltas[name].norm() > 0.1


def test_mixed_ranks_become_one(tmp_path: Path) -> None:
    model = tiny(ranks=OWN_RANKS)
    factors = factors_of(model, tmp_path)
    assert {(len(A), B.shape[1]) for A, B in factors.values()} == {(5, 5)}
    for name, delta in delta_weights(model).items():
        close(factors[name][1] @ factors[name][0], delta)


def test_what_is_no_product_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lora_magnitude_vector.*merge it into the base"):
        factors_of(tiny("dora"), tmp_path)


def test_what_stands_beside_is_refused(tmp_path: Path) -> None:
    save_adapter(tiny(), tmp_path)
    arrays = load_file(tmp_path / peft.TENSOR_FILE)
    arrays["base_model.model.model.norm.weight"] = np.ones(32, np.float32)
    (tmp_path / peft.TENSOR_FILE).write_bytes(save(arrays))
    with pytest.raises(ValueError, match=r"model\.norm\.weight of the base"):
        folded(peft.read(tmp_path))


# GGUF


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("llama", {}), ("qwen2", {"qkv_bias": True}), ("qwen3", {"qk_norm": True, "kv_heads": 4})],
)
def test_a_gguf_adapter_added_to_llama_cpps_weights(kind: str, changes: Any, tmp_path: Path) -> None:
    """llama.cpp holds P W and computes P W + α / r B' A': that must be P (W + ΔW)."""
    model = tiny(ranks=OWN_RANKS, **changes)
    gguf_adapter.write(tmp_path / "deep" / "a.gguf", factors_of(model, tmp_path), model.config, name="test")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.gguf"]
    file = gguf.GGUFReader(tmp_path / "deep" / "a.gguf")
    fields = {name: field.contents() for name, field in file.fields.items()}
    assert fields["general.architecture"] == kind
    assert (fields["general.type"], fields["adapter.type"]) == ("adapter", "lora")
    tensors = {tensor.name: np.array(tensor.data) for tensor in file.tensors}
    names = json.loads(NAMES)
    assert len(tensors) == 2 * len(delta_weights(model))
    for name, delta in delta_weights(model).items():
        _, _, block, inner = name.split(".", 3)
        A, B = (tensors[f"blk.{block}.{names[inner]}.weight.lora_{part}"] for part in "ab")
        update = fields["adapter.lora.alpha"] / len(A) * (B @ A)
        W = model.get_submodule(name).W
        close(
            permuted(W, inner, kind, model.config).numpy() + update,
            permuted(W + delta, inner, kind, model.config),
        )


NAMES = """{"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
"self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
"mlp.down_proj": "ffn_down"}"""


def permuted(W: Tensor, inner: str, kind: str, config: ModelConfig) -> Tensor:
    """The rows in llama.cpp's order, spelled out: row 2i of a head is i, row 2i + 1 is i + D/2."""
    if kind != "llama" or inner not in ("self_attn.q_proj", "self_attn.k_proj"):
        return W
    heads = config.heads if "q_proj" in inner else config.kv_heads
    D = config.head_width
    order = [head * D + place for head in range(heads) for i in range(D // 2) for place in (i, i + D // 2)]
    return W[order]


def test_rows_go_to_pairs_and_back() -> None:
    rows = np.arange(16)
    assert gguf_names.in_pairs(rows, 2).tolist() == [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15]
    assert (gguf_names.in_halves(gguf_names.in_pairs(rows, 2), 2) == rows).all()


def test_names_go_there_and_back() -> None:
    model = tiny()
    modules = [name.rpartition(".")[0].removesuffix(".base") for name, _ in model.named_parameters()]
    modules = sorted({name for name in modules if "lora" not in name})
    names = {gguf_names.name_of(name): name for name in modules}
    assert {"token_embd", "output_norm", "blk.1.ffn_norm", "blk.0.attn_k"} < names.keys()
    assert {name: gguf_names.module_of(name) for name in names} == names
    assert gguf_names.module_of("blk.0.ssm_a") is None
    for name in ("model.layers.0.mlp.router", "self_attn.q_proj", "model.layers.0.model.norm"):
        with pytest.raises(ValueError, match="has no name for"):
            gguf_names.name_of(name)


def test_another_network_has_no_name_in_llama_cpp(tmp_path: Path, generator: torch.Generator) -> None:
    net = attach(Net(generator), AdapterConfig(rank=1), generator=generator)
    with pytest.raises(ValueError, match=r"no name for blocks\.0"):
        gguf_adapter.write(tmp_path / "a.gguf", factors_of(net, tmp_path), CONFIG)
    with pytest.raises(ValueError, match=r"blocks\.0 is in none of the 2 blocks"):
        mlx.write(tmp_path / "mlx", factors_of(net, tmp_path), blocks=2)
    assert not (tmp_path / "a.gguf").exists()
    assert not (tmp_path / "mlx").exists()


def test_a_window_has_no_name_in_llama_cpp(tmp_path: Path) -> None:
    model = tiny(window=4)
    with pytest.raises(ValueError, match="looks back through a window"):
        gguf_adapter.write(tmp_path / "a.gguf", factors_of(model, tmp_path), model.config)


def test_without_the_package_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ValueError, match="package gguf; get it with: pip install gguf"):
        gguf_adapter.write(tmp_path / "a.gguf", factors_of(tiny(), tmp_path), CONFIG)


# mlx-lm


def test_an_mlx_folder_computes_the_update(tmp_path: Path) -> None:
    model = tiny(ranks=OWN_RANKS)
    mlx.write(tmp_path / "mlx", factors_of(model, tmp_path), blocks=2)
    arrays = load_file(tmp_path / "mlx" / "adapters.safetensors")
    config = json.loads((tmp_path / "mlx" / "adapter_config.json").read_text())
    given = config["lora_parameters"]
    assert (config["fine_tune_type"], config["num_layers"]) == ("lora", 2)
    assert (given["rank"], given["dropout"]) == (5, 0)
    assert len(arrays) == 2 * 14
    assert {f"model.layers.{block}.{key}" for block in range(2) for key in given["keys"]} == set(
        delta_weights(model)
    )
    for name, delta in delta_weights(model).items():
        A, B = arrays[f"{name}.lora_a"], arrays[f"{name}.lora_b"]
        assert A.shape == (delta.shape[1], 5)
        close(given["scale"] * (A @ B).T, delta)


def test_mlx_counts_blocks_from_the_last(tmp_path: Path) -> None:
    factors = factors_of(tiny(), tmp_path)
    upper = {name: pair for name, pair in factors.items() if ".layers.1." in name}
    mlx.write(tmp_path / "mlx", upper, blocks=2)
    assert json.loads((tmp_path / "mlx" / "adapter_config.json").read_text())["num_layers"] == 1
