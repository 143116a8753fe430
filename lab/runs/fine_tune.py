"""Fine-tuning, told step by step: a run, and beside it full fine-tuning of the same matrices.

Both see the same batches. The optimiser is Adam at a constant rate, without weight decay, as in "LoRA Without
Regret". What is computed depends on configuration and device alone; the clock only decides what is told.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lab.bases.models import load_base
from lab.bases.registry import BASES, lesson
from lab.bases.tasks import Batch, ImageTask, Split, TextTask, evaluate, load_task, loss_of, sample
from lab.runs.config import TrainConfig
from lab.runs.device import pick_device
from lab.runs.snapshot import Measure, Point, Snapshot, State
from lab.runs.spectra import singular_values
from lora_core import estimate_gradients
from lora_core.adapter import attach, delta_weights, merge, optimizer_for, unmerge
from lora_core.config import AdapterConfig, select
from lora_core.methods import method
from lora_core.saving import save_adapter
from lora_core.training import train

__all__ = ["Measure", "Point", "Snapshot", "State", "evaluation_steps", "fine_tune", "pick_device"]

PICTURES = 32  # shown with their predictions
SAMPLE_EVERY = 2.0  # seconds between two texts: one costs as much as several steps
GRADIENT_BATCHES = 8  # for the methods that start from an estimate of the gradient
ADAPTER_STREAM = 2**32  # added to the seed of the batches: A's start is a draw of its own


def evaluation_steps(steps: int) -> list[int]:
    """Where the learning curve has points: 0, 1, 2, 4, 8, … while it falls fast, then some twenty evenly."""
    apart = max(1, steps // 20)
    early = [2**power for power in range(apart.bit_length()) if 2**power < apart]
    return sorted({0, *early, *range(apart, steps, apart), steps})


def fine_tune(
    config: TrainConfig,
    *,
    device: str = "cpu",
    every: float = 0.25,
    stop: Callable[[], bool] = lambda: False,
    adapter_folder: Path | None = None,
    split: Split = "test",
    points: Sequence[int] | None = None,
) -> Iterator[Snapshot]:
    """Trains and yields Snapshots: the base first, then at most one per ``every`` seconds, then the last.

    Args:
        device: see ``pick_device``.
        stop: asked between any two steps; the run ends with state "stopped" once it says True.
        adapter_folder: where the adapter is saved, in PEFT's format, before the last snapshot (stopped runs
            too). Nothing is saved when the run diverged or is full fine-tuning.
        split: what losses and accuracy are measured on.
        points: the steps at which the learning curve is measured, ``evaluation_steps`` unless given.

    Raises:
        ValueError: at the first snapshot, for what ``attach`` refuses (no such layer, a rank too large) or a
            device that does not exist.
        OSError: after the last snapshot, when the adapter cannot be saved.
    """
    run = _Run(
        config, pick_device(device), split, evaluation_steps(config.steps) if points is None else points
    )
    yield run.snapshot("running")
    state: State = "done"
    while run.step < config.steps:
        if stop():
            state = "stopped"
            break
        if not run.advance():
            state = "diverged"
            break
        if run.step < config.steps and run.is_due(every):
            yield run.snapshot("running")
    unsaved: OSError | None = None
    if adapter_folder is not None and config.adapter is not None and state != "diverged":
        try:
            save_adapter(run.models[0].model, adapter_folder)
        except OSError as error:  # the run shall not be lost with it
            unsaved = error
    yield run.snapshot(state)
    if unsaved:
        raise unsaved


def first_gradients(
    model: nn.Module, config: TrainConfig, generator: torch.Generator
) -> dict[str, Tensor] | None:
    """The estimate of the gradients that the run's method starts from; None if it asks for none."""
    if config.adapter is None or not method(config.adapter.method).needs_gradients:
        return None
    task = load_task(config.task)
    batches = (task.batch(config.batch, generator) for _ in range(GRADIENT_BATCHES))
    return estimate_gradients(model, loss_of, batches, targets=config.targets)


def _of_linear_layers(config: TrainConfig) -> AdapterConfig | None:
    """The run's adapter without the names of embeddings, which only train whole and without an adapter."""
    adapter, layers = config.adapter, BASES[config.base].layers
    if adapter is None or isinstance(adapter.targets, str):
        return adapter
    linear = [each for each in adapter.targets if any(n == each or n.endswith(f".{each}") for n in layers)]
    return replace(adapter, targets=tuple(linear) or adapter.targets)


