"""Models that others made: Conv1D, tied and resized heads, hooks, weights that are elsewhere."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.hooks import AlignDevicesHook, ModelHook, add_hook_to_module
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from lora_core import (
    AdapterConfig,
    attach,
    delta_weights,
    detach,
    estimate_gradients,
    load_adapter,
    merge,
    optimizer_for,
    save_adapter,
    unload,
    unmerge,
)
from lora_core.adapter import adapted_layers
from lora_core.config import METHODS
from lora_core.formats.peft import CONFIG_FILE
from lora_core.linear import LoRALinear
from lora_core.serving import Server, factors_of
from tests.lora_core.methods.common import Problem, disturb
from tests.lora_core.net import Net, unchanged

# PEFT asks transformers by a name of before.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
CONV1D = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")


@pytest.fixture
def gpt2(generator: torch.Generator) -> GPT2LMHeadModel:
    """One block of GPT-2, 8 wide, its head tied to 11 embeddings; in evaluation, so nothing is dropped."""
    config = GPT2Config(vocab_size=11, n_positions=8, n_embd=8, n_layer=1, n_head=2, eos_token_id=0)
    model = GPT2LMHeadModel(config).eval()
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / 2
    model.tie_weights()
    return model


TOKENS = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])


def loss(model: nn.Module, _: Any = None) -> Tensor:
    found: Tensor = model(TOKENS, labels=TOKENS).loss
    return found


def attached(model: nn.Module, config: AdapterConfig, generator: torch.Generator) -> nn.Module:
    gradients = estimate_gradients(model, loss, [None], targets=config.targets)
    return attach(copy.deepcopy(model), config, generator=generator, gradients=gradients)


def quiet(verb: Callable[[nn.Module], nn.Module], model: nn.Module) -> nn.Module:
    with warnings.catch_warnings(action="ignore"):  # of QLoRA's rounded base
        return verb(model)


@pytest.fixture
def problem(generator: torch.Generator) -> Problem:
    return Problem(generator)


# Conv1D, whose weight is (d_in, d_out)


def test_all_linear_takes_conv1d(gpt2: GPT2LMHeadModel, generator: torch.Generator) -> None:
    attach(gpt2, AdapterConfig(rank=2), generator=generator)
    names = [*(f"transformer.h.0.{name}" for name in CONV1D), "lm_head"]
    assert list(delta_weights(gpt2)) == names
    assert delta_weights(gpt2)["transformer.h.0.attn.c_attn"].shape == (24, 8)


@pytest.mark.parametrize("method", METHODS)
def test_conv1d_does_what_a_linear_layer_does(
    method: str, gpt2: GPT2LMHeadModel, tmp_path: Path, generator: torch.Generator
) -> None:
    config = AdapterConfig(method, rank=2, targets=CONV1D)
    model = attached(gpt2, config, generator)
    base = quiet(detach, attached(gpt2, config, generator))
    assert all(type(base.get_submodule(name)) is Conv1D for name in delta_weights(model))
    torch.testing.assert_close(model(TOKENS).logits, base(TOKENS).logits, rtol=1e-5, atol=1e-5)
    before = loss(model).item()
    optimizer = optimizer_for(model, config, lr=1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        loss(model).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss(model).item() < before
    disturb(model, generator, size=0.1)
    expected = model(TOKENS).logits
    torch.testing.assert_close(merge(model)(TOKENS).logits, expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(unmerge(model)(TOKENS).logits, expected)
    save_adapter(model, tmp_path)
    again = load_adapter(copy.deepcopy(gpt2), tmp_path, quantised=method == "qlora")
    torch.testing.assert_close(again(TOKENS).logits, expected, rtol=1e-4, atol=1e-4)
    theirs = PeftModel.from_pretrained(copy.deepcopy(base), tmp_path).eval()
    torch.testing.assert_close(theirs(TOKENS).logits, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        theirs.merge_and_unload()(TOKENS).logits, merge(model)(TOKENS).logits, rtol=1e-4, atol=1e-4
    )
    plain = unload(unmerge(model))
    assert {n: W.shape for n, W in plain.state_dict().items()} == {
        n: W.shape for n, W in gpt2.state_dict().items()
    }
    assert all(p.is_contiguous() for p in plain.parameters())
    gpt2.load_state_dict(plain.state_dict())
    torch.testing.assert_close(gpt2(TOKENS).logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("use_dora", [False, True])
def test_what_peft_saves_of_conv1d_is_loaded(
    use_dora: bool, gpt2: GPT2LMHeadModel, tmp_path: Path, generator: torch.Generator
) -> None:
    config = LoraConfig(r=2, target_modules=list(CONV1D), fan_in_fan_out=True, use_dora=use_dora)
    theirs = get_peft_model(copy.deepcopy(gpt2), config).eval()
    disturb(theirs, generator, size=0.1)
    theirs.save_pretrained(tmp_path)
    ours = load_adapter(copy.deepcopy(gpt2), tmp_path)
    torch.testing.assert_close(ours(TOKENS).logits, theirs(TOKENS).logits, rtol=1e-4, atol=1e-4)
    save_adapter(ours, tmp_path / "again")
    assert json.loads((tmp_path / "again" / CONFIG_FILE).read_text())["fan_in_fan_out"] is True


def test_a_server_takes_conv1d(gpt2: GPT2LMHeadModel, generator: torch.Generator) -> None:
    model = attach(copy.deepcopy(gpt2), AdapterConfig(rank=2, targets=CONV1D), generator=generator)
    disturb(model, generator)
    layer = Conv1D(5, 8)
    net = nn.Sequential(layer)
    own = attach(copy.deepcopy(net), AdapterConfig(rank=2), generator=generator)
    disturb(own, generator)
    server = Server(net)
    server.add("own", factors_of(own))
    x = torch.randn(3, 8, generator=generator)
    torch.testing.assert_close(server(x, ["own", None, "own"])[::2], own(x)[::2])


# A head that is too small, tied or resized


def test_a_rank_too_high_names_the_remedy(generator: torch.Generator) -> None:
    config = GPT2Config(vocab_size=11, n_positions=8, n_embd=16, n_layer=1, n_head=2, num_labels=2)
    model = GPT2ForSequenceClassification(config)
    with pytest.raises(
        ValueError, match=r"expected 1 to 2 for score .*ranks=\{'score': 2\}, or leave it out"
    ):
        attach(model, AdapterConfig(rank=8), generator=generator)
    attach(model, AdapterConfig(rank=8), generator=generator, ranks={"score": 2})
    assert adapted_layers(model)["score"].rank == 2


@pytest.mark.parametrize("merged", [False, True])
def test_tying_means_the_base(merged: bool, gpt2: GPT2LMHeadModel, generator: torch.Generator) -> None:
    attach(gpt2, AdapterConfig(rank=2), generator=generator)
    disturb(gpt2, generator)
    expected = gpt2(TOKENS).logits
    if merged:
        merge(gpt2)
    gpt2.lm_head.base.weight = nn.Parameter(torch.zeros(11, 8))
    gpt2.tie_weights()
    assert gpt2.lm_head.base.weight is gpt2.transformer.wte.weight
    torch.testing.assert_close(gpt2(TOKENS).logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [15, 9])
@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("method", [name for name in METHODS if name != "qlora"])
def test_an_adapted_head_follows_when_it_is_resized(
    method: str, merged: bool, size: int, gpt2: GPT2LMHeadModel, generator: torch.Generator
) -> None:
    model = attached(gpt2, AdapterConfig(method, rank=2), generator)
    assert isinstance(model, PreTrainedModel)
    disturb(model, generator, size=0.1)
    expected = model(TOKENS).logits
    model = copy.deepcopy(model)
    if merged:
        merge(model)
    with torch.random.fork_rng():
        model.resize_token_embeddings(size, mean_resizing=False)
    kept = min(size, 11)
    torch.testing.assert_close(model(TOKENS).logits[..., :kept], expected[..., :kept], rtol=1e-4, atol=1e-4)
    head = model.lm_head
    assert isinstance(head, LoRALinear)
    assert head.base.weight is model.transformer.wte.weight
    assert head.delta().shape == (size, 8)
    assert not head.delta()[11:].any()
    assert not head.base.weight.requires_grad
    detach(model)
    assert "resize_token_embeddings" not in vars(model)
    assert model(TOKENS).logits.shape[-1] == size


def test_a_head_in_four_bits_is_not_resized(gpt2: GPT2LMHeadModel, generator: torch.Generator) -> None:
    attach(gpt2, AdapterConfig("qlora", rank=2), generator=generator)
    with unchanged(gpt2), pytest.raises(ValueError, match="detach the adapter, resize, and attach it again"):
        gpt2.resize_token_embeddings(15)


# What stands around the base


def output_hook(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    return 2 * output + 1


def input_hook(module: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
    return (args[0] - 0.5,)


class Scaled(ModelHook):  # type: ignore[misc]
    def post_forward(self, module: nn.Module, output: Tensor) -> Tensor:
        return 3 * output


def patched(layer: nn.Module) -> None:
    own = layer.forward
    layer.forward = lambda x: own(x) * 2  # type: ignore[method-assign]


AROUND: dict[str, Callable[[nn.Module], object]] = {
    "forward hook": lambda layer: layer.register_forward_hook(output_hook),
    "forward pre-hook": lambda layer: layer.register_forward_pre_hook(input_hook),
    "patched forward": patched,
    "accelerate": lambda layer: add_hook_to_module(layer, Scaled()),
    "accelerate's devices": lambda layer: add_hook_to_module(layer, AlignDevicesHook("cpu")),
}


@pytest.mark.parametrize("when", ["before", "attached", "merged"])
@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("method", METHODS)
def test_merged_calls_what_stands_around_the_base(
    method: str, around: str, when: str, problem: Problem, generator: torch.Generator
) -> None:
    if when == "before":
        AROUND[around](problem.model[0])
    model = problem.attached(AdapterConfig(method, rank=2), generator)
    disturb(model, generator)
    if when == "merged":
        merge(model)
    if when != "before":
        AROUND[around](adapted_layers(model)["0"].base)
    if when == "merged":
        unmerge(model)
    expected = model(problem.x)
    torch.testing.assert_close(merge(model)(problem.x), expected)
    assert torch.equal(unmerge(model)(problem.x), expected)


# Weights that are elsewhere, and modules that are not linear


def test_weights_without_numbers_are_refused(generator: torch.Generator) -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(4, 4))
    for method in METHODS:
        with pytest.raises(ValueError, match="weight of 0 is on the meta device"):
            attach(model, AdapterConfig(method, rank=1), gradients={"0": torch.ones(4, 4)})
    sharded = nn.Sequential(nn.Linear(4, 4))
    sharded[0].weight.data = torch.empty(0)
    with pytest.raises(ValueError, match=r"weight of 0 has shape \(0,\).* must be gathered first"):
        attach(sharded, AdapterConfig(rank=1))


def test_merging_and_loading_want_numbers(tmp_path: Path, generator: torch.Generator) -> None:
    model = attach(nn.Sequential(nn.Linear(4, 4)), AdapterConfig(rank=1), generator=generator)
    save_adapter(model, tmp_path)
    adapted_layers(model)["0"].base.to("meta")
    with pytest.raises(ValueError, match="weight of 0 is on the meta device"):
        merge(model)
    with pytest.raises(ValueError, match="weight of 0 is on the meta device"):
        load_adapter(nn.Sequential(nn.Linear(4, 4, device="meta")), tmp_path)


def test_what_is_asked_for_and_not_linear_is_named(generator: torch.Generator) -> None:
    net = Net(generator)
    for targets in (("embed",), ("head", "embed")):
        with unchanged(net), pytest.raises(ValueError, match=r"embed is of class Embedding, .*leave it out"):
            attach(net, AdapterConfig(rank=1, targets=targets))


# Compiled and parallel models


@pytest.mark.parametrize("wrap", [lambda m: nn.DataParallel(m), lambda m: torch.compile(m, backend="eager")])
def test_names_are_those_of_the_model_inside(
    wrap: Callable[[nn.Module], nn.Module], tmp_path: Path, generator: torch.Generator
) -> None:
    problem = Problem(generator, torch.float32)
    model = attach(wrap(copy.deepcopy(problem.model)), AdapterConfig(rank=2), generator=generator)
    disturb(model, generator)
    save_adapter(model, tmp_path)
    plain = load_adapter(copy.deepcopy(problem.model), tmp_path)
    theirs = PeftModel.from_pretrained(copy.deepcopy(problem.model), tmp_path).eval()
    again = load_adapter(wrap(copy.deepcopy(problem.model)), tmp_path)
    expected = next(iter(model.children()))(problem.x)
    for each in (plain, next(iter(again.children()))):
        assert torch.equal(each(problem.x), expected)
    torch.testing.assert_close(theirs(problem.x), expected)
