"""A language model's adapter in PEFT's format: transformers and PEFT compute the same with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import AutoPeftModelForCausalLM
from safetensors.torch import load_file, save_file

from lora_core import save_adapter
from lora_core.adapter import adapted_layers
from lora_core.language.model import LanguageModel
from tests.lora_core.formats.tiny import IDS, tiny

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


def base_folder(model: LanguageModel, folder: Path) -> None:
    """The model's base as transformers reads it."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(model.config.to_json()))
    weights = {
        name.replace(".base.", "."): W
        for name, W in model.state_dict().items()
        if not name.endswith((".A", ".B", ".m", ".E", "A0", "B0", ".kept", ".sensitivity", ".uncertainty"))
    }
    if model.config.tied:
        del weights["lm_head.weight"]
    save_file(
        {name: W.contiguous() for name, W in weights.items()}, folder / "model.safetensors", {"format": "pt"}
    )


@pytest.mark.parametrize("method", ["lora", "rslora", "dora", "pissa"])
@pytest.mark.parametrize("tied", [True, False])
def test_peft_gives_the_same_logits(method: str, tied: bool, tmp_path: Path) -> None:
    model = tiny(method, ranks={"layers.1.mlp.down_proj": 5}, tied=tied)
    base_folder(model, tmp_path / "base")
    save_adapter(model, tmp_path / "adapter", base=str(tmp_path / "base"))
    theirs = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapter").eval()
    with torch.no_grad():
        found, expected = theirs(input_ids=IDS).logits, model(IDS)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
        with theirs.disable_adapter():
            assert (theirs(input_ids=IDS).logits - expected).abs().max() > 0.1


def test_the_names_are_those_of_transformers(tmp_path: Path) -> None:
    model = tiny()
    save_adapter(model, tmp_path, base="HuggingFaceTB/SmolLM2-135M-Instruct")
    names = set(load_file(tmp_path / "adapter_model.safetensors"))
    assert names == {
        f"base_model.model.{name}.lora_{part}.weight" for name in adapted_layers(model) for part in "AB"
    }
    assert "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight" in names
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert config["task_type"] == "CAUSAL_LM"
