"""Full fine-tuning of half types, against torch's AdamW on float32."""

from __future__ import annotations

import copy

import pytest
import torch

from lora_core.language.full import WideAdamW, full_optimizer
from tests.lora_core.language.tiny import tiny_model


def test_the_blocks_train_and_the_embedding_stays() -> None:
    model = tiny_model()
    full_optimizer(model, lr=1e-3)
    still = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert still == {"model.embed_tokens.weight"}


def test_small_steps_of_bfloat16_are_those_of_float32(generator: torch.Generator) -> None:
    model = tiny_model(torch.bfloat16)
    wide = copy.deepcopy(model).float()
    ours = full_optimizer(model, lr=1e-5)
    theirs = torch.optim.AdamW(
        [*wide.model.layers.parameters(), *wide.model.norm.parameters()], lr=1e-5, weight_decay=0.0
    )
    pairs = list(zip(ours.param_groups[0]["params"], theirs.param_groups[0]["params"], strict=True))
    for _ in range(20):
        for p, q in pairs:
            p.grad = torch.randn(p.shape, generator=generator).bfloat16()
            q.grad = p.grad.float()
        ours.step()
        theirs.step()
    for p, q in pairs:
        torch.testing.assert_close(ours.state[p]["master"], q.data)
        assert torch.equal(p, q.bfloat16())


def test_a_saved_state_goes_on_as_if_nothing_happened(generator: torch.Generator) -> None:
    start = [torch.nn.Parameter(torch.randn(4, 3, generator=generator).bfloat16())]
    gradients = [torch.randn(4, 3, generator=generator).bfloat16() for _ in range(6)]

    def go(optimizer: WideAdamW, p: torch.nn.Parameter, some: list[torch.Tensor]) -> None:
        for p.grad in some:
            optimizer.step()

    whole, halves = copy.deepcopy(start), copy.deepcopy(start)
    optimizer = WideAdamW(whole, lr=1e-4)
    go(optimizer, whole[0], gradients)
    first = WideAdamW(halves, lr=1e-4)
    go(first, halves[0], gradients[:3])
    again = copy.deepcopy(halves)
    second = WideAdamW(again, lr=1e-4)
    second.load_state_dict(first.state_dict())
    go(second, again[0], gradients[3:])
    assert torch.equal(optimizer.state[whole[0]]["master"], second.state[again[0]]["master"])


def test_weights_of_whole_numbers_are_refused() -> None:
    model = tiny_model()
    model.model.norm.weight = torch.nn.Parameter(torch.ones(32, dtype=torch.int8), requires_grad=False)
    with pytest.raises(ValueError, match="weight is torch"):
        full_optimizer(model, lr=1e-3)