class _Trainee:
    """A model that trains: an adapter on it, or the chosen matrices whole.

    Args:
        full: train the matrices whole, whether the run has an adapter or not.
    """

    def __init__(self, config: TrainConfig, device: str, *, full: bool, lr: float) -> None:
        self.model = load_base(config.base)
        self.adapter = None if full else _of_linear_layers(config)
        self.before: dict[str, Tensor] = {}  # the chosen matrices as they were, when they train whole
        if self.adapter is not None:
            generator = torch.Generator().manual_seed(config.seed + ADAPTER_STREAM)
            gradients = first_gradients(self.model, config, generator)
            attach(self.model, self.adapter, generator=generator, gradients=gradients).to(device)
            self.optimizer = optimizer_for(self.model, self.adapter, lr=lr, steps=config.steps, fused=True)
            return
        self.model.requires_grad_(False).to(device)
        # An embedding trains only when it is named, and never beside an adapter, which could not do the same.
        named = config.adapter is None and isinstance(config.targets, tuple)
        kinds = (nn.Linear, nn.Embedding) if named else nn.Linear
        names = [name for name, module in self.model.named_modules() if isinstance(module, kinds)]
        weights = {name: self._weight(name).requires_grad_() for name in select(names, config.targets)}
        self.before = {name: weight.detach().clone() for name, weight in weights.items()}
        self.optimizer = torch.optim.AdamW(weights.values(), lr=lr, weight_decay=0.0, fused=True)

    def _weight(self, name: str) -> nn.Parameter:
        return self.model.get_parameter(f"{name}.weight")

    @contextmanager
    def merged(self) -> Iterator[nn.Module]:
        """The model as it stands, quicker to ask: one matrix a layer, no dropout."""
        if self.adapter is None:
            yield self.model
            return
        merge(self.model)
        try:
            yield self.model
        finally:
            unmerge(self.model)

    def deltas(self) -> dict[str, Tensor]:
        """Layer -> ΔW (d_out, d_in), float32, on the CPU; a layer that is not finite is left out."""
        if self.adapter is not None:
            deltas = delta_weights(self.model)
        else:
            deltas = {name: self._weight(name).detach() - before for name, before in self.before.items()}
        deltas = {name: delta.float().cpu() for name, delta in deltas.items()}
        return {name: delta for name, delta in deltas.items() if delta.isfinite().all()}

    def spectra(self, deltas: dict[str, Tensor]) -> dict[str, list[float]]:
        """Singular values of each ΔW, largest first; of an adapter's those that can differ from zero."""
        counts = {name: getattr(self.model.get_submodule(name), "delta_rank", None) for name in deltas}
        return {name: singular_values(delta)[: counts[name]].tolist() for name, delta in deltas.items()}


