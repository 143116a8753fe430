"""The recorded starts of the methods: what numpy says they must be, and the code that made them."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from lab.bases.models import load_base
from lab.data.checkpoints.starts import starts
from lab.runs.starts import ALPHA, BASE, LAYER, RANK, read
from lora_core.config import METHODS

FOUND, GRADIENT = read()


def test_reading_needs_no_torch() -> None:
    code = (
        "import sys, lab.runs.starts as s, lora_core.planning.method_cost as c; "
        "s.read(); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_record_is_what_the_code_says() -> None:
    arrays, about = starts()
    assert list(about) == list(METHODS) == list(FOUND)
    np.testing.assert_allclose(arrays["full.first"].numpy(), GRADIENT, atol=1e-4)
    for method, start in FOUND.items():
        np.testing.assert_allclose(arrays[f"{method}.held"].numpy(), start.held, atol=1e-3)
        np.testing.assert_allclose(arrays[f"{method}.first"].numpy(), start.first, atol=1e-3)
        assert (start.cosine, start.rank) == (
            pytest.approx(about[method]["cosine"], abs=1e-4),
            about[method]["rank"],
        )


def test_those_that_start_at_zero_do_and_the_others_hold_what_they_say() -> None:
    W = load_base(BASE).get_parameter(f"{LAYER}.weight").detach().numpy()
    U, S, Vt = np.linalg.svd(W)
    best = (U[:, :RANK] * S[:RANK]) @ Vt[:RANK]
    np.testing.assert_allclose(FOUND["pissa"].held, best, atol=2e-3)
    assert np.linalg.matrix_rank(FOUND["lora-ga"].held, tol=1e-2) == RANK
    step = 2 * np.abs(W).max() / 7  # of the sixteen codes no two neighbours are further apart
    assert 0 < np.abs(FOUND["qlora"].held).max() < step
    for method in set(METHODS) - {"pissa", "lora-ga", "qlora"}:
        assert not FOUND[method].held.any(), method


def test_first_moves_are_the_projections_that_the_papers_name() -> None:
    """LoRA: g AᵀA. LoRA-Pro: g P_A. LoRA-GA: no better than the best rank 2r of g, better than all others."""
    from lab.runs.fine_tune import ADAPTER_STREAM
    from lora_core import AdapterConfig, attach
    from lora_core.adapter import adapted_layers

    model = load_base(BASE).double()
    generator = torch.Generator().manual_seed(ADAPTER_STREAM)
    attach(model, AdapterConfig("lora", RANK, ALPHA, "blocks"), generator=generator)
    A = adapted_layers(model)[LAYER].A.detach().numpy()
    for method, expected in (("lora", GRADIENT @ A.T @ A), ("lora-pro", GRADIENT @ np.linalg.pinv(A) @ A)):
        np.testing.assert_allclose(FOUND[method].first, expected / np.linalg.norm(expected), atol=1e-3)
    S = np.linalg.svd(GRADIENT, compute_uv=False)
    assert FOUND["lora-ga"].cosine <= np.sqrt((S[: 2 * RANK] ** 2).sum()) + 1e-6
    cosines = sorted(FOUND, key=lambda method: FOUND[method].cosine)
    assert cosines[-2:] == ["pissa", "lora-ga"]
