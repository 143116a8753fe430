"""The loss on answers against plain cross entropy of the model's whole logits."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from lora_core.language import loss as losses
from lora_core.language.batches import IGNORED, Batch, padded
from lora_core.language.loss import answer_loss, cross_entropy, held_out_loss, logits_of
from tests.lora_core.language.tiny import PADDING, examples, tiny_model


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "ROWS", 7)
    monkeypatch.setattr(losses, "SLICE", 11)


def test_it_is_cross_entropy_of_all_logits_and_so_are_its_gradients() -> None:
    model = tiny_model()
    for name, p in model.named_parameters():
        p.requires_grad_("layers" in name)
    trained = [p for p in model.parameters() if p.requires_grad]
    batch = padded(examples(4), PADDING)
    found = answer_loss(model, batch)
    plain = F.cross_entropy(model(batch.ids).flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED)
    torch.testing.assert_close(found, plain)
    torch.testing.assert_close(torch.autograd.grad(found, trained), torch.autograd.grad(plain, trained))


def test_a_head_that_trains_gets_its_gradient() -> None:
    model = tiny_model()
    batch = padded(examples(4), PADDING)
    found = torch.autograd.grad(answer_loss(model, batch), model.lm_head.weight)
    plain = F.cross_entropy(model(batch.ids).flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED)
    torch.testing.assert_close(found, torch.autograd.grad(plain, model.lm_head.weight))


def test_logits_of_bfloat16_are_not_rounded(generator: torch.Generator) -> None:
    x, W = torch.randn(5, 64, generator=generator), torch.randn(30, 64, generator=generator)
    x, W = x.bfloat16(), W.bfloat16()
    exact = x.double() @ W.double().mT
    torch.testing.assert_close(logits_of(x, W).double(), exact, rtol=1e-6, atol=1e-5)
    assert (exact - (x @ W.mT).double()).abs().max() > 1e-3
    targets = torch.randint(30, (5,), generator=generator)
    torch.testing.assert_close(cross_entropy(x, W, targets).double(), F.cross_entropy(exact, targets))


def test_held_out_loss_weighs_every_token_alike() -> None:
    model, held = tiny_model(), examples(6)
    whole = answer_loss(model, padded(held, PADDING)).detach()
    assert held_out_loss(model, held, PADDING, size=4) == pytest.approx(float(whole), rel=1e-6)
    assert not model.training
    model.train()
    held_out_loss(model, held, PADDING)
    assert model.training


def test_nothing_to_measure_on_is_refused() -> None:
    model = tiny_model()
    with pytest.raises(ValueError, match="no example"):
        held_out_loss(model, [], PADDING)
    with pytest.raises(ValueError, match="no token"):
        answer_loss(model, Batch(torch.ones(1, 2).long(), torch.full((1, 2), IGNORED), 2))
