"""Every method against dense algebra in float64: the forward pass, the gradients and the first update.

The formulas are written out here once more, on W and the factors alone, and autograd differentiates them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import scipy.linalg
import torch
import torch.nn.functional as F
from torch import Tensor

from lora_core import AdapterConfig, optimizer_for
from lora_core.config import METHODS
from lora_core.methods.qlora import NF4
from tests.lora_core.methods.common import LAYERS, Problem, disturb, layers

RANK, ALPHA, LR, EPS = 3, 5.0, 1e-2, 1e-8
Factors = dict[str, Tensor]


def dora(W: Tensor, p: Factors, scale: float) -> Tensor:
    V = W + scale * p["B"] @ p["A"]
    length = V.detach().square().sum(1).sqrt()
    return torch.diag(p["m"] / length) @ V


def in_four_bits(W: Tensor) -> Tensor:
    """NF4 by search: fewer than 64 entries are one block, whose c is its own mean, so c is exact."""
    assert W.numel() <= 64
    c = W.abs().max().float()
    codes = torch.tensor(NF4)
    nearest = (W.float()[..., None] / c - codes).abs().argmin(-1)
    return (codes[nearest] * c).to(W)


def residual(W: Tensor, p: Factors, scale: float) -> Tensor:
    """W − γ B₀A₀ + γ B A, as the papers write it; A₀ and B₀ are held fixed."""
    return (W - scale * p["B0"] @ p["A0"]) + scale * p["B"] @ p["A"]


def plain(W: Tensor, p: Factors, scale: float) -> Tensor:
    return W + scale * p["B"] @ p["A"]


WEIGHTS: dict[str, Callable[[Tensor, Factors, float], Tensor]] = {
    "lora": plain,
    "rslora": plain,
    "lora+": plain,
    "lora-pro": plain,
    "dora": dora,
    "pissa": residual,
    "lora-ga": residual,
    "adalora": lambda W, p, scale: W + scale * p["B"] @ torch.diag(p["E"][:, 0]) @ p["A"],
    "qlora": lambda W, p, scale: in_four_bits(W) + scale * p["B"] @ p["A"],
}
SCALES = {
    **dict.fromkeys(METHODS, ALPHA / RANK),
    "rslora": ALPHA / RANK**0.5,
    "adalora": ALPHA / (RANK + 1e-5),
}


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Dense:
    """The problem's network with the method's formula for each weight, on copies of a model's factors."""

    def __init__(self, problem: Problem, model: torch.nn.Module, method: str) -> None:
        self.problem, self.method = problem, method
        self.factors: dict[str, Factors] = {}
        for name, layer in layers(model).items():
            found = {
                **dict(layer.named_parameters(recurse=False)),
                **dict(layer.named_buffers(recurse=False)),
            }
            trained = {key: t.detach().clone().requires_grad_(t.requires_grad) for key, t in found.items()}
            self.factors[name] = trained
        self.loss = F.mse_loss(self(), problem.y)

    def weight(self, name: str) -> Tensor:
        W = self.problem.model.get_parameter(f"{name}.weight").detach()
        return WEIGHTS[self.method](W, self.factors[name], SCALES[self.method])

    def __call__(self) -> Tensor:
        biases = [self.problem.model.get_parameter(f"{name}.bias").detach() for name in LAYERS]
        self.weights = [self.weight(name) for name in LAYERS]
        hidden = torch.tanh(self.problem.x @ self.weights[0].T + biases[0])
        return hidden @ self.weights[1].T + biases[1]

    def penalty(self) -> Tensor:
        found = []
        for p in self.factors.values():
            for G in (p["A"] @ p["A"].T, p["B"].T @ p["B"]):
                found.append((G - torch.eye(RANK, dtype=G.dtype)).square().sum().sqrt())
        return sum(found, torch.zeros(())) / len(found)

    def trained(self) -> dict[tuple[str, str], Tensor]:
        return {(n, key): t for n, p in self.factors.items() for key, t in p.items() if t.requires_grad}


