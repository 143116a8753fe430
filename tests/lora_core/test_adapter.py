"""Adapters are attached, trained, merged and taken off; the model is the same again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lora_core import AdapterConfig, attach, delta_weights, detach, merge, optimizer_for, unmerge
from lora_core.linear import LoRALinear
from tests.lora_core.net import Net, prepared, same, unchanged

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.fixture
def net(generator: torch.Generator) -> Net:
    return Net(generator)


@pytest.fixture
def tokens(generator: torch.Generator) -> Tensor:
    return torch.randint(0, 7, (4, 5), generator=generator)


def train(model: nn.Module, tokens: Tensor, steps: int = 3, **options: Any) -> None:
    optimizer = optimizer_for(model, AdapterConfig(), lr=0.05, **options)
    for _ in range(steps):
        optimizer.zero_grad()
        model(tokens).float().square().mean().backward()
        optimizer.step()


# attach


@pytest.mark.parametrize("dtype", DTYPES)
def test_attaching_changes_no_output_and_leaves_only_the_factors_to_train(
    net: Net, tokens: Tensor, dtype: torch.dtype, device: torch.device, generator: torch.Generator
) -> None:
    if device.type == "mps" and dtype == torch.float64:
        pytest.skip("MPS has no float64")
    net.to(device, dtype)
    tokens = tokens.to(device)
    before = net(tokens)
    assert attach(net, AdapterConfig(rank=2), generator=generator) is net
    assert torch.equal(net(tokens), before)
    trains = {name for name, p in net.named_parameters() if p.requires_grad}
    assert trains == {f"{name}.{factor}" for name in ("blocks.0", "blocks.1", "head") for factor in "AB"}
    train(net, tokens)
    assert net(tokens).dtype == dtype
    assert not torch.equal(net(tokens), before)
    assert all(p.grad is None for p in net.parameters() if not p.requires_grad)


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        ("all-linear", ["blocks.0", "blocks.1", "head"]),
        ("blocks", ["blocks.0", "blocks.1"]),
        (["1", "head"], ["blocks.1", "head"]),
        (r"blocks\.\d", ["blocks.0", "blocks.1"]),
        # A pattern chooses among linear modules: here it also fits the embedding and the norm.
        (r".*", ["blocks.0", "blocks.1", "head"]),
    ],
)
def test_targets(net: Net, targets: Any, names: list[str]) -> None:
    attach(net, AdapterConfig(rank=1, targets=targets))
    assert list(delta_weights(net)) == names


def test_gamma_and_dropout_reach_the_layers(net: Net) -> None:
    attach(net, AdapterConfig(rank=4, alpha=6, dropout=0.3, gamma_rule="alpha/sqrt(r)"))
    assert isinstance(net.head, LoRALinear)
    assert (net.head.scale, net.head.dropout, net.head.rank) == (3.0, 0.3, 4)


def test_the_same_generator_gives_the_same_start(net: Net) -> None:
    other = copy.deepcopy(net)
    for model in (net, other):
        attach(model, AdapterConfig(rank=2), generator=torch.Generator().manual_seed(1))
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))
    assert not torch.equal(net.head.A, net.blocks[1].A)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 3), (2, 300)])
def test_a_linear_layer_of_any_shape(shape: tuple[int, int], generator: torch.Generator) -> None:
    d_out, d_in = shape
    model = nn.Sequential(nn.Linear(d_in, d_out))
    x = torch.randn(3, d_in, generator=generator)
    attach(model, AdapterConfig(rank=min(shape)), generator=generator)
    train(model, x)
    assert delta_weights(model)["0"].shape == shape


def test_a_layer_in_two_places_is_adapted_once_and_in_both(generator: torch.Generator) -> None:
    shared = nn.Linear(3, 3)
    model = nn.ModuleDict({"first": shared, "again": shared})
    attach(model, AdapterConfig(rank=1), generator=generator)
    assert model["first"] is model["again"]
    assert list(delta_weights(model)) == ["first"]
    detach(model)
    assert model["first"] is model["again"] is shared


def test_tied_weights_stay_tied_and_only_the_adapted_place_changes(net: Net, tokens: Tensor) -> None:
    net.head.weight = net.embed.weight
    attach(net, AdapterConfig(rank=2, targets=("head",)))
    train(net, tokens)
    embedded = net.embed(tokens)
    merge(net)
    assert torch.equal(net.embed(tokens), embedded)
    detach(net)
    assert net.head.weight is net.embed.weight


class Doubled(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def test_a_linear_layer_with_a_forward_of_its_own_is_not_taken(generator: torch.Generator) -> None:
    model = nn.Sequential(Doubled(2, 2), nn.Linear(2, 2))
    with pytest.warns(UserWarning, match=r"not adapted, having a forward of its own: 0 \(Doubled\)"):
        attach(model, AdapterConfig(rank=1), generator=generator)
    assert list(delta_weights(model)) == ["1"]
    detach(model)
    with pytest.raises(ValueError, match="0 is of class Doubled, expected a linear module"):
        attach(model, AdapterConfig(rank=1, targets=("0", "1")))


def test_a_transformers_fast_path_sees_the_adapter(generator: torch.Generator) -> None:
    model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).double()
    attach(model, AdapterConfig(rank=2), generator=generator)
    x = torch.randn(2, 3, 8, generator=generator, dtype=torch.float64)
    train(model, x)
    slow = model(x)
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(model(x), slow.detach())


# detach, merge, unmerge


LIVES: dict[str, Callable[[nn.Module], object]] = {
    "attached": lambda model: None,
    "merged": merge,
    "merged and unmerged": lambda model: unmerge(merge(model)),
    "evaluated": lambda model: merge(model.eval()).train(),
}


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_detach_gives_back_everything(
    net: Net, tokens: Tensor, life: str, dtype: torch.dtype, generator: torch.Generator
) -> None:
    net.to(dtype)
    prepared(net)
    before = net(tokens)
    with unchanged(net):
        attach(net, AdapterConfig(rank=3), generator=generator)
        train(net, tokens)
        LIVES[life](net)
        assert detach(net) is net
    assert torch.equal(net(tokens), before)


@given(st.integers(0, 2**31), st.sampled_from([1e-4, 1.0, 1e4]))
def test_unmerge_is_exact(seed: int, size: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    net = Net(generator)
    tokens = torch.randint(0, 7, (2, 3), generator=generator)
    attach(net, AdapterConfig(rank=2), generator=generator)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.endswith(".B"):
                parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    before = net(tokens)
    unmerge(merge(net))
    assert torch.equal(net(tokens), before)
    assert same(state, dict(net.state_dict()))


def test_merged_computes_the_same_with_one_matrix(net: Net, tokens: Tensor) -> None:
    net.double()
    attach(net, AdapterConfig(rank=2, dropout=0.5))
    train(net, tokens)
    net.eval()
    plain, dense = net(tokens), Net(torch.Generator()).double()
    state = {
        name.replace(".base", ""): t
        for name, t in net.state_dict().items()
        if not name.endswith((".A", ".B"))
    }
    for name, delta in delta_weights(net).items():
        state[f"{name}.weight"] = state[f"{name}.weight"] + delta
    dense.load_state_dict(state)
    torch.testing.assert_close(net(tokens), dense(tokens))
    assert merge(net) is net
    torch.testing.assert_close(net(tokens), plain)
    torch.testing.assert_close(net.train()(tokens), plain)  # a merged layer has no input of A to drop from


def test_deltas_are_gamma_b_a_merged_or_not(net: Net, tokens: Tensor) -> None:
    net.double()
    attach(net, AdapterConfig(rank=2, alpha=5))
    assert all(torch.count_nonzero(delta) == 0 for delta in delta_weights(net).values())
    train(net, tokens)
    head = net.head
    assert isinstance(head, LoRALinear)
    deltas = delta_weights(net)
    torch.testing.assert_close(deltas["head"], (2.5 * head.B @ head.A).detach())
    assert not any(delta.requires_grad for delta in deltas.values())
    merge(net)
    assert same(deltas, delta_weights(net))


# optimizer_for


def test_the_optimizer_trains_the_factors_and_nothing_else(net: Net, tokens: Tensor) -> None:
    attach(net, AdapterConfig(rank=2))
    optimizer = optimizer_for(net, AdapterConfig(), lr=1e-3)
    (group,) = optimizer.param_groups
    assert {id(p) for p in group["params"]} == {id(p) for p in net.parameters() if p.requires_grad}
    assert (group["lr"], group["weight_decay"]) == (1e-3, 0.0)
    assert isinstance(optimizer, torch.optim.AdamW)


def test_options_reach_adamw(net: Net) -> None:
    attach(net, AdapterConfig(rank=2))
    (group,) = optimizer_for(net, AdapterConfig(), lr=1e-3, weight_decay=0.1, betas=(0.8, 0.9)).param_groups
    assert (group["weight_decay"], group["betas"]) == (0.1, (0.8, 0.9))
