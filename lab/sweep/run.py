"""A sweep: many fine-tunes of one task at once, each the same as `fine_tune` alone would give.

Configurations may differ in rank, α, rule of γ, method, learning rate and seed, and in whether they train an
adapter or the matrices whole. Those with the same seed see the same minibatches.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from lab.bases.models import load_base
from lab.bases.registry import BASES
from lab.bases.tasks import Batch as Examples
from lab.bases.tasks import Split, TextTask, evaluate, load_task
from lab.runs.config import TrainConfig
from lab.runs.device import pick_device
from lab.runs.fine_tune import ADAPTER_STREAM, evaluation_steps, first_gradients
from lab.runs.snapshot import State
from lab.sweep.batch import Batch, Member
from lab.sweep.plan import Kind, at_once, batches
from lab.sweep.result import Curve, SweepSnapshot
from lora_core.adapter import attach


def sweep(
    configs: Sequence[TrainConfig],
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    every: float = 0.25,
    stop: Callable[[], bool] = lambda: False,
    points: Sequence[int] | None = None,
    split: Split = "validation",
) -> Iterator[SweepSnapshot]:
    """Trains all configurations and yields snapshots: the first before any step, then at most one per `every`
    seconds, then the last.

    Args:
        configs: they agree in base, task, targets, batch and steps. `yardstick` is ignored: full fine-tuning
            is a configuration of its own here.
        device: see `pick_device`.
        stop: asked between any two steps.
        points: the steps to measure at, `evaluation_steps` unless given; the last step is always one.
        split: what is measured at the points: "test" for a run that chooses nothing by them.

    Raises:
        ValueError: at the first snapshot, when configurations disagree, a method or dropout is not for
            batches, or for what `attach` refuses.
    """
    run = _Sweep(configs, torch.device(pick_device(device)), dtype, split)
    yield run.snapshot("running")
    steps = configs[0].steps
    measured = sorted({*(evaluation_steps(steps) if points is None else points), steps})
    chunks = [run.chunk(places) for places in run.batches()]
    for until in measured:
        for chunk in chunks:
            while chunk.step < until:
                if stop():
                    yield run.snapshot("stopped")
                    return
                chunk.advance()
                if run.is_due(every):
                    yield run.snapshot("running")
            run.measure(chunk, last=until == steps)
    yield run.snapshot("done")


class _Chunk:
    """Configurations that are computed as one batch, by their places in the sweep."""

    def __init__(self, places: Sequence[int], batch: Batch, draw: Callable[[], Examples]) -> None:
        self.places, self.batch, self._draw = places, batch, draw
        self.step = 0
        self.losses = torch.empty(len(places))  # of the last minibatch
        self.diverged = torch.zeros(len(places), dtype=torch.bool)

    def advance(self) -> None:
        self.losses = self.batch.step(*self._draw())
        self.diverged = self.diverged.to(self.losses.device) | ~self.losses.isfinite()
        self.step += 1


class _Sweep:
    """What is the same for all configurations, and their curves."""

    def __init__(
        self,
        configs: Sequence[TrainConfig],
        device: torch.device,
        dtype: torch.dtype,
        split: Split = "validation",
    ) -> None:
        _check(configs)
        self.started = self.told = time.perf_counter()
        self.configs, self.device, self.dtype, self.split = configs, device, dtype, split
        self.kinds = [Kind.of(each.adapter, each.seed) for each in configs]
        self.base = load_base(configs[0].base)
        self.members = _members(self.base, configs)
        self.model = load_base(configs[0].base).to(device, dtype)  # what is measured, one after another
        self.task = load_task(configs[0].task)
        splits: set[Split] = {split, "test"}
        self.examples = {each: self._moved(self.task.examples(each)) for each in splits}
        self.chunks: list[_Chunk] = []
        self.curves = [Curve(config) for config in configs]

    def batches(self) -> list[list[int]]:
        """Places of the configurations of each batch."""
        inputs, _ = self.task.batch(self.configs[0].batch, torch.Generator())
        rows = inputs.numel() if isinstance(self.task, TextTask) else len(inputs)
        shapes = BASES[self.configs[0].base].layers
        return batches(self.kinds, at_once(shapes, rows, self.dtype.itemsize, self.device.type))

    def chunk(self, places: Sequence[int]) -> _Chunk:
        members = [self.members[place] for place in places]
        seeds = [self.configs[place].seed for place in places]
        shared = len(set(seeds)) == 1
        batch = Batch(self.base, members, shared=shared, dtype=self.dtype, device=self.device)
        generators = {seed: torch.Generator().manual_seed(seed) for seed in seeds}

        def draw() -> Examples:
            drawn = {seed: self.task.batch(self.configs[0].batch, each) for seed, each in generators.items()}
            if shared:
                return self._moved(drawn[seeds[0]])
            inputs, targets = zip(*(drawn[seed] for seed in seeds), strict=True)
            return self._moved((torch.stack(inputs), torch.stack(targets)))

        self.chunks.append(_Chunk(places, batch, draw))
        return self.chunks[-1]

    def measure(self, chunk: _Chunk, *, last: bool) -> None:
        """Adds a point to each curve, with each configuration's weights in the plain model."""
        diverged, losses = chunk.diverged.tolist(), chunk.losses.tolist()
        for k, place in enumerate(chunk.places):
            curve = self.curves[place]
            if diverged[k]:
                self.curves[place] = replace(curve, state="diverged")
                continue
            with torch.no_grad():
                for name, weight in chunk.batch.weights(k).items():
                    self.model.get_parameter(f"{name}.weight").copy_(weight)
            loss, accuracy = self._evaluate(self.split)
            curve = replace(
                curve,
                steps=[*curve.steps, chunk.step],
                train=[*curve.train, losses[k] if chunk.step else None],
                validation=[*curve.validation, loss],
                accuracy=[*curve.accuracy, accuracy],
            )
            if last:
                loss, accuracy = self._evaluate("test")
                curve = replace(curve, state="done", test_loss=loss, test_accuracy=accuracy)
            self.curves[place] = curve

    def is_due(self, every: float) -> bool:
        return time.perf_counter() - self.told >= every

    def snapshot(self, state: State) -> SweepSnapshot:
        self.told = time.perf_counter()
        if state == "stopped":
            self.curves = [
                replace(curve, state=state) if curve.state == "running" else curve for curve in self.curves
            ]
        made = sum(chunk.step * len(chunk.places) for chunk in self.chunks)
        done = made / (len(self.configs) * self.configs[0].steps)
        return SweepSnapshot(self.told - self.started, done, state, list(self.curves))

    def _evaluate(self, split: Split) -> tuple[float | None, float | None]:
        loss, accuracy = evaluate(self.model, self.examples[split])
        return loss if math.isfinite(loss) else None, accuracy

    def _moved(self, examples: Examples) -> Examples:
        inputs, targets = examples
        inputs = inputs.to(self.dtype) if inputs.is_floating_point() else inputs
        return inputs.to(self.device), targets.to(self.device)


def _members(base: nn.Module, configs: Sequence[TrainConfig]) -> list[Member]:
    """The members of a sweep; what `attach` refuses is refused here, before anything trains."""
    members = []
    gradients: dict[int, dict[str, Tensor] | None] = {}  # of each seed, for the methods that ask for them
    for config in configs:
        seed = config.seed + ADAPTER_STREAM
        if gradients.get(seed) is None:
            gradients[seed] = first_gradients(base, config, torch.Generator().manual_seed(seed))
        members.append(Member(config.adapter, config.lr, seed, config.targets, gradients[seed]))
    for member in {each.adapter: each for each in members}.values():
        if member.adapter is not None:
            model, unused = copy.deepcopy(base), torch.Generator()
            attach(model, member.adapter, generator=unused, gradients=member.gradients)
    return members


def _check(configs: Sequence[TrainConfig]) -> None:
    if not configs:
        raise ValueError("there is no configuration to train")
    for name in ("base", "task", "targets", "batch", "steps"):
        found = {getattr(config, name) for config in configs}
        if len(found) > 1:
            raise ValueError(f"configurations must agree in {name}, found: {', '.join(map(str, found))}")
