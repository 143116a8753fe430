"""Training LoRA: one run, and a sweep of many, against PEFT with AdamW.

Both sides start from the same A, see the same minibatches and must tell the same losses before they are
timed. PEFT gets the quickest of AdamW's three implementations; its runs go one after another.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from benchmarks.measure import Work, entry, fastest, micro, ratios, side_by_side
from lab.bases.models import GPT, MLP
from lab.bases.tasks import Batch as Examples
from lab.bases.tasks import loss_of
from lab.sweep.batch import Batch, Member
from lab.sweep.plan import Kind, at_once, batches
from lora_core import AdapterConfig
from lora_core.adapter import linear_layers
from lora_core.config import select

ALPHA = 16.0
OPTIMIZERS = {"plain": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}
RATES = tuple(1e-4 * 2**power for power in range(6))


def single_mlp(rounds: int) -> dict[str, Any]:
    """Steps a second of one run on the MLP 64-256-256-10, batch 64, r = 8, all three matrices."""
    return {"single_mlp": _single(_mlp(), _pictures(64), 2.0, rounds)}


def single_gpt(rounds: int) -> dict[str, Any]:
    """The same for the character GPT, d = 64, 2 blocks, 16 texts of 64, all matrices of the blocks."""
    return {"single_gpt": _single(_gpt(), _texts(16), 1.3, rounds, targets="blocks")}


def sweep_mlp(rounds: int) -> dict[str, Any]:
    """36 configurations, 6 ranks and 6 rates, of the MLP; ranks above 10 do not fit its head."""
    members = [Member(_adapter(rank, "blocks"), lr, 0) for rank in (1, 2, 4, 8, 16, 32) for lr in RATES]
    return {"sweep_mlp": _sweep(_mlp(), _pictures(64), members, 6.0, rounds, steps=5)}


def sweep_gpt(rounds: int) -> dict[str, Any]:
    """16 configurations, 4 ranks and 4 rates, of the GPT."""
    members = [Member(_adapter(rank, "blocks"), lr, 0) for rank in (1, 4, 16, 32) for lr in RATES[1:5]]
    return {"sweep_gpt": _sweep(_gpt(), _texts(16), members, 2.0, rounds, steps=1)}


class Ours:
    """Members in batches of the size that a sweep chooses."""

    def __init__(self, model: GPT | MLP, members: Sequence[Member], data: Sequence[Examples]) -> None:
        _, targets = data[0]
        shapes = {name: tuple(layer.weight.shape) for name, layer in linear_layers(model).items()}
        kinds = [Kind.of(member.adapter, 0) for member in members]
        self.places = batches(kinds, at_once(shapes, targets.numel(), 4))  # type: ignore[arg-type]
        self.batches = [Batch(model, [members[place] for place in each], shared=True) for each in self.places]
        self.data = [cycle(data) for _ in self.batches]

    def advance(self, steps: int) -> Tensor:
        """Losses of the last step, in the members' order."""
        losses = torch.empty(sum(map(len, self.places)))
        for places, batch, data in zip(self.places, self.batches, self.data, strict=True):
            for _ in range(steps):
                losses[places] = batch.step(*next(data))
        return losses

    def starts(self, member: int) -> dict[str, Tensor]:
        """A of each layer (r, d_in), as it is now."""
        for places, batch in zip(self.places, self.batches, strict=True):
            if member in places:
                return {name: A.clone() for name, (A, _) in batch.factors(places.index(member)).items()}
        raise ValueError(f"no member {member}")


class Peft:
    """One run of PEFT."""

    def __init__(
        self,
        model: nn.Module,
        member: Member,
        starts: dict[str, Tensor],
        data: Sequence[Examples],
        optimizer: str,
    ) -> None:
        adapter = member.adapter
        assert adapter is not None
        config = LoraConfig(r=adapter.rank, lora_alpha=adapter.alpha, target_modules=list(starts))
        self.model = get_peft_model(copy.deepcopy(model), config)
        for name, A in starts.items():
            self.model.base_model.model.get_submodule(name).lora_A["default"].weight.data.copy_(A)
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        options: dict[str, Any] = OPTIMIZERS[optimizer]
        self.optimizer = torch.optim.AdamW(trained, lr=member.lr, weight_decay=0.0, **options)
        self.data = cycle(data)

    def advance(self, steps: int) -> Tensor:
        """The loss of the last step."""
        for _ in range(steps):
            self.optimizer.zero_grad()
            loss = loss_of(self.model, next(self.data))
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
        return loss.detach()


