"""Pictures with random labels, to be learned by heart: nothing helps but room to store them.

Each seed has its own pictures and its own labels. The pictures come from the training split of Fashion-MNIST,
the model is the MLP with its blocks' matrices adapted, all of them unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lora_core.config import AdapterConfig, Targets

LABELS = 10


@dataclass(frozen=True)
class Learner:
    """rank None is full fine-tuning. seed: of pictures, labels, minibatches and A's start."""

    rank: int | None
    lr: float
    seed: int
    alpha: float = 32.0
    targets: Targets = "blocks"


@dataclass(frozen=True)
class Learned:
    """At the end, over the pictures learned: mean loss in nats, None if not finite, and the share right."""

    loss: float | None
    accuracy: float


def memorise(
    learners: Sequence[Learner], *, images: int, steps: int, batch: int, stop: Callable[[], bool]
) -> Iterator[tuple[float, dict[Learner, Learned]]]:
    """Trains all learners; yields the share of the work done, and those that have ended."""
    import torch
    import torch.nn.functional as F

    from lab.bases.models import load_base
    from lab.bases.tasks import ImageTask, load_task, scaled
    from lab.sweep.batch import Batch, Member

    task, base = load_task("fashion"), load_base("mlp-mnist")
    assert isinstance(task, ImageTask)
    found: dict[Learner, Learned] = {}
    groups: dict[object, list[Learner]] = {}
    for each in learners:
        groups.setdefault((each.rank is None, each.targets), []).append(each)
    for group in groups.values():
        members, sets, draws = [], [], []
        for each in group:
            generator = torch.Generator().manual_seed(each.seed)
            pixels = task.splits["train"][0]
            chosen = torch.randperm(len(pixels), generator=generator)[:images]
            labels = torch.randint(LABELS, (images,), generator=generator)
            sets.append((scaled(pixels[chosen]), labels))
            draws.append(generator)
            adapter = None
            if each.rank is not None:
                adapter = AdapterConfig(rank=each.rank, alpha=each.alpha, targets=each.targets)
            members.append(Member(adapter, each.lr, each.seed + 2**32, each.targets))
        pictures = torch.stack([x for x, _ in sets])  # (K, images, 196)
        labels = torch.stack([y for _, y in sets])  # (K, images)
        trainer = Batch(base, members, shared=False)
        place = torch.arange(len(group))[:, None]
        for step in range(steps):
            if stop():
                return
            drawn = torch.stack([torch.randint(images, (batch,), generator=each) for each in draws])
            trainer.step(pictures[place, drawn], labels[place, drawn])
            yield (len(found) + len(group) * step / steps) / len(learners), found
        for k, each in enumerate(group):
            with torch.no_grad():
                for name, weight in trainer.weights(k).items():
                    base.get_parameter(f"{name}.weight").copy_(weight)
                logits = base(pictures[k])
            loss = F.cross_entropy(logits, labels[k]).item()
            right = (logits.argmax(1) == labels[k]).float().mean().item()
            found = {**found, each: Learned(loss if loss < float("inf") else None, right)}
        base = load_base("mlp-mnist")
    if found:
        yield 1.0, found
