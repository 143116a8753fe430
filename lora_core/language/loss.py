"""The loss on answers: cross entropy of the tokens that train, and of no others.

The head of a language model is its largest product (49,152 outputs in SmolLM2), so it is made for the trained
places alone, in float32 whatever the weights are, a slice of the vocabulary after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lora_core.language.batches import IGNORED, Batch, padded
from lora_core.language.examples import Encoded
from lora_core.language.model import LanguageModel

ROWS, SLICE = 256, 1024
"""Places and words whose logits are made at a time."""


def answer_loss(model: nn.Module, batch: Batch) -> Tensor:
    """The mean of −log p over the trained tokens of a batch, a scalar in float32 at least.

    Raises:
        ValueError: no token of the batch trains.
    """
    assert isinstance(model, LanguageModel)
    counted = batch.targets != IGNORED  # (B, T)
    if not counted.any():
        raise ValueError("no token of the batch is trained on")
    x = model.model(batch.ids)[counted]  # (B, T, C) -> (n, C)
    return cross_entropy(x, model.lm_head.weight, batch.targets[counted])


@torch.no_grad()
def held_out_loss(model: LanguageModel, examples: Sequence[Encoded], padding: int, *, size: int = 8) -> float:
    """The mean of −log p over all trained tokens of the examples, the model in evaluation mode.

    Args:
        model: with an adapter or without.
        examples: from `encode`.
        padding: id of a token that fills up batches.
        size: examples a batch.

    Raises:
        ValueError: there is no example.
    """
    if not examples:
        raise ValueError("no example to measure the loss on")
    ordered = sorted(examples, key=lambda each: len(each.ids))  # so that little is padding
    device, training = model.lm_head.weight.device, model.training
    total, count = 0.0, 0
    model.eval()
    try:
        for start in range(0, len(ordered), size):
            batch = padded(ordered[start : start + size], padding).to(device)
            counted = int((batch.targets != IGNORED).sum())
            total += counted * float(answer_loss(model, batch))
            count += counted
    finally:
        model.train(training)
    return total / count


def logits_of(x: Tensor, weight: Tensor) -> Tensor:
    """x Wᵀ in float32 at least: x (n, C), W (vocabulary, C) -> (n, vocabulary).

    Rounded to bfloat16 two words of nearly the same logit tie, and which is said first is then by chance.
    """
    wide = torch.promote_types(weight.dtype, torch.float32)
    if weight.dtype == wide:
        return F.linear(x.to(wide), weight)
    x = x.to(wide)
    out = x.new_empty(len(x), len(weight))
    held = x.new_empty(SLICE, x.shape[1])  # used again: memory asked for anew would be paged in anew
    for start in range(0, len(weight), SLICE):
        part = weight[start : start + SLICE]
        torch.mm(x, held[: len(part)].copy_(part).mT, out=out[:, start : start + SLICE])
    return out


def cross_entropy(x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """The mean of −log softmax(W x)[target] over n places: x (n, C), W (vocabulary, C), targets (n,)."""
    if weight.requires_grad:
        wide = torch.promote_types(weight.dtype, torch.float32)
        return F.cross_entropy(F.linear(x.to(wide), weight.to(wide)), targets)
    out: Tensor = _CrossEntropy.apply(x, weight, targets)  # type: ignore[no-untyped-call]
    return out


class _CrossEntropy(torch.autograd.Function):
    """dx = (softmax(W x) − [target]) W / n is made at once: logits need not be kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        wide = torch.promote_types(weight.dtype, torch.float32)
        total = torch.zeros((), dtype=wide, device=x.device)
        dx = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        for start in range(0, len(x), ROWS):
            rows = slice(start, start + ROWS)
            log_p = torch.log_softmax(logits_of(x[rows], weight), 1)
            wanted = targets[rows, None]
            total -= log_p.gather(1, wanted).sum()
            if dx is not None:
                p = log_p.exp_().scatter_add_(1, wanted, log_p.new_full(wanted.shape, -1))
                torch.mm(p.div_(len(x)).to(weight.dtype), weight, out=dx[rows])
        ctx.save_for_backward(dx)
        return total / len(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        (dx,) = ctx.saved_tensors
        return dx * g.to(dx.dtype) if dx is not None else None, None, None
