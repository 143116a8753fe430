"""The network against transformers on the same weights, for each family, and against itself with a cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from lora_core import AdapterConfig, attach, delta_weights
from lora_core.language import model as network
from lora_core.language.config import ModelConfig
from lora_core.language.model import Cache, LanguageModel
from lora_core.language.reader import open_model

# Four query heads over two key heads of 8 numbers.
SHAPE: dict[str, Any] = {
    "vocab_size": 23,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": None,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 100.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}


def family(name: str) -> PreTrainedModel:
    """Transformers' model of random weights, biases and norms too."""
    made = {
        "llama": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=False)),
        "llama tied": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=True)),
        "llama biased": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, attention_bias=True, mlp_bias=True)),
        "llama 3.1": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, rope_parameters=LLAMA3)),
        "mistral": lambda: MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=None)),
        "mistral window": lambda: MistralForCausalLM(
            MistralConfig(**SHAPE, sliding_window=5, attn_implementation="eager")
        ),
        "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SHAPE, tie_word_embeddings=True)),
        "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SHAPE, head_dim=12)),
    }[name]()
    generator = torch.Generator().manual_seed(20250929)
    for parameter in made.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / 4
    return made.eval()


NAMES = ("llama", "llama tied", "llama biased", "llama 3.1", "mistral", "mistral window", "qwen2", "qwen3")


@pytest.fixture
def ids(generator: torch.Generator) -> Tensor:
    return torch.randint(2, SHAPE["vocab_size"], (2, 13), generator=generator)


def opened(theirs: PreTrainedModel, folder: Path) -> LanguageModel:
    theirs.save_pretrained(folder)
    return open_model(str(folder))


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_transformers(name: str, ids: Tensor, tmp_path: Path) -> None:
    theirs = family(name)
    ours = opened(theirs, tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["llama", "mistral window", "qwen3"])
def test_fused_attention_does_the_same(
    name: str, ids: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = opened(family(name), tmp_path)
    with torch.no_grad():
        plain = ours(ids)
        monkeypatch.setattr(network, "PLAIN_LENGTH", 0)
        torch.testing.assert_close(ours(ids), plain, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_reading_bit_by_bit_is_reading_at_once(name: str, ids: Tensor, tmp_path: Path) -> None:
    model = opened(family(name), tmp_path)
    cache = Cache(model.config, texts=2, tokens=13, like=model.lm_head.weight)
    with torch.no_grad():
        parts = [model(part, cache=cache) for part in ids.split([5, 1, 1, 6], dim=1)]
        torch.testing.assert_close(torch.cat(parts, 1), model(ids), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_padding_on_the_left_changes_nothing(name: str, ids: Tensor, tmp_path: Path) -> None:
    model = opened(family(name), tmp_path)
    real = torch.ones_like(ids)
    real[0, :4] = 0
    cache = Cache(model.config, texts=2, tokens=13, like=model.lm_head.weight)
    with torch.no_grad():
        padded = model(ids[:, :9], real[:, :9], cache)
        rest = model(ids[:, 9:], real, cache)
        alone = model(ids[:1, 4:])
        torch.testing.assert_close(torch.cat((padded, rest), 1)[:1, 4:], alone, atol=1e-4, rtol=0)
        torch.testing.assert_close(padded[1:], model(ids[1:, :9]), atol=1e-4, rtol=0)


def test_gradients_are_those_of_transformers(ids: Tensor, tmp_path: Path) -> None:
    theirs = family("llama tied")
    ours = opened(theirs, tmp_path)
    for model in (ours, theirs):
        out = model(ids)
        logits = out if isinstance(out, Tensor) else out.logits
        torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    expected = dict(theirs.named_parameters())
    assert {name for name, _ in ours.named_parameters()} == expected.keys()
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name].grad, atol=1e-5, rtol=1e-4)


def test_all_linear_is_every_matrix_but_the_head(generator: torch.Generator) -> None:
    config = ModelConfig(
        vocabulary=23, width=16, mlp_width=24, blocks=2, heads=4, kv_heads=2, head_width=4, tied=True
    )
    for tied in (True, False):
        model = attach(LanguageModel(replace(config, tied=tied)), AdapterConfig(rank=1), generator=generator)
        names = list(delta_weights(model))
        assert names[0] == "model.layers.0.self_attn.q_proj"
        assert len(names) == 2 * 7
        assert (model.lm_head.weight is model.model.embed_tokens.weight) is tied