def _single(
    model: GPT | MLP, data: Sequence[Examples], target: float, rounds: int, *, targets: str = "all-linear"
) -> dict[str, Any]:
    member = Member(_adapter(8, targets), 1e-3, 0)
    ours, peers, best = _both(model, [member], data)
    ways: dict[str, Work] = {"peer": lambda: peers[0].advance(1), "ours": lambda: ours.advance(1)}
    ways["floor"] = _products(model, member, data[0], ours=1)
    seconds = side_by_side(ways, rounds)
    return entry(
        ratios(seconds["peer"], seconds["ours"]),
        target,
        "higher",
        f"PEFT with {best} AdamW {micro(seconds['peer'])} a step, here {micro(seconds['ours'])}; "
        + _share(seconds, 1),
    )


def _sweep(
    model: GPT | MLP,
    data: Sequence[Examples],
    members: Sequence[Member],
    target: float,
    rounds: int,
    *,
    steps: int,
) -> dict[str, Any]:
    ours, peers, best = _both(model, members, data)
    size = len(ours.places[0])
    ways: dict[str, Work] = {
        "peer": lambda: [peer.advance(steps) for peer in peers],
        "ours": lambda: ours.advance(steps),
        "floor": _products(model, members[0], data[0], ours=size),
    }
    seconds = side_by_side(ways, rounds)
    each = {name: [value / len(members) / steps for value in values] for name, values in seconds.items()}
    each["floor"] = [value / size for value in seconds["floor"]]
    return entry(
        ratios(seconds["peer"], seconds["ours"]),
        target,
        "higher",
        f"a configuration and step: PEFT with {best} AdamW {micro(each['peer'])}, here {micro(each['ours'])} "
        f"in batches of {size}; " + _share(each, size),
    )


def _share(seconds: dict[str, list[float]], size: int) -> str:
    """What bounds it: the dense products alone, which no arrangement of the same arithmetic avoids."""
    floor, ours, peer = (statistics.median(seconds[name]) for name in ("floor", "ours", "peer"))
    return (
        f"the products with W alone are {floor / ours:.0%} of that, so that the most there could be is "
        f"{peer / floor:.1f}"
    )


def _both(
    model: GPT | MLP, members: Sequence[Member], data: Sequence[Examples]
) -> tuple[Ours, list[Peft], str]:
    """Both sides at the same start, with PEFT's best optimiser, once they told the same losses."""
    first = Ours(model, members[:1], data)
    trial = {name: Peft(model, members[0], first.starts(0), data, name) for name in OPTIMIZERS}
    best = fastest({name: _steps(peer, 5) for name, peer in trial.items()})

    def fresh() -> tuple[Ours, list[Peft]]:
        ours = Ours(model, members, data)
        return ours, [Peft(model, each, ours.starts(k), data, best) for k, each in enumerate(members)]

    ours, peers = fresh()
    for _ in range(3):
        expected = torch.stack([peer.advance(1) for peer in peers])
        torch.testing.assert_close(ours.advance(1), expected, rtol=1e-3, atol=1e-3)
    return *fresh(), best


def _steps(peer: Peft, steps: int) -> Callable[[], Tensor]:
    return lambda: peer.advance(steps)


@torch.no_grad()
def _products(model: GPT | MLP, member: Member, batch: Examples, *, ours: int) -> Work:
    """The products with the frozen matrices that a step cannot do without.

    They are x Wᵀ of every layer and dy W of every layer but the first, whose input all configurations share.
    """
    rows = batch[1].numel()
    layers = linear_layers(model)
    first = select(layers, member.targets)[0]
    products = []
    for name, layer in layers.items():
        W = layer.weight.detach()
        n = rows if name == first else rows * ours
        x, y = torch.randn(n, W.shape[1]), torch.randn(n, W.shape[0])
        products.append((x, W.mT, torch.empty_like(y)))
        if name != first:
            products.append((y, W, torch.empty_like(x)))

    def work() -> None:
        with torch.no_grad():
            for left, right, out in products:
                torch.mm(left, right, out=out)

    return work


def _adapter(rank: int, targets: str) -> AdapterConfig:
    return AdapterConfig(rank=rank, alpha=ALPHA, targets=targets)


def _mlp() -> MLP:
    return MLP(inputs=64, width=256, generator=torch.Generator().manual_seed(0))


def _gpt() -> GPT:
    return GPT(generator=torch.Generator().manual_seed(0))


def _pictures(size: int) -> list[Examples]:
    g = torch.Generator().manual_seed(1)
    return [(torch.randn(size, 64, generator=g), torch.randint(10, (size,), generator=g)) for _ in range(32)]


def _texts(size: int) -> list[Examples]:
    g = torch.Generator().manual_seed(1)
    texts = [torch.randint(192, (size, 65), generator=g) for _ in range(8)]
    return [(text[:, :-1].contiguous(), text[:, 1:].contiguous()) for text in texts]
