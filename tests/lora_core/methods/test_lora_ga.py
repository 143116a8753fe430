from __future__ import annotations

import copy
import math
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, LoraGAConfig, get_peft_model
from peft.tuners.lora import preprocess_loraga
from torch import nn

from lora_core import AdapterConfig, attach, estimate_gradients, optimizer_for
from lora_core.adapter import install, linear_layers
from lora_core.linear import LoRALinear
from lora_core.methods.lora_ga import METHOD, STABLE, gradient_factors
from tests.lora_core.methods.common import LAYERS, Problem, layers, spans_the_same

CONFIG = AdapterConfig(method="lora-ga", rank=2, alpha=5)


@given(
    st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.sampled_from([0, 1, 9])
)
def test_the_first_step_is_the_best_rank_2r_of_the_gradient(
    seed: int, d_out: int, d_in: int, rank: int, rank_of_g: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    rank = min(rank, d_out, d_in)
    g = torch.randn(d_out, rank_of_g, generator=generator, dtype=torch.float64) @ torch.randn(
        rank_of_g, d_in, generator=generator, dtype=torch.float64
    )
    A, B = gradient_factors(g, rank)
    k = d_out**0.25 / math.sqrt(STABLE)
    U, S, Vh = torch.linalg.svd(g, full_matrices=False)
    best = U[:, : 2 * rank] * S[: 2 * rank] @ Vh[: 2 * rank]
    torch.testing.assert_close((B @ B.T @ g + g @ A.T @ A) / k**2, best, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(A @ A.T, k**2 * torch.eye(rank, dtype=torch.float64))


def test_the_published_scale() -> None:
    """d_out = 16, c = 16: k = 16^¼ / 4 = ½."""
    A, B = gradient_factors(torch.diag(torch.arange(16.0, 0, -1, dtype=torch.float64)), 2)
    assert A.abs().sum(1).tolist() == pytest.approx([0.5, 0.5])
    assert A.abs().argmax(1).tolist() == [0, 1]
    assert B.abs().argmax(0).tolist() == [2, 3]
    assert B.abs().sum(0).tolist() == pytest.approx([0.5, 0.5])


def peft_model(problem: Problem) -> nn.Module:
    """PEFT's LoRA-GA at its defaults, said aloud: "ArB2r" deals out singular vectors as the paper does."""
    model = copy.deepcopy(problem.model)
    config = LoraConfig(
        r=2,
        lora_alpha=5,
        target_modules=list(LAYERS),
        init_lora_weights="lora_ga",
        lora_ga_config=LoraGAConfig(direction="ArB2r", scale="stable", stable_gamma=16),
    )
    with warnings.catch_warnings(action="ignore"):  # of PEFT's own hooks
        preprocess_loraga(model, config, lambda: problem.loss(model).backward())
    return get_peft_model(model, config, autocast_adapter_dtype=False)


def test_the_start_spans_what_pefts_spans_and_trains_the_same_from_pefts(generator: torch.Generator) -> None:
    problem = Problem(generator, torch.float32)
    torch.manual_seed(0)  # PEFT's decomposition is randomised
    peft = peft_model(problem)
    own = problem.attached(CONFIG)
    copied = copy.deepcopy(problem.model)
    parts = {}
    for name in LAYERS:
        layer = peft.get_submodule(f"base_model.model.{name}")
        A, B = (getattr(layer, part)["default"].weight.detach() for part in ("lora_A", "lora_B"))
        assert spans_the_same(A, layers(own)[name].A.detach())
        assert spans_the_same(B.T, layers(own)[name].B.detach().T)
        parts[name] = LoRALinear(
            copied.get_submodule(name), rank=2, scale=CONFIG.gamma, method=METHOD, gradient=B @ A
        )
        with torch.no_grad():
            METHOD.begin(parts[name], A, B)
    install(copied, CONFIG, linear_layers(copied), parts)
    torch.testing.assert_close(peft(problem.x), copied(problem.x), rtol=1e-5, atol=1e-6)
    adamw = torch.optim.AdamW([p for p in peft.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.0)
    expected = problem.losses(peft, adamw)
    assert problem.losses(copied, optimizer_for(copied, CONFIG, lr=1e-2)) == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(peft(problem.x), copied(problem.x), rtol=1e-4, atol=1e-5)


def test_gradients_that_are_missing_or_do_not_fit_are_refused(problem: Problem) -> None:
    model = problem.model
    with pytest.raises(ValueError, match=r"method 'lora-ga' needs the gradient of 0; give `gradients`"):
        attach(model, CONFIG)
    good = estimate_gradients(model, problem.loss, [None])
    with pytest.raises(ValueError, match=r"gradient of 2 has shape \(6, 4\), expected \(4, 8\)"):
        attach(model, CONFIG, gradients={**good, "2": torch.zeros(6, 4)})
    with pytest.raises(ValueError, match="all of it finite"):
        attach(model, CONFIG, gradients={**good, "2": torch.full((4, 8), torch.nan)})
    assert all(p.requires_grad for p in model.parameters())
