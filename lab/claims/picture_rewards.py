"""Policy gradient on pictures: the MLP names a digit that is turned by 45°, and is told whether it was right.

    L = −1/N Σ Aₙ p(yₙ)/q(yₙ),  Aₙ = Rₙ − mean of R over the batch,  yₙ ~ q = softmax of the logits

One update for each batch, so p = q. Float64: what is computed in the same batch shall not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from lora_core.config import AdapterConfig

if TYPE_CHECKING:
    from lab.bases.tasks import Split


def learn(
    members: Sequence[tuple[AdapterConfig | None, float, int]],
    *,
    steps: int,
    size: int,
    split: Split,
    stop: Callable[[], bool],
) -> Iterator[tuple[list[list[float]], list[float]]]:
    """Trains all members: adapter or None for full fine-tuning, learning rate, seed.

    Yields:
        After every tenth step the share rewarded at each step so far, of each member, and no accuracies; in
        the end also the accuracies on a split. It ends without them once `stop` says so.
    """
    import torch

    from lab.bases.models import load_base
    from lab.bases.tasks import evaluate, load_task
    from lab.runs.fine_tune import ADAPTER_STREAM
    from lab.runs.reinforce import advantages_of, policy_loss
    from lab.sweep.batch import Batch, Member

    base, task = load_base("mlp-mnist"), load_task("rotated")
    made = [Member(adapter, lr, seed + ADAPTER_STREAM) for adapter, lr, seed in members]
    batch = Batch(base, made, shared=False, dtype=torch.float64)
    generators = [torch.Generator().manual_seed(seed) for _, _, seed in members]
    rewards: list[list[float]] = [[] for _ in members]
    for step in range(steps):
        if stop():
            return
        drawn = [task.batch(size, generator) for generator in generators]
        inputs, labels = (torch.stack(each) for each in zip(*drawn, strict=True))  # (K, N, 196), (K, N)
        uniform = torch.stack([torch.rand(size, generator=each, dtype=torch.float64) for each in generators])
        logits = batch.forward(inputs.double())
        log_p = logits.detach().log_softmax(-1)  # (K, N, 10)
        passed = log_p.exp().cumsum(-1) < uniform[..., None]
        named = passed.sum(-1).clamp(max=log_p.shape[-1] - 1)
        right = (named == labels).double()
        log_q = log_p.gather(-1, named[..., None])
        batch.update(policy_loss(logits[:, :, None], named[..., None], log_q, advantages_of(right, size)))
        for each, share in zip(rewards, right.mean(1).tolist(), strict=True):
            each.append(share)
        if step % 10 == 9 and step + 1 < steps:
            yield [list(each) for each in rewards], []
    examples, accuracies = task.examples(split, 2000), []
    for k in range(len(members)):
        with torch.no_grad():
            for name, weight in batch.weights(k).items():
                base.get_parameter(f"{name}.weight").copy_(weight)
        _, accuracy = evaluate(base, examples)
        assert accuracy is not None
        accuracies.append(accuracy)
    yield rewards, accuracies


def base_accuracy(split: Split) -> float:
    """Of the MLP before it learns."""
    from lab.bases.models import load_base
    from lab.bases.tasks import evaluate, load_task

    _, accuracy = evaluate(load_base("mlp-mnist"), load_task("rotated").examples(split, 2000))
    assert accuracy is not None
    return accuracy