def adam(gradient: Tensor) -> Tensor:
    """Adam's first direction: the moments' corrections leave g / (|g| + ε)."""
    return gradient / (gradient.abs() + EPS)


def pro(A: Tensor, B: Tensor, scale: float, gA: Tensor, gB: Tensor) -> tuple[Tensor, Tensor]:
    """LoRA-Pro's formulas with scipy's general Sylvester solver; B must have full rank."""
    BB, AA = torch.linalg.inv(B.T @ B), torch.linalg.inv(A @ A.T)
    right = -BB @ gA @ A.T / scale**2
    X = torch.from_numpy(scipy.linalg.solve_sylvester((B.T @ B).numpy(), (A @ A.T).numpy(), right.numpy()))
    P_B = B @ BB @ B.T
    return (
        BB @ gA / scale**2 + X @ A,
        (torch.eye(len(B), dtype=B.dtype) - P_B) @ gB @ AA / scale**2 - B @ X,
    )


@pytest.mark.parametrize("trained", [False, True])
def test_forward_and_gradients(
    method: str, trained: bool, problem: Problem, generator: torch.Generator
) -> None:
    model = problem.attached(AdapterConfig(method=method, rank=RANK, alpha=ALPHA), generator)
    if trained:
        disturb(model, generator)
    dense = Dense(problem, model, method)
    torch.testing.assert_close(model(problem.x), dense(), rtol=1e-12, atol=1e-12)
    problem.loss(model).backward()
    expected = torch.autograd.grad(dense.loss, list(dense.trained().values()))
    for (name, key), gradient in zip(dense.trained(), expected, strict=True):
        own = getattr(layers(model)[name], key).grad
        torch.testing.assert_close(own, gradient, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("trained", [False, True])
def test_first_update(method: str, trained: bool, problem: Problem, generator: torch.Generator) -> None:
    config = AdapterConfig(method=method, rank=RANK, alpha=ALPHA)
    model = problem.attached(config, generator)
    if trained:
        disturb(model, generator)
    dense = Dense(problem, model, method)
    problem.losses(model, optimizer_for(model, config, lr=LR), steps=1)

    if method == "lora-pro":
        moves = lora_pro_moves(dense, SCALES[method])
    else:
        loss = dense.loss + (0.5 * dense.penalty() if method == "adalora" else 0)
        gradients = torch.autograd.grad(loss, list(dense.trained().values()))
        moves = dict(zip(dense.trained(), map(adam, gradients), strict=True))
    for (name, key), start in dense.trained().items():
        rate = 16 * LR if (method, key) == ("lora+", "B") else LR
        own = getattr(layers(model)[name], key)
        torch.testing.assert_close(own, start - rate * moves[name, key], rtol=1e-8, atol=1e-10)


def lora_pro_moves(dense: Dense, scale: float) -> dict[tuple[str, str], Tensor]:
    """From the dense gradient g: project it, give it to Adam, project what comes out."""
    moves = {}
    for name, g in zip(LAYERS, torch.autograd.grad(dense.loss, dense.weights), strict=True):
        A, B = dense.factors[name]["A"].detach(), dense.factors[name]["B"].detach()
        P_A = A.T @ torch.linalg.inv(A @ A.T) @ A
        if not B.any():  # the start: nothing to project on, and ĝA is gA, which is zero
            u = adam(g @ P_A)
            moves[name, "A"] = torch.zeros_like(A)
            moves[name, "B"] = u @ A.T @ torch.linalg.inv(A @ A.T) / scale
            continue
        P_B = B @ torch.linalg.inv(B.T @ B) @ B.T
        u = adam(P_B @ g + g @ P_A - P_B @ g @ P_A)
        moves[name, "A"], moves[name, "B"] = pro(A, B, scale, scale * B.T @ u, scale * u @ A.T)
    return moves
