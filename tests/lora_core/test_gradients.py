"""Estimated gradients against autograd of the whole batch; the model is left as it was."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lora_core import AdapterConfig, attach, estimate_gradients
from tests.lora_core.methods.common import Problem


@pytest.fixture
def problem(generator: torch.Generator) -> Problem:
    return Problem(generator)


def test_gradients_are_the_mean_over_batches_and_leave_no_trace(problem: Problem) -> None:
    model = problem.model
    model[0].weight.requires_grad_(False)
    model[2].bias.grad = torch.ones(4, dtype=torch.float64)
    model.eval()

    def loss(network: nn.Module, rows: slice) -> Tensor:
        return (network(problem.x[rows]) - problem.y[rows]).square().mean()

    halves = [slice(0, 8), slice(8, 16)]
    with torch.no_grad():  # whatever the caller's mode
        found = estimate_gradients(model, loss, iter(halves))
    assert [p.requires_grad for p in model.parameters()] == [False, True, True, True]
    assert [p.grad is None for p in model.parameters()] == [True, True, True, False]
    assert not model.training
    model.requires_grad_(True)
    model.zero_grad()
    loss(model, slice(0, 16)).backward()
    assert list(found) == ["0", "2"]
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, model.get_parameter(f"{name}.weight").grad)


def test_gradients_of_chosen_layers_and_of_those_no_batch_reaches(problem: Problem) -> None:
    assert list(estimate_gradients(problem.model, problem.loss, [None], targets=("2",))) == ["2"]
    found = estimate_gradients(problem.model, lambda model, _: model[0](problem.x).sum(), [None])
    assert found["0"].any()
    assert not found["2"].any()


def test_gradients_of_half_types_add_up_in_single_precision(generator: torch.Generator) -> None:
    problem = Problem(generator, torch.bfloat16)
    assert estimate_gradients(problem.model, problem.loss, [None])["0"].dtype == torch.float32


def test_a_loss_that_fails_leaves_no_trace(problem: Problem) -> None:
    problem.model.requires_grad_(False)

    def loss(model: nn.Module, _: object) -> Tensor:
        raise RuntimeError("no data")

    with pytest.raises(RuntimeError, match="no data"):
        estimate_gradients(problem.model, loss, [None])
    assert not any(p.requires_grad for p in problem.model.parameters())


def test_refusals(problem: Problem) -> None:
    model = problem.model
    with pytest.raises(ValueError, match="no batch to estimate gradients from"):
        estimate_gradients(model, problem.loss, [])
    with pytest.raises(ValueError, match="no module matches 'q'"):
        estimate_gradients(model, problem.loss, [None], targets=("q",))
    attach(model, AdapterConfig(method="lora", rank=2))
    with pytest.raises(ValueError, match="an adapter is attached already"):
        estimate_gradients(model, problem.loss, [None])
