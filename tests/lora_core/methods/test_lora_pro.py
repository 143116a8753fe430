from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lora_core import AdapterConfig, delta_weights, optimizer_for
from lora_core.methods.lora_pro import Adjustment
from tests.lora_core.methods.common import Problem, layers

SCALE = 1.7


def projection(columns: Tensor) -> Tensor:
    """Onto the space that the columns span, whatever their rank."""
    U, S, _ = torch.linalg.svd(columns, full_matrices=False)
    kept = U[:, S / S.max() > 1e-6]
    return kept @ kept.T


def setting(seed: int, d_out: int, d_in: int, rank: int, rank_of_b: int) -> tuple[Tensor, Tensor, Tensor]:
    """A (r, d_in), B (d_out, r) of some rank, and g (d_out, d_in)."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return draw(rank, d_in), draw(d_out, rank_of_b) @ draw(rank_of_b, rank), draw(d_out, d_in)


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(0, 4))
def test_the_equivalent_gradient_is_the_projection_of_g(seed: int, rank: int, rank_of_b: int) -> None:
    A, B, g = setting(seed, 9, 7, rank, min(rank, rank_of_b))
    to_a, to_b = Adjustment(A, B, SCALE)(SCALE * B.T @ g, SCALE * g @ A.T)
    P_A, P_B = projection(A.T), projection(B) if B.any() else torch.zeros(9, 9, dtype=torch.float64)
    equivalent = SCALE * (B @ to_a + to_b @ A)
    torch.testing.assert_close(equivalent, P_B @ g + g @ P_A - P_B @ g @ P_A, rtol=1e-6, atol=1e-8)


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_x_is_the_general_sylvester_solvers(seed: int, rank: int) -> None:
    A, B, g = setting(seed, 9, 7, rank, rank)
    right = -torch.linalg.inv(B.T @ B) @ (B.T @ g) @ A.T / SCALE
    expected = scipy.linalg.solve_sylvester((B.T @ B).numpy(), (A @ A.T).numpy(), right.numpy())
    own = Adjustment(A, B, SCALE).sylvester(right)
    np.testing.assert_allclose(own.numpy(), expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())


def test_no_change_of_a_and_b_with_this_effect_is_closer_to_their_gradients() -> None:
    """X is what the paper chooses it for: of all (ĝA + Y A, ĝB − B Y) the one nearest to (gA, gB)."""
    A, B, g = setting(1, 9, 7, 3, 3)
    gA, gB = SCALE * B.T @ g, SCALE * g @ A.T
    to_a, to_b = Adjustment(A, B, SCALE)(gA, gB)

    def distance(Y: Tensor) -> Tensor:
        return (to_a + Y @ A - gA).square().sum() + (to_b - B @ Y - gB).square().sum()

    Y = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(distance(Y), Y)
    torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-8)


def test_at_the_start_a_stays_and_b_follows_g() -> None:
    A, B, g = setting(2, 9, 7, 3, 0)
    to_a, to_b = Adjustment(A, B, SCALE)(SCALE * B.T @ g, SCALE * g @ A.T)
    assert not to_a.any()
    torch.testing.assert_close(to_b, g @ A.T @ torch.linalg.inv(A @ A.T) / SCALE)


def test_at_full_rank_it_is_adam_on_w(generator: torch.Generator) -> None:
    """A square A spans everything, so projecting loses nothing: ΔW is full fine-tuning's but for η²ĝBĝA."""
    problem = Problem(generator)
    config = AdapterConfig(method="lora-pro", rank=6, targets=("0",))
    model = problem.attached(config, generator)
    before = problem.model[0].weight.detach().clone()
    problem.model.requires_grad_(False)
    problem.model[0].weight.requires_grad_(True)
    full = torch.optim.Adam([problem.model[0].weight], lr=1e-6)
    problem.losses(problem.model, full, steps=10)
    problem.losses(model, optimizer_for(model, config, lr=1e-6), steps=10)
    torch.testing.assert_close(
        delta_weights(model)["0"], problem.model[0].weight.detach() - before, rtol=1e-2, atol=0
    )


@pytest.mark.parametrize("alpha", [0.5, 64.0])
def test_gamma_does_not_matter(alpha: float, generator: torch.Generator) -> None:
    """The same steps of W whatever γ, while γ B and A are the same."""
    problem = Problem(generator)
    runs = []
    for each in (2.0, alpha):
        config = AdapterConfig(method="lora-pro", rank=2, alpha=each, targets=("0",))
        model = problem.attached(config, torch.Generator().manual_seed(0))
        problem.losses(model, optimizer_for(model, config, lr=1e-3), steps=1)
        runs.append(delta_weights(model)["0"])
    torch.testing.assert_close(*runs)


def test_a_layer_the_loss_does_not_reach_stays(problem: Problem, generator: torch.Generator) -> None:
    config = AdapterConfig(method="lora-pro", rank=2)
    model = problem.attached(config, generator)
    optimizer = optimizer_for(model, config, lr=1e-2)
    model[0](problem.x).sum().backward()  # type: ignore[operator,index]
    optimizer.step()
    assert layers(model)["0"].B.any()
    assert not layers(model)["2"].B.any()


def test_step_takes_a_closure(problem: Problem, generator: torch.Generator) -> None:
    config = AdapterConfig(method="lora-pro", rank=2)
    model = problem.attached(config, generator)
    optimizer = optimizer_for(model, config, lr=1e-2)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = problem.loss(model)
        loss.backward()
        return loss

    assert optimizer.step(closure) == problem.loss(problem.model)
    assert layers(model)["0"].B.any()
