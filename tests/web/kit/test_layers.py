"""The layers of the matrices page against dense numpy."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from web.kit.layers import BASE, CHECKPOINTS, FOLDERS, LAYER, LAYERS, layer_data
from widgets.factor_view.view import MAX_RANK, RANKS, RULES, SOURCE, TRAINED_ALPHA, View

GAMMA = {
    "alpha/r": lambda alpha, rank: alpha / rank,
    "alpha/sqrt(r)": lambda alpha, rank: alpha / rank**0.5,
    "constant": lambda alpha, rank: alpha,
}


def stored(name: str, rule: str, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """B and A as they stand in the file, in float64."""
    file = CHECKPOINTS / "retrain" / f"{FOLDERS[rule]}-r{rank}" / "adapter_model.safetensors"
    tensors = load_file(file)
    return tuple(tensors[f"base_model.model.{name}.lora_{part}.weight"].astype(np.float64) for part in "BA")


def test_the_eight_matrices_of_the_blocks_are_there() -> None:
    assert len(LAYERS) == 8
    assert LAYER in LAYERS
    weights = load_file(CHECKPOINTS / f"{BASE}.safetensors")
    for name in LAYERS:
        W = layer_data(name).W
        assert np.array_equal(W, weights[f"{name}.weight"])
        assert min(W.shape) >= MAX_RANK


@pytest.mark.parametrize("name", LAYERS)
def test_cutting_is_the_truncated_svd_of_the_trained_update(name: str) -> None:
    (adapter,) = layer_data(name).adapters
    B, A = stored(name, SOURCE, MAX_RANK)
    U, S, Vt = np.linalg.svd(B @ A)
    np.testing.assert_allclose(adapter.singular, S[:MAX_RANK], rtol=1e-6, atol=1e-7 * S[0])
    for rank in (1, 5, MAX_RANK):
        cut = adapter.B[:, :rank].astype(np.float64) @ adapter.A[:rank]
        best = (U[:, :rank] * S[:rank]) @ Vt[:rank]
        np.testing.assert_allclose(cut, best, atol=1e-6 * S[0])
    np.testing.assert_allclose(
        adapter.B.T.astype(float) @ adapter.B, np.diag(adapter.singular), atol=2e-6 * S[0]
    )
    assert adapter.gamma == 1
    assert adapter.alpha == TRAINED_ALPHA[SOURCE]


@pytest.mark.parametrize("rule", RULES)
def test_retrained_adapters_are_shown_as_training_left_them(rule: str) -> None:
    shown = layer_data(LAYER, "retrain", rule)
    assert [adapter.rank for adapter in shown.adapters] == list(RANKS)
    for adapter in shown.adapters:
        B, A = stored(LAYER, rule, adapter.rank)
        assert np.array_equal(adapter.B, B.astype(np.float32))
        assert np.array_equal(adapter.A, A.astype(np.float32))
        dense = np.linalg.svd(B @ A, compute_uv=False)[: adapter.rank]
        np.testing.assert_allclose(adapter.singular, dense, rtol=1e-6, atol=1e-7 * dense[0])
        assert adapter.alpha == pytest.approx(TRAINED_ALPHA[rule])
        assert adapter.gamma == pytest.approx(GAMMA[rule](TRAINED_ALPHA[rule], adapter.rank))
        assert adapter.loss is not None
        assert 1 < adapter.loss < 4  # nats a character: learnt something, and not everything


def test_a_url_opens_the_square_layer_unless_it_names_another() -> None:
    assert View.from_query({}, LAYERS, LAYER) == View(LAYER)
    assert View.from_query({"layer": LAYERS[0], "rank": "3"}, LAYERS, LAYER) == View(LAYERS[0], rank=3)
    assert View.from_query({"layer": "head"}, LAYERS, LAYER) == View(LAYER)
