"""Unloading keeps the adapted function bit for bit, in a model that reads as the base did."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from lora_core import (
    AdapterConfig,
    attach,
    delta_weights,
    detach,
    estimate_gradients,
    merge,
    optimizer_for,
    unload,
    unmerge,
)
from lora_core.config import METHODS
from lora_core.linear import LoRALinear
from tests.lora_core.methods.common import Problem, disturb
from tests.lora_core.net import Net, prepared, unchanged

DTYPES = [torch.float64, torch.float32, torch.bfloat16]


@pytest.fixture
def net(generator: torch.Generator) -> Net:
    return Net(generator)


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_unloads_to_what_it_merges_to(
    method: str, dtype: torch.dtype, merged: bool, generator: torch.Generator
) -> None:
    problem = Problem(generator, dtype)
    before = {name: (W.dtype, W.shape, W.clone()) for name, W in problem.model.state_dict().items()}
    model = problem.attached(AdapterConfig(method=method, rank=3, alpha=5), generator)
    disturb(model, generator)
    expected = merge(model)(problem.x)
    weights = {name: W.clone() for name, W in ((n, model.get_submodule(n).weight) for n in ("0", "2"))}
    if not merged:
        unmerge(model)
    assert unload(model) is model
    assert torch.equal(model(problem.x), expected)
    after = model.state_dict()
    assert {name: (W.dtype, W.shape) for name, W in after.items()} == {
        name: (dtype, shape) for name, (dtype, shape, _) in before.items()
    }
    for name, W in weights.items():
        assert torch.equal(after[f"{name}.weight"], W)
        assert not torch.equal(after[f"{name}.weight"], before[f"{name}.weight"][2])
        assert torch.equal(after[f"{name}.bias"], before[f"{name}.bias"][2])
    assert [type(module) for module in model] == [nn.Linear, nn.Tanh, nn.Linear]
    problem.model.load_state_dict(after, strict=True)
    assert torch.equal(problem.model(problem.x), expected)


def test_the_weights_are_those_of_dense_algebra(net: Net, generator: torch.Generator) -> None:
    dense = copy.deepcopy(net)
    attach(net, AdapterConfig(rank=2, alpha=6), generator=generator)
    disturb(net, generator)
    for name, layer in net.named_modules():
        if isinstance(layer, LoRALinear):
            dense.get_submodule(name).weight.data += 3 * layer.B.detach() @ layer.A.detach()  # type: ignore[operator]
    unload(net)
    for (name, W), (theirs, expected) in zip(net.named_parameters(), dense.named_parameters(), strict=True):
        assert name == theirs
        torch.testing.assert_close(W, expected)


def test_what_trained_before_trains_again_and_another_adapter_fits(
    net: Net, generator: torch.Generator
) -> None:
    prepared(net)
    flags = {name: p.requires_grad for name, p in net.named_parameters()}
    attach(net, AdapterConfig(rank=2, targets=("blocks.0", "head")), generator=generator)
    disturb(net, generator)
    unload(net)
    assert {name: p.requires_grad for name, p in net.named_parameters()} == flags
    tokens = torch.randint(7, (5,), generator=generator)
    before = net(tokens)
    with unchanged(net):
        attach(net, AdapterConfig(rank=1), generator=generator)
        detach(net)
    assert torch.equal(net(tokens), before)


def test_a_layer_in_two_places_is_unloaded_in_both(generator: torch.Generator) -> None:
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, nn.Tanh(), layer)
    attach(model, AdapterConfig(rank=2), generator=generator)
    disturb(model, generator)
    x = torch.randn(3, 4, generator=generator)
    expected = merge(model)(x)
    unload(model)
    assert model[0] is layer is model[2]
    assert torch.equal(model(x), expected)


def test_no_warning_of_a_quantised_base_since_nothing_is_lost(generator: torch.Generator) -> None:
    model = Problem(generator, torch.float32).attached(AdapterConfig(method="qlora", rank=2), generator)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unload(model)


# Refusals


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_a_tied_weight_is_refused(net: Net, method: str, generator: torch.Generator) -> None:
    net.embed.weight = net.head.weight
    attach(net, AdapterConfig(method=method, rank=2), generator=generator)
    with unchanged(net), pytest.raises(ValueError, match="the weight of head is shared with another module"):
        unload(net)


def test_a_tied_weight_that_is_not_adapted_stays_tied(net: Net, generator: torch.Generator) -> None:
    net.embed.weight = net.head.weight
    attach(net, AdapterConfig(rank=2, targets="blocks"), generator=generator)
    unload(net)
    assert net.embed.weight is net.head.weight


def test_two_adapted_layers_of_one_weight_are_refused(generator: torch.Generator) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    attach(model, AdapterConfig(rank=2), generator=generator)
    with unchanged(model), pytest.raises(ValueError, match="the weight of 0 is shared"):
        unload(model)


def test_a_computed_weight_is_refused(generator: torch.Generator) -> None:
    model = nn.Sequential(nn.Linear(4, 4), parametrizations.weight_norm(nn.Linear(4, 4)))
    attach(model, AdapterConfig(rank=2), generator=generator)
    with pytest.raises(ValueError, match="the weight of 1 is computed by a parametrization"):
        unload(model)
    assert list(delta_weights(model)) == ["0", "1"]


def test_without_an_adapter_there_is_nothing_to_unload(net: Net, generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match="no adapter is attached"):
        unload(net)
    attach(net.blocks, AdapterConfig(rank=1), generator=generator)
    with unchanged(net), pytest.raises(ValueError, match="not attached to this module"):
        unload(net)


# transformers reads what is left


@pytest.mark.parametrize("method", METHODS)
def test_conv1d_is_unloaded_in_its_own_layout(
    method: str, tmp_path: Path, generator: torch.Generator
) -> None:
    torch.manual_seed(5)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=32, n_positions=16, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=1
        )
    ).eval()
    tokens: Tensor = torch.randint(32, (2, 9), generator=generator)
    shapes = {name: W.shape for name, W in model.state_dict().items()}
    targets = ("c_attn", "c_proj", "c_fc")
    gradients = estimate_gradients(
        model, lambda each, batch: each(batch, labels=batch).loss, [tokens], targets=targets
    )
    attach(
        model, AdapterConfig(method=method, rank=3, targets=targets), generator=generator, gradients=gradients
    )
    disturb(model, generator, 0.1)
    expected = merge(model)(tokens).logits.detach()
    unload(model).save_pretrained(tmp_path)
    assert {name: W.shape for name, W in model.state_dict().items()} == shapes
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    assert theirs.lm_head.weight is theirs.transformer.wte.weight
    assert torch.equal(theirs(tokens).logits, expected)


def llama(tie: bool = False) -> PreTrainedModel:
    torch.manual_seed(3)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=32,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=32,
            bos_token_id=0,
            eos_token_id=1,
            tie_word_embeddings=tie,
        )
    ).eval()


@pytest.mark.parametrize("method", ["lora", "dora", "pissa", "qlora"])
def test_a_llama_saved_after_unload_is_read_by_from_pretrained(
    method: str, tmp_path: Path, generator: torch.Generator
) -> None:
    model = llama()
    tokens = torch.randint(32, (2, 9), generator=generator)
    base = model(tokens).logits
    config = AdapterConfig(method=method, rank=4, alpha=8)
    attach(model, config, generator=generator)
    optimizer = optimizer_for(model, config, lr=2e-2)
    for _ in range(5):
        optimizer.zero_grad()
        model(tokens, labels=tokens).loss.backward()
        optimizer.step()
    expected = merge(model)(tokens).logits.detach()
    unload(model).save_pretrained(tmp_path)
    theirs = LlamaForCausalLM.from_pretrained(tmp_path).eval()
    assert torch.equal(theirs(tokens).logits, expected)
    assert (expected - base).abs().max() > 1e-2, "training changed nothing"


def test_a_tied_llama_is_unloaded_when_its_head_is_left_out(
    tmp_path: Path, generator: torch.Generator
) -> None:
    model = llama(tie=True)
    tokens: Tensor = torch.randint(32, (2, 9), generator=generator)
    attach(model, AdapterConfig(rank=2, targets=("q_proj", "down_proj")), generator=generator)
    disturb(model, generator, 0.1)
    expected = merge(model)(tokens).logits.detach()
    unload(model).save_pretrained(tmp_path)
    theirs = LlamaForCausalLM.from_pretrained(tmp_path).eval()
    assert theirs.lm_head.weight is theirs.model.embed_tokens.weight
    assert torch.equal(theirs(tokens).logits, expected)
