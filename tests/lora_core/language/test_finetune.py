"""Fine-tuning a tiny model: all methods, against PEFT, and what ends a run; a few steps of the real one."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from lora_core import AdapterConfig, detach
from lora_core.adapter import adapted_layers
from lora_core.config import METHODS
from lora_core.language.batches import Batch, batches
from lora_core.language.chat import open_chat
from lora_core.language.config import ModelConfig
from lora_core.language.examples import Example, encode
from lora_core.language.finetune import Record, fine_tune
from lora_core.language.loss import held_out_loss
from lora_core.language.model import LanguageModel
from lora_core.language.reader import open_model
from lora_core.language.tokens import open_tokens
from tests.lora_core.language.tiny import CONFIG, PADDING, examples, state, tiny_model


def run(model: LanguageModel, config: AdapterConfig | None, **options: Any) -> list[Record]:
    asked = {"lr": 3e-3, "steps": 8, "padding": PADDING, "size": 3, **options}
    generator = torch.Generator().manual_seed(5)
    return list(fine_tune(model, asked.pop("examples", examples()), config, generator=generator, **asked))


def in_order(seed: int) -> Iterator[Batch]:
    """The batches of a run, which are drawn apart from the adapter."""
    first = torch.randint(2**62, (), generator=torch.Generator().manual_seed(seed))
    return batches(examples(), 3, PADDING, torch.Generator().manual_seed(int(first)))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_and_the_base_stays(method: str) -> None:
    model, held = tiny_model(), examples(6)
    before, loss = state(model), held_out_loss(model, held, PADDING)
    found = run(model, AdapterConfig(method, rank=2, alpha=8), lr=2e-2, held_out=held)
    assert [record.step for record in found] == list(range(1, 9))
    assert found[-1].held_out is not None
    assert found[-1].held_out < loss - 0.05
    assert not model.training
    if method != "qlora":
        after = detach(model).state_dict()
        assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_full_fine_tuning_learns(dtype: torch.dtype) -> None:
    model, held = tiny_model(dtype), examples(6)
    embedding = model.model.embed_tokens.weight.detach().clone()
    loss = held_out_loss(model, held, PADDING)
    found = run(model, None, held_out=held)
    assert found[-1].held_out is not None
    assert found[-1].held_out < loss - 0.3
    assert torch.equal(model.model.embed_tokens.weight, embedding)


def test_full_fine_tuning_leaves_the_file_whose_weights_are_mapped(tmp_path: Path) -> None:
    weights = {
        name: W.contiguous() for name, W in tiny_model().state_dict().items() if name != "lm_head.weight"
    }
    save_file(weights, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG.to_json()))
    before = (tmp_path / "model.safetensors").read_bytes()
    model = open_model(str(tmp_path))
    run(model, None)
    assert not torch.equal(model.model.norm.weight, weights["model.norm.weight"])
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert torch.equal(open_model(str(tmp_path)).model.norm.weight, weights["model.norm.weight"])


def test_a_record_says_what_was_read_and_measured() -> None:
    held = examples(3, seed=2)
    model = tiny_model()
    found = run(model, AdapterConfig(rank=2), held_out=held, every=3)
    order = in_order(5)
    tokens = [next(order).tokens for _ in range(8)]
    assert [record.tokens for record in found] == [sum(tokens[: k + 1]) for k in range(8)]
    assert [record.step for record in found if record.held_out is not None] == [3, 6, 8]
    assert found[-1].held_out == pytest.approx(held_out_loss(model, held, PADDING))
    assert all(record.speed > 0 and record.norm > 0 and record.ended is None for record in found)
    assert all(record.peak > 50e6 for record in found)  # of a process that has imported torch


def test_a_run_is_its_seeds() -> None:
    config = AdapterConfig(rank=2)
    found = [[(record.loss, record.norm) for record in run(tiny_model(), config)] for _ in range(2)]
    assert found[0] == found[1]


def test_losses_are_pefts(generator: torch.Generator) -> None:
    shape: dict[str, Any] = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 48}
    heads = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    theirs = LlamaForCausalLM(LlamaConfig(**shape, **heads, tie_word_embeddings=True)).eval()
    for p in theirs.parameters():
        p.data = torch.randn(p.shape, generator=generator) / 4
    model = LanguageModel(ModelConfig.from_json(theirs.config.to_dict()))
    model.load_state_dict(theirs.state_dict())
    config = AdapterConfig(rank=2, alpha=8)
    steps = fine_tune(
        model,
        examples(),
        config,
        lr=1e-2,
        steps=20,
        padding=PADDING,
        size=3,
        generator=torch.Generator().manual_seed(5),
    )
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # between PEFT and transformers
        peer = get_peft_model(theirs, LoraConfig(r=2, lora_alpha=8, target_modules="all-linear"))
    for name, layer in adapted_layers(model).items():
        peer.base_model.model.get_submodule(name).lora_A["default"].weight.data.copy_(layer.A)
    trained = [p for p in peer.parameters() if p.requires_grad]
    adamw = torch.optim.AdamW(trained, lr=1e-2, weight_decay=0.0)
    order = in_order(5)
    found, expected = [], []
    for record in steps:
        batch = next(order)
        adamw.zero_grad()
        logits = peer(input_ids=batch.ids).logits
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
        loss.backward()
        adamw.step()
        found.append(record.loss)
        expected.append(loss.item())
    assert len(found) == 20
    assert found[-1] < found[0] - 0.5
    assert found == pytest.approx(expected, abs=1e-4)


def test_a_loss_that_is_lost_ends_the_run_with_the_last_good_adapter() -> None:
    model = tiny_model()
    config = AdapterConfig(rank=2, alpha=8)
    kept: list[dict[str, torch.Tensor]] = []
    asked = {"lr": 1e-3, "steps": 9, "padding": PADDING, "size": 3}
    steps = fine_tune(model, examples(), config, generator=torch.Generator().manual_seed(5), **asked)
    for record in steps:
        if record.ended is None:
            kept.append({name: p.detach().clone() for name, p in model.named_parameters()})
        if record.step == 4:
            for layer in adapted_layers(model).values():
                layer.B.data.fill_(1e30)  # as a rate too high makes it
    assert (record.ended, record.step) == ("loss", 3)
    assert len(kept) == 4
    assert all(torch.equal(p, kept[2][name]) for name, p in model.named_parameters())


def test_a_gradient_that_is_lost_makes_no_update() -> None:
    model = tiny_model()
    asked = {"lr": 1e-3, "steps": 9, "padding": PADDING, "size": 3}
    config = AdapterConfig(rank=2)
    steps = fine_tune(model, examples(), config, generator=torch.Generator().manual_seed(5), **asked)
    next(steps)
    layer = next(iter(adapted_layers(model).values()))
    layer.A.register_hook(lambda gradient: gradient * float("nan"))
    before = state(model)
    found = list(steps)
    assert [(record.ended, record.step) for record in found] == [("gradient", 1)]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_cannot_train_is_refused_before_anything_changes() -> None:
    model = tiny_model()
    before = copy.deepcopy(model.state_dict())
    for options in ({"examples": []}, {"size": 0}):
        with pytest.raises(ValueError, match="at least one of each"):
            run(model, AdapterConfig(rank=2), **options)
    with pytest.raises(ValueError, match="rank is 999"):
        run(model, AdapterConfig(rank=999))
    assert model.state_dict().keys() == before.keys()


def test_the_real_model_learns_a_form_in_a_few_steps(smollm2: Path) -> None:
    tokens = open_tokens(smollm2)
    chat = open_chat(smollm2, tokens)
    capitals = {"Peru": "Lima", "Norway": "Oslo", "Kenya": "Nairobi", "Laos": "Vientiane"}
    lesson = [
        encode(
            Example(
                (
                    {"role": "user", "content": f"What is the capital of {country}?"},
                    {"role": "assistant", "content": f'{{"country": "{country}", "capital": "{capital}"}}'},
                )
            ),
            tokens,
            chat,
            longest=64,
        )
        for country, capital in capitals.items()
    ]
    model = open_model(str(smollm2))
    config = AdapterConfig(rank=4, alpha=32)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for each other on a busy machine
    try:
        found = run(model, config, examples=lesson, lr=2e-3, steps=4, size=2)
    finally:
        torch.set_num_threads(threads)
    assert found[-1].loss < 0.7 * found[0].loss


def test_small_steps_on_bfloat16_are_not_lost() -> None:
    """A and B move as they do on float32."""
    moved = []
    for dtype in (torch.bfloat16, torch.float32):
        model = tiny_model(torch.bfloat16).to(dtype)
        config = AdapterConfig(rank=2, alpha=8)
        run(model, config, lr=5e-5, steps=20)
        moved.append(torch.cat([layer.update().flatten() for layer in adapted_layers(model).values()]))
    assert (moved[0] - moved[1]).norm() < 0.1 * moved[1].norm()
