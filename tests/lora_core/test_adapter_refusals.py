"""What cannot be done with an adapter: a ValueError each, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from lora_core import (
    AdapterConfig,
    attach,
    delta_weights,
    detach,
    load_adapter,
    merge,
    optimizer_for,
    save_adapter,
    unmerge,
)
from tests.lora_core.net import Net, prepared, unchanged


@pytest.fixture
def net(generator: torch.Generator) -> Net:
    return Net(generator)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            AdapterConfig(targets=("q_proj",)),
            "no module matches 'q_proj'; linear modules are: blocks.0, blocks.1, head",
        ),
        (AdapterConfig(targets="embed|norm"), r"no module matches 'embed\|norm'"),
        (AdapterConfig(rank=7), r"rank is 7, expected 1 to 6 for blocks.0 of shape \(8, 6\)"),
    ],
)
def test_attach_refuses(net: Net, config: AdapterConfig, message: str) -> None:
    prepared(net)
    with unchanged(net), pytest.raises(ValueError, match=message):
        attach(net, config)


def test_attach_refuses_when_a_later_layer_cannot_be_adapted(net: Net) -> None:
    prepared(net)
    net.head.weight = nn.Parameter(torch.zeros(7, 6, dtype=torch.int8), requires_grad=False)
    with unchanged(net), pytest.raises(ValueError, match=r"weight is torch\.int8"):
        attach(net, AdapterConfig(rank=1))


def test_attach_refuses_a_second_adapter(net: Net) -> None:
    attach(net, AdapterConfig(rank=1, targets=("head",)))
    with unchanged(net), pytest.raises(ValueError, match="an adapter is attached already; detach it first"):
        attach(net, AdapterConfig(rank=1, targets=("blocks.0",)))
    detach(net)
    attach(net, AdapterConfig(rank=1, targets=("blocks.0",)))


def test_a_lazy_layer_must_know_its_shape_first(generator: torch.Generator) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.LazyLinear(2))
    with pytest.raises(ValueError, match=r"1\.weight has no shape yet; send a batch through the model first"):
        attach(model, AdapterConfig(rank=1))
    assert model[0].weight.requires_grad
    model(torch.randn(1, 2, generator=generator))
    attach(model, AdapterConfig(rank=1), generator=generator)


def test_a_model_that_is_a_linear_layer_has_no_place_for_one() -> None:
    with pytest.raises(ValueError, match="no module matches 'all-linear'; linear modules are: none"):
        attach(nn.Linear(2, 2), AdapterConfig(rank=1))


def test_an_unknown_method_is_refused_with_the_list() -> None:
    with pytest.raises(ValueError, match="method is 'dorra', expected one of: lora, "):
        AdapterConfig(method="dorra")


@pytest.mark.parametrize(
    "verb",
    [
        detach,
        merge,
        unmerge,
        delta_weights,
        lambda model: save_adapter(model, "nowhere"),
        lambda model: optimizer_for(model, AdapterConfig(), lr=1.0),
    ],
)
def test_without_an_adapter_nothing_can_be_done_with_it(
    net: Net, verb: Callable[[nn.Module], object]
) -> None:
    with unchanged(net), pytest.raises(ValueError, match="no adapter is attached"):
        verb(net)


def test_merging_twice_and_unmerging_twice_are_refused(net: Net) -> None:
    attach(net, AdapterConfig(rank=1))
    with unchanged(net), pytest.raises(ValueError, match="the adapter is not merged"):
        unmerge(net)
    merge(net)
    with unchanged(net), pytest.raises(ValueError, match="merged already; unmerge it first"):
        merge(net)
    with unchanged(net), pytest.raises(ValueError, match="nothing would train; unmerge it first"):
        optimizer_for(net, AdapterConfig(), lr=1.0)


def test_an_adapter_is_taken_off_and_saved_where_it_was_attached(net: Net) -> None:
    attach(net, AdapterConfig(rank=1))
    for verb in (detach, lambda model: save_adapter(model, "nowhere")):
        with unchanged(net), pytest.raises(ValueError, match="was not attached to this module"):
            verb(net.blocks)
    other = Net(torch.Generator())
    attach(other.blocks, AdapterConfig(rank=1))
    with unchanged(other), pytest.raises(ValueError, match="an adapter is attached already"):
        load_adapter(other, "nowhere")


def test_an_optimizer_of_another_methods_layers_is_refused(net: Net) -> None:
    attach(net, AdapterConfig(rank=1))
    with pytest.raises(
        ValueError, match=r"blocks\.0 is a layer of 'lora', which holds A, B; method 'dora' expects A, B, m"
    ):
        optimizer_for(net, AdapterConfig(method="dora"), lr=1.0)
