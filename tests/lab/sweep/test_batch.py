"""Many runs in one batch, each the same as on its own."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lab.bases.models import GPT, MLP
from lab.bases.tasks import Batch as Examples
from lab.bases.tasks import loss_of
from lab.sweep.batch import Batch, Member
from lora_core import AdapterConfig, attach, delta_weights, optimizer_for
from lora_core.adapter import linear_layers
from lora_core.config import Targets, select

F64 = torch.float64
CPU = torch.device("cpu")


def varied(targets: Targets) -> list[Member]:
    """One of each: ranks, α, rates, seeds, rules of γ, methods."""
    some = AdapterConfig(rank=1, alpha=16, targets=targets)
    return [
        Member(some, 1e-3, 0),
        Member(replace(some, rank=4, method="rslora"), 2e-3, 1),
        Member(replace(some, rank=8, method="lora+"), 2e-4, 2),
        Member(replace(some, rank=10, alpha=32), 1e-3, 3),
        Member(replace(some, rank=3, alpha=2, gamma_rule="constant"), 5e-4, 3),
    ]


def whole(targets: Targets) -> list[Member]:
    return [Member(None, lr, 0, targets) for lr in (1e-3, 2e-4, 5e-4)]


def offset(targets: Targets) -> list[Member]:
    """W − γ B₀A₀ is another matrix for each: by rank and γ, by what it starts from."""
    some = AdapterConfig(method="pissa", rank=1, alpha=16, targets=targets)
    return [
        Member(some, 1e-3, 0),
        Member(replace(some, rank=4, alpha=32), 5e-4, 1),
        Member(replace(some, rank=6, method="lora-ga"), 1e-3, 2),
        Member(replace(some, rank=2, method="lora-ga", gamma_rule="constant", alpha=1.0), 1e-3, 3),
    ]


def decomposed(targets: Targets) -> list[Member]:
    some = AdapterConfig(method="dora", rank=1, alpha=16, targets=targets)
    return [Member(replace(some, rank=rank), 1e-3, rank) for rank in (1, 4, 10)]


def quantised(targets: Targets) -> list[Member]:
    some = AdapterConfig(method="qlora", rank=1, alpha=16, targets=targets)
    return [Member(replace(some, rank=rank), 1e-3, rank) for rank in (1, 4, 10)]


def gradients(model: GPT | MLP) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(3)
    return {
        name: torch.randn(layer.weight.shape, generator=g) for name, layer in linear_layers(model).items()
    }


def alone(base: GPT | MLP, member: Member, data: list[Examples]) -> tuple[list[float], dict[str, Tensor]]:
    """Losses and ΔW of one member by the plain path: attach, optimizer_for, autograd, in float64."""
    model = copy.deepcopy(base)
    if member.adapter is not None:
        generator = torch.Generator().manual_seed(member.seed)
        attach(model, member.adapter, generator=generator, gradients=member.gradients).to(F64)
        optimizer = optimizer_for(model, member.adapter, lr=member.lr)
    else:
        model.to(F64).requires_grad_(False)
        names = select(linear_layers(model), member.targets)
        weights = [model.get_parameter(f"{name}.weight").requires_grad_() for name in names]
        before = [weight.detach().clone() for weight in weights]
        optimizer = torch.optim.AdamW(weights, lr=member.lr, weight_decay=0.0)
    losses = []
    for batch in data:
        optimizer.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    if member.adapter is not None:
        return losses, delta_weights(model)
    pairs = zip(names, weights, before, strict=True)
    return losses, {name: weight.detach() - start for name, weight, start in pairs}


def minibatches(kind: str, count: int, *shape: int) -> Examples:
    g = torch.Generator().manual_seed(7)
    if kind == "mlp":
        *lead, _ = shape
        return torch.randn(count, *shape, generator=g, dtype=F64), torch.randint(
            10, (count, *lead), generator=g
        )
    return tuple(torch.randint(192, (count, *shape), generator=g) for _ in range(2))  # type: ignore[return-value]


CASES = [
    ("mlp", "blocks", (16, 196), 40),
    ("mlp", "all-linear", (16, 196), 40),
    ("mlp", ("head",), (8, 196), 10),
    ("mlp", ("blocks.1",), (8, 196), 10),
    ("gpt", "blocks", (4, 64), 5),
    ("gpt", "all-linear", (2, 17), 5),
    ("gpt", ("head",), (2, 9), 4),
    ("gpt", ("up", "down"), (2, 9), 4),
    ("gpt", ("blocks.1.attn.proj",), (2, 9), 4),
    ("gpt", ("down",), (2, 9), 4),
]


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
@pytest.mark.parametrize("make", [varied, whole, offset, decomposed, quantised])
@pytest.mark.parametrize(("kind", "targets", "rows", "steps"), CASES, ids=str)
def test_each_member_is_its_lone_run(
    kind: str, targets: Targets, rows: tuple[int, int], steps: int, make: object, shared: bool
) -> None:
    base = MLP(generator=torch.Generator().manual_seed(1)) if kind == "mlp" else _gpt()
    members = [replace(each, gradients=gradients(base)) for each in make(targets)]  # type: ignore[operator]
    lead = () if shared else (len(members),)
    inputs, classes = minibatches(kind, steps, *lead, *rows)
    batch = Batch(base, members, shared=shared, dtype=F64)
    losses = torch.stack([batch.step(*data) for data in zip(inputs, classes, strict=True)], dim=1)
    for k, member in enumerate(members):
        own = [(x, y) if shared else (x[k], y[k]) for x, y in zip(inputs, classes, strict=True)]
        expected, deltas = alone(base, member, own)
        assert losses[k].tolist() == pytest.approx(expected, abs=1e-12, rel=0)
        found = batch.deltas(k)
        assert found.keys() == deltas.keys()
        for name, delta in found.items():
            torch.testing.assert_close(delta, deltas[name].to(F64), rtol=0, atol=1e-11)


def _gpt() -> GPT:
    return GPT(generator=torch.Generator().manual_seed(1))


def test_high_rank_with_many_rows_is_its_lone_run() -> None:
    """The way through dW."""
    members = [Member(AdapterConfig(rank=rank, alpha=16), 1e-3, rank) for rank in (32, 64)]
    inputs, classes = minibatches("gpt", 3, 8, 64)
    batch = Batch(_gpt(), members, shared=True, dtype=F64)
    losses = torch.stack([batch.step(*data) for data in zip(inputs, classes, strict=True)], dim=1)
    for k, member in enumerate(members):
        expected, _ = alone(_gpt(), member, list(zip(inputs, classes, strict=True)))
        assert losses[k].tolist() == pytest.approx(expected, abs=1e-12, rel=0)


def test_a_row_of_zeros_has_no_direction_and_is_its_lone_run() -> None:
    """DoRA's m / ‖V‖ is 1 there until B moves, and m = 0 from then on."""
    base = MLP(generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        base.get_parameter("blocks.1.weight")[3] = 0
    member = Member(AdapterConfig(method="dora", rank=3, alpha=16), 1e-3, 0)
    inputs, classes = minibatches("mlp", 5, 8, 196)
    batch = Batch(base, [member], shared=True, dtype=F64)
    losses = [batch.step(*data).item() for data in zip(inputs, classes, strict=True)]
    expected, _ = alone(base, member, list(zip(inputs, classes, strict=True)))
    assert losses == pytest.approx(expected, abs=1e-12, rel=0)
    assert not batch.weights(0)["blocks.1"][3].any()


def test_padding_stays_zero_and_factors_have_their_own_rank() -> None:
    members = varied("blocks")
    batch = Batch(MLP(), members, shared=True, dtype=F64)
    inputs, classes = minibatches("mlp", 5, 16, 196)
    for data in zip(inputs, classes, strict=True):
        batch.step(*data)
    for tensor in batch.parameters:
        for k, member in enumerate(members):
            assert member.adapter is not None
            assert not tensor[k, member.adapter.rank :].any()
            assert tensor[k, : member.adapter.rank].any()
    for k, member in enumerate(members):
        assert member.adapter is not None
        for name, (A, B) in batch.factors(k).items():
            assert (len(A), B.shape[1]) == (member.adapter.rank,) * 2
            torch.testing.assert_close(
                member.adapter.gamma * B @ A, batch.deltas(k)[name], rtol=0, atol=1e-13
            )
    with pytest.raises(ValueError, match="no factors"):
        Batch(MLP(), whole("blocks"), shared=True, dtype=F64).factors(0)


def test_one_member_that_diverges_leaves_the_others_alone() -> None:
    calm = Member(AdapterConfig(rank=4), 1e-3, 0)
    wild = Member(AdapterConfig(rank=4), 1e160, 1)  # B A overflows after two steps
    inputs, classes = minibatches("mlp", 6, 8, 196)

    def losses(*members: Member) -> Tensor:
        batch = Batch(
            MLP(generator=torch.Generator().manual_seed(1)),
            members,
            shared=True,
            dtype=F64,
        )
        return torch.stack([batch.step(*data) for data in zip(inputs, classes, strict=True)], dim=1)

    both = losses(wild, calm)
    assert not both[0].isfinite().all()
    torch.testing.assert_close(both[1], losses(calm)[0], rtol=0, atol=1e-13)


def test_a_batch_refuses_what_it_cannot_do() -> None:
    def build(*members: Member) -> None:
        Batch(MLP(), members, shared=True, dtype=F64)

    for method, why in (("adalora", "budget"), ("lora-pro", "whole gradient")):
        with pytest.raises(ValueError, match=rf"'{method}'.*{why}.* one of: lora, .*, qlora, or none"):
            Member(AdapterConfig(method=method), 1e-3, 0)
    with pytest.raises(ValueError, match="dropout"):
        Member(AdapterConfig(dropout=0.1), 1e-3, 0)
    with pytest.raises(ValueError, match="same matrices"):
        build(Member(AdapterConfig(rank=2), 1e-3, 0), Member(None, 1e-3, 0, "all-linear"))
    with pytest.raises(ValueError, match="same matrices"):
        build(Member(None, 1e-3, 0, "blocks"), Member(None, 1e-3, 0, "all-linear"))
    with pytest.raises(ValueError, match="same form"):
        build(Member(AdapterConfig(rank=2), 1e-3, 0), Member(AdapterConfig(rank=2, method="dora"), 1e-3, 0))
    with pytest.raises(ValueError, match="needs the gradient"):
        build(Member(AdapterConfig(rank=2, method="lora-ga"), 1e-3, 0))
    with pytest.raises(ValueError, match="'embed'"):
        build(Member(None, 1e-3, 0, ("head", "embed")))
    with pytest.raises(ValueError, match="rank is 11"):
        build(Member(AdapterConfig(rank=11), 1e-3, 0))
