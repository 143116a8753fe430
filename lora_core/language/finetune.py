"""Fine-tuning a language model on examples: an adapter of any method, or all weights of its blocks.

for record in fine_tune(model, examples, AdapterConfig(rank=8), lr=1e-3, steps=60, padding=chat.padding,
                        generator=torch.Generator().manual_seed(0)):
    print(record.step, record.loss)
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import torch

from lora_core.adapter import attach, optimizer_for
from lora_core.config import AdapterConfig
from lora_core.gradients import estimate_gradients
from lora_core.language.batches import batches
from lora_core.language.examples import Encoded
from lora_core.language.full import full_optimizer
from lora_core.language.loss import answer_loss, held_out_loss
from lora_core.language.memory import forget_peak, peak_memory
from lora_core.language.model import LanguageModel
from lora_core.methods import method
from lora_core.training import Step, train

ESTIMATED = 4
"""Batches from which a method that starts from gradients estimates them."""


class Record(NamedTuple):
    """What is known after a step.

    Attributes:
        step: updates made so far, those that were taken back not counted.
        loss: mean of −log p over the trained tokens of the step's batch, before its update.
        norm: of the whole gradient.
        tokens: read so far, without padding.
        speed: tokens a second of training, the time between two steps not counted.
        peak: most bytes resident at a time since training began (on a GPU: allocated there); 0 if unknown.
        held_out: loss on the examples held out, where it was measured after this step.
        ended: why there is no further step although some were left: the loss, or a gradient, is NaN or
            infinite. The weights are then the last whose loss and gradient were finite.
    """

    step: int
    loss: float
    norm: float
    tokens: int
    speed: float
    peak: int
    held_out: float | None = None
    ended: Literal["loss", "gradient"] | None = None


def fine_tune(
    model: LanguageModel,
    examples: Sequence[Encoded],
    config: AdapterConfig | None,
    *,
    lr: float,
    steps: int,
    padding: int,
    generator: torch.Generator,
    size: int = 8,
    held_out: Sequence[Encoded] = (),
    every: int = 0,
    schedule: Callable[[int], float] | None = None,
    begin: Callable[[torch.optim.Optimizer], int] | None = None,
    **options: Any,
) -> Iterator[Record]:
    """Trains in place and yields after each step; it stops when no next step is asked for.

    Args:
        model: without an adapter; one of `config` is attached to it and stays on it.
        examples: from `encode`.
        config: of the adapter; None trains all weights of the blocks, which then are no longer the base's.
        lr: learning rate of AdamW.
        steps: how many at most.
        padding: id of a token that fills up batches.
        generator: source of the adapter's start and of the order of examples.
        size: examples a step.
        held_out: examples whose loss is measured after the last step.
        every: steps between two further measurements of it; 0 is none.
        schedule: step 0, 1, … -> the factor on `lr`.
        begin: called with the optimiser when all is ready. A run that goes on puts there its state into the
            model and the optimiser (`resuming`) and returns how many steps it has made, 0 for a new one.
        options: further ones of the method's optimiser, see `optimizer_for`.

    Raises:
        ValueError: no examples, or what `attach` and `optimizer_for` refuse; before anything is changed.
    """
    device = model.lm_head.weight.device
    # A generator of its own, so that the order is the same whatever the adapter draws.
    own = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))
    order = (batch.to(device) for batch in batches(examples, size, padding, own))
    first = next(order)  # refuses what cannot be batched
    optimizer = _prepared(model, config, order, lr=lr, steps=steps, generator=generator, options=options)
    done = begin(optimizer) if begin is not None else 0
    return _steps(
        model,
        optimizer,
        itertools.islice(itertools.chain([first], order), done, steps),
        done=done,
        steps=steps,
        schedule=schedule,
        measure=lambda: held_out_loss(model, held_out, padding, size=size) if held_out else None,
        every=every,
        kept=_Kept(optimizer) if config is not None else None,
    )


def _prepared(
    model: LanguageModel,
    config: AdapterConfig | None,
    order: Iterator[Any],
    *,
    lr: float,
    steps: int,
    generator: torch.Generator,
    options: dict[str, Any],
) -> torch.optim.Optimizer:
    """Attaches the adapter, or lets the blocks train, and makes the optimiser."""
    if config is None:
        return full_optimizer(model, lr=lr, **options)
    gradients = None
    if method(config.method).needs_gradients:
        sample = itertools.islice(order, ESTIMATED)
        gradients = estimate_gradients(model, answer_loss, sample, targets=config.targets)
    attach(model, config, generator=generator, gradients=gradients)
    return optimizer_for(model, config, lr=lr, steps=steps, **{"fused": True, **options})


class _Kept:
    """Copies of what trains: of the last weights whose loss was finite, and of those after them."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.trained = [p for group in optimizer.param_groups for p in group["params"]]
        self.good = self.next = self._copies()

    def _copies(self) -> list[torch.Tensor]:
        return [p.detach().clone() for p in self.trained]

    def stepped(self) -> None:
        """After an update: the weights before it had a finite loss."""
        self.good, self.next = self.next, self._copies()

    @torch.no_grad()
    def restore(self) -> None:
        for p, value in zip(self.trained, self.good, strict=True):
            p.copy_(value)


def _steps(
    model: LanguageModel,
    optimizer: torch.optim.Optimizer,
    order: Iterator[Any],
    *,
    done: int,
    steps: int,
    schedule: Callable[[int], float] | None,
    measure: Callable[[], float | None],
    every: int,
    kept: _Kept | None,
) -> Iterator[Record]:
    device = model.lm_head.weight.device
    read, seconds, tokens = 0, 0.0, 0

    def counted() -> Iterator[Any]:
        nonlocal read
        for batch in order:
            read = batch.tokens
            yield batch

    forget_peak(device)
    model.train()
    later = None if schedule is None else lambda number: schedule(done + number)
    loop = train(model, optimizer, answer_loss, counted(), schedule=later, norms=True)
    try:
        while True:
            begin = time.perf_counter()
            step: Step | None = next(loop, None)
            if step is None:
                return
            seconds, tokens = seconds + time.perf_counter() - begin, tokens + read
            (loss,), (norm,) = step.losses, step.norms
            made = done + step.number
            record = Record(made, loss, norm, tokens, tokens / seconds, peak_memory(device))
            if not step.finite:
                yield _ended(record, kept if step.number else None)
                return
            if kept is not None:
                kept.stepped()
            if made == steps or (every and made % every == 0):
                record = record._replace(held_out=measure())
            yield record
    finally:
        model.eval()


def _ended(record: Record, kept: _Kept | None) -> Record:
    """The last record of a run whose loss or gradient is not finite; takes back an update that led there."""
    if math.isfinite(record.loss):
        return record._replace(ended="gradient")
    if kept is not None and record.step:
        kept.restore()
        return record._replace(step=record.step - 1, ended="loss")
    return record._replace(ended="loss")
