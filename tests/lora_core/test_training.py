"""The training loop against the same steps by hand."""

import math
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lora_core import AdapterConfig, attach, optimizer_for, train
from lora_core.training import gradient_norm

Batch = tuple[Tensor, Tensor]


def model(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5, bias=False), nn.Tanh(), nn.Linear(5, 3, bias=False)).double()


def adam(net: nn.Module, lr: float = 1e-2) -> torch.optim.Optimizer:
    return torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.0)


def batches(count: int) -> Iterator[Batch]:
    g = torch.Generator().manual_seed(1)
    for _ in range(count):
        yield torch.randn(4, 6, generator=g, dtype=torch.float64), torch.randint(3, (4,), generator=g)


def loss(net: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(net(batch[0]), batch[1])


def by_hand(net: nn.Module, count: int, rates: list[float]) -> list[float]:
    optimizer, found = adam(net), []
    for batch, rate in zip(batches(count), rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        value = loss(net, batch)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        found.append(value.item())
    return found


def same(one: nn.Module, two: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


@pytest.mark.parametrize("schedule", [None, lambda step: 1 / (1 + step)], ids=["constant", "falling"])
def test_it_is_zero_grad_backward_and_step(schedule: object) -> None:
    one, two = model(), model()
    steps = list(train(one, adam(one), loss, batches(5), schedule=schedule))  # type: ignore[arg-type]
    rates = [1e-2 * (schedule(step) if callable(schedule) else 1) for step in range(5)]
    assert [step.losses[0] for step in steps] == by_hand(two, 5, rates)
    assert [step.number for step in steps] == [1, 2, 3, 4, 5]
    assert same(one, two)


def test_each_group_keeps_its_share_of_the_rate() -> None:
    net = attach(model(), AdapterConfig("lora+", rank=2))
    optimizer = optimizer_for(net, AdapterConfig("lora+", rank=2), lr=1e-3)
    before = [group["lr"] for group in optimizer.param_groups]
    assert len(set(before)) == 2
    for _ in train(net, optimizer, loss, batches(2), schedule=lambda step: 0.5**step):
        pass
    assert [group["lr"] for group in optimizer.param_groups] == [rate / 2 for rate in before]


def test_models_side_by_side_are_their_lone_runs() -> None:
    one, two, alone = model(0), model(1), model(1)
    steps = list(train(one, adam(one), loss, batches(4), beside=[(two, adam(two))]))
    assert [step.losses[1] for step in steps] == by_hand(alone, 4, [1e-2] * 4)
    assert same(two, alone)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_updates_nothing_and_ends_it(bad: float) -> None:
    one, two, good = model(), model(1), model()
    by_hand(good, 2, [1e-2] * 2)
    calls: list[nn.Module] = []

    def breaks(net: nn.Module, batch: Batch) -> Tensor:
        calls.append(net)
        return loss(net, batch) * (bad if net is two and len(calls) > 4 else 1)

    *_, before, last = train(one, adam(one), breaks, batches(9), beside=[(two, adam(two))])
    assert (before.number, last.number) == (2, 2)
    assert (before.finite, last.finite) == (True, False)
    assert len(calls) == 6
    assert same(one, good)


def test_the_norm_is_that_of_one_long_gradient() -> None:
    one = model()
    (step,) = train(one, adam(one), loss, batches(1), norms=True)
    whole = torch.cat([p.grad.flatten() for p in one.parameters() if p.grad is not None])
    assert step.norms == pytest.approx([whole.norm().item()], rel=1e-12)
    one.zero_grad()
    assert gradient_norm(adam(one)) == 0


def test_a_norm_that_is_not_finite_ends_it_too() -> None:
    one, start = model(), model()

    def steep(net: nn.Module, batch: Batch) -> Tensor:
        return (loss(net, batch) - loss(net, batch).detach()).sqrt()  # 0, of infinite slope

    (step,) = train(one, adam(one), steep, batches(3), norms=True)
    assert step.losses[0] == 0
    assert not step.finite
    assert same(one, start)


def test_nothing_trains_that_nobody_asks_for() -> None:
    one, start, drawn = model(), model(), []
    running = train(one, adam(one), loss, (drawn.append(batch) or batch for batch in batches(3)))
    assert same(one, start)
    next(running)
    assert len(drawn) == 1