class _Run:
    """A fine-tune between two of its steps. ``models`` holds the run and, if asked for, the yardstick."""

    def __init__(self, config: TrainConfig, device: str, split: Split, points: Sequence[int]) -> None:
        self.started = time.perf_counter()
        self.config, self.device, self.split = config, device, split
        self.task = load_task(config.task)
        self.examples = self._moved(self.task.examples(split))
        self.models = [_Trainee(config, device, full=config.adapter is None, lr=config.lr)]
        if config.yardstick:
            lr = lesson(config.base, config.task).full_lr
            self.models.append(_Trainee(config, device, full=True, lr=lr))
        first, *beside = [(each.model, each.optimizer) for each in self.models]
        self.training = train(*first, self._loss, self._batches(), beside=beside)
        self.step = 0
        self.points = frozenset((*points, config.steps))
        self.losses: list[float | None] = [None] * len(self.models)  # of the last batch
        self.results: list[tuple[float | None, float | None]] = []  # held-out loss and accuracy of each model
        self.history: list[Point] = []
        self.reason: str | None = None
        self.told = self.sampled = -math.inf  # when the last snapshot was made, and the last text drawn
        self.cost = 0.0  # seconds the last snapshot took
        self._evaluate()
        self.training_since = time.perf_counter()

    def advance(self) -> bool:
        """One step of every model on one batch. False, and no update, when a loss is NaN or infinite."""
        step = next(self.training)
        self.step, self.losses = step.number, [_finite(loss) for loss in step.losses]
        if not step.finite:
            self.reason = "loss_not_finite" if self.losses[0] is None else "yardstick_loss_not_finite"
            return False
        if self.step in self.points:
            self._evaluate()
        return True

    def _batches(self) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(self.config.seed)
        for _ in range(self.config.steps):
            yield self._moved(self.task.batch(self.config.batch, generator))

    def _loss(self, model: nn.Module, batch: Batch) -> Tensor:
        with self._dropout():
            return loss_of(model, batch)

    def is_due(self, every: float) -> bool:
        """Whether to tell this moment. Points of the curve go first: other steps wait four times as long."""
        wait = every if self.step in self.points else 4 * every
        if every:
            wait = max(
                wait, 4 * self.cost
            )  # telling takes a fifth of the time at most, however busy the machine
        return time.perf_counter() - self.told >= wait

    def snapshot(self, state: State) -> Snapshot:
        """This moment. The last is evaluated and sampled whatever the clock says, unless the run diverged."""
        now = time.perf_counter()
        shown = state != "diverged"
        if state == "stopped" and not self._is_evaluated():
            self._evaluate()
        sampled = shown and (state != "running" or now - self.sampled >= SAMPLE_EVERY)
        self.sampled = now if sampled else self.sampled
        arrays = self._pictures() if self.step == 0 else {}
        measures: list[Measure] = []
        for index, role in enumerate(("run", "yardstick")[: len(self.models)]):
            deltas = self.models[index].deltas()
            arrays |= {f"{role}.delta.{name}": delta.numpy() for name, delta in deltas.items()}
            spectra = self.models[index].spectra(deltas)
            measures.append(self._measure(index, spectra, shown=shown, sampled=sampled))
        self.told = time.perf_counter()
        self.cost = self.told - now
        return Snapshot(
            step=self.step,
            steps=self.config.steps,
            seconds=now - self.started,
            steps_per_second=self.step / (now - self.training_since),
            run=measures[0],
            yardstick=measures[1] if self.config.yardstick else None,
            state=state,
            reason=self.reason,
            history=list(self.history),
            arrays=arrays,
        )

    def _measure(self, index: int, spectra: dict[str, list[float]], *, shown: bool, sampled: bool) -> Measure:
        loss, accuracy = self.results[index] if shown and self._is_evaluated() else (None, None)
        text, predictions = None, None
        with torch.no_grad(), self.models[index].merged() as model:
            if isinstance(self.task, TextTask):
                text = sample(model, self.task.prompt) if sampled else None
            elif shown:
                predictions = model(self.examples[0][:PICTURES]).argmax(1).tolist()
        return Measure(self.losses[index], loss, accuracy, text, predictions, spectra)

    def _evaluate(self) -> None:
        """Adds a point to the learning curve."""
        self.results = []
        for each in self.models:
            with each.merged() as model:
                loss, accuracy = evaluate(model, self.examples)
            self.results.append((_finite(loss), accuracy))
        (run, run_accuracy), (yardstick, yardstick_accuracy) = (*self.results, (None, None))[:2]
        train = (*self.losses, None)[:2]
        self.history.append(
            Point(self.step, train[0], run, train[1], yardstick, run_accuracy, yardstick_accuracy)
        )

    def _is_evaluated(self) -> bool:
        return self.history[-1].step == self.step

    def _pictures(self) -> dict[str, NDArray[np.float32]]:
        """The pictures that are predicted, 0 to 1, and their classes; nothing for text."""
        return self.task.pictures(self.split, PICTURES) if isinstance(self.task, ImageTask) else {}

    def _moved(self, batch: Batch) -> Batch:
        inputs, targets = batch
        return inputs.to(self.device), targets.to(self.device)

    @contextmanager
    def _dropout(self) -> Iterator[None]:
        """Dropout draws from torch's global generator: seeded inside, and left as it was outside."""
        if self.config.adapter is None or not self.config.adapter.dropout:
            yield
            return
        kind = self.device if self.device != "cpu" else "cuda"
        with torch.random.fork_rng(devices=[] if self.device == "cpu" else None, device_type=kind):
            torch.manual_seed(self.config.seed * 10_000 + self.step)
            yield


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
