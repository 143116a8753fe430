"""The training loop: forward, backward, step, for as long as there are batches.

    for step in train(model, optimizer, loss, batches):
        print(step.number, step.losses[0])

What happens between two steps (evaluation, a snapshot, a stop) is the caller's: the loop waits meanwhile, and
it stops when no next step is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Step(NamedTuple):
    """One step of every model.

    Attributes:
        number: updates made so far. A step that is not finite made none.
        losses: of each model on this step's batch, before its update.
        norms: of each model's whole gradient, where they were asked for.
    """

    number: int
    losses: Sequence[float]
    norms: Sequence[float] = ()

    @property
    def finite(self) -> bool:
        """Whether no loss or norm was NaN or infinite: if one was, this is the last step."""
        return all(map(math.isfinite, (*self.losses, *self.norms)))


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[nn.Module, Any], Tensor],
    batches: Iterable[Any],
    *,
    schedule: Callable[[int], float] | None = None,
    norms: bool = False,
    beside: Sequence[tuple[nn.Module, torch.optim.Optimizer]] = (),
) -> Iterator[Step]:
    """Trains until there are no more batches, and yields after each step.

    A step whose loss (or norm, if asked for) is NaN or infinite updates no model and ends the loop: the
    weights are those of the last good step.

    Args:
        model: trained in place.
        optimizer: of the parameters that train.
        loss: of a model on a batch, a scalar.
        batches: each is given to `loss` as it comes; one step a batch.
        schedule: step 0, 1, … -> the factor on the optimisers' present rates.
        norms: measure the gradients too.
        beside: further models and their optimisers, trained step by step on the same batches.
    """
    pairs = [(model, optimizer), *beside]
    rates = [[group["lr"] for group in each.param_groups] for _, each in pairs]
    for number, batch in enumerate(batches):
        losses = []
        for (trained, mover), own in zip(pairs, rates, strict=True):
            if schedule is not None:
                for group, rate in zip(mover.param_groups, own, strict=True):
                    group["lr"] = rate * schedule(number)
            mover.zero_grad()
            value = loss(trained, batch)
            value.backward()  # type: ignore[no-untyped-call]
            losses.append(value.detach())
        sizes = [gradient_norm(mover) for _, mover in pairs] if norms else []
        step = Step(number + 1, torch.stack(losses).tolist(), sizes)
        if not step.finite:
            yield step._replace(number=number)
            return
        for _, mover in pairs:
            mover.step()
        yield step


def gradient_norm(optimizer: torch.optim.Optimizer) -> float:
    """The Euclidean norm of all gradients of an optimiser's parameters, as one vector."""
    found = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    if not found:
        return 0.0
    return float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each) for each in found])))
