"""Against numpy's dense SVD, scipy, and the theorems."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.linalg import interpolative

from lora_core.matrix import low_rank as lowrank
from lora_core.matrix.low_rank import (
    best_A,
    best_B,
    best_factors,
    column_row,
    cur,
    eckart_young_error,
    energy_kept,
    interpolative_decomposition,
    rank_for_energy,
    relative_error,
    sampled_product,
    spectrum_of_product,
    svd_of_product,
    truncated_svd,
)

TINY = 1e-9  # of the matrix's own size: what rounding may do in float64


def fresh(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@st.composite
def matrices(draw: st.DrawFn, *, rows: int | None = None, most: int = 7) -> np.ndarray:
    """Of any shape, often rank deficient, sometimes zero, of any size."""
    m, n = draw(st.integers(1, most)) if rows is None else rows, draw(st.integers(1, most))
    kind = draw(st.sampled_from(["dense", "whole", "deficient", "zero"]))
    generator = fresh(draw(st.integers(0, 2**31)))
    if kind == "whole":  # small whole numbers: equal columns, zero rows
        return draw(hnp.arrays(np.float64, (m, n), elements=st.integers(-2, 2).map(float)))
    if kind == "zero":
        return np.zeros((m, n))
    M = generator.normal(size=(m, n))
    if kind == "deficient":
        k = draw(st.integers(1, min(m, n)))
        M = generator.normal(size=(m, k)) @ generator.normal(size=(k, n))
    return M * draw(st.sampled_from([1e-150, 1e-6, 1.0, 1e6, 1e150]))


@st.composite
def with_rank(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    M = draw(matrices())
    return M, draw(st.integers(1, min(M.shape)))


def error(M: np.ndarray, approximation: np.ndarray) -> float:
    """‖M − approximation‖ / ‖M‖, with zeros approximated by zeros at no error."""
    found = relative_error(M, approximation)
    assert np.isfinite(found)
    return found


def floor(M: np.ndarray, rank: int) -> float:
    """The least relative error there is at this rank, from numpy's full SVD."""
    S = np.linalg.svd(M / (np.abs(M).max() or 1), compute_uv=False)
    return float(np.sqrt((S[rank:] ** 2).sum() / ((S**2).sum() or 1)))


# The best there is


@given(with_rank())
def test_eckart_young(case: tuple[np.ndarray, int]) -> None:
    M, rank = case
    U, S, Vt = svd = truncated_svd(M, rank)
    assert (U.shape, S.shape, Vt.shape) == ((M.shape[0], rank), (rank,), (rank, M.shape[1]))
    assert (np.diff(S) <= 0).all()
    np.testing.assert_allclose(U.T @ U, np.eye(rank), atol=TINY)
    np.testing.assert_allclose(Vt @ Vt.T, np.eye(rank), atol=TINY)
    assert error(M, svd.product()) == pytest.approx(floor(M, rank), abs=TINY)
    everything = np.linalg.svd(M, compute_uv=False)
    size = float(np.abs(M).max()) or 1.0
    assert eckart_young_error(everything, rank) / size == pytest.approx(
        np.linalg.norm((M - svd.product()) / size), abs=TINY
    )


@given(with_rank(), st.integers(0, 2**31))
def test_no_other_matrix_of_that_rank_is_nearer(case: tuple[np.ndarray, int], seed: int) -> None:
    M, rank = case
    best = truncated_svd(M, rank)
    # Neither a random one with its best second factor nor a small step away from the best.
    A = fresh(seed).normal(size=(rank, M.shape[1]))
    near = best.U * best.S @ (best.Vt + 1e-3 * A)
    for other in (best_B(M, A) @ A, near):
        assert error(M, other) >= error(M, best.product()) - TINY


@given(st.data())
def test_the_svd_of_a_product_is_that_of_the_product(data: st.DataObject) -> None:
    B = data.draw(matrices())
    A = data.draw(matrices(rows=B.shape[1]))
    scale = (np.abs(B).max() or 1) * (np.abs(A).max() or 1)
    svd = svd_of_product(B, A)
    dense = np.linalg.svd((B / (np.abs(B).max() or 1)) @ (A / (np.abs(A).max() or 1)), compute_uv=False)
    dense = np.pad(dense, (0, max(0, svd.S.size - dense.size)))
    np.testing.assert_allclose(svd.S / scale, dense[: svd.S.size], atol=TINY)
    np.testing.assert_allclose(dense[svd.S.size :], 0, atol=TINY)
    np.testing.assert_allclose(svd.product() / scale, (B / scale) @ A, atol=TINY)
    np.testing.assert_allclose(svd.U.T @ svd.U, np.eye(svd.S.size), atol=TINY)
    np.testing.assert_allclose(spectrum_of_product(B, A) / scale, svd.S / scale, atol=TINY)


@given(with_rank(), st.sampled_from([0.25, 1.0, 16.0]))
def test_best_factors_are_a_lora_of_the_update(case: tuple[np.ndarray, int], scale: float) -> None:
    M, rank = case
    A, B = best_factors(M, rank, scale=scale)
    assert (A.shape, B.shape) == ((rank, M.shape[1]), (M.shape[0], rank))
    assert error(M, scale * B @ A) == pytest.approx(floor(M, rank), abs=TINY)
    np.testing.assert_allclose(A @ A.T, B.T @ B, atol=TINY * (np.abs(M).max() or 1))


def test_best_factors_give_a_lora_back() -> None:
    g = fresh()
    A, B = g.normal(size=(3, 12)), g.normal(size=(9, 3))
    found = best_factors(2 * B @ A, 3, scale=2.0)
    np.testing.assert_allclose(found.B @ found.A, B @ A)


@given(matrices())
def test_energy(M: np.ndarray) -> None:
    S = np.linalg.svd(M, compute_uv=False)
    kept = [energy_kept(S, rank) for rank in range(S.size + 1)]
    assert kept[-1] == 1
    assert kept[0] == (0 if S.any() else 1)
    assert (np.diff(kept) >= 0).all()
    for rank in range(1, S.size + 1):
        assert kept[rank] == pytest.approx(1 - floor(M, rank) ** 2, abs=TINY)
    for share in (0.0, 0.5, 0.9, 1.0):
        rank = rank_for_energy(S, share)
        assert kept[rank] >= share
        assert rank == 0 or kept[rank - 1] < share


def test_energy_by_eye() -> None:
    assert energy_kept([1, 2, 2], 1) == 4 / 9  # the order given does not matter
    assert eckart_young_error([5, 4, 3], 1) == 5.0
    assert rank_for_energy([2, 2, 1], 0.8) == 2
    assert energy_kept([0, 0], 0) == 1


# One factor given


@given(st.data())
def test_the_best_second_factor_leaves_a_residual_it_cannot_reach(data: st.DataObject) -> None:
    g = fresh(data.draw(st.integers(0, 2**31)))
    m, n, r = (data.draw(st.integers(1, 6)) for _ in range(3))
    M, A = g.normal(size=(m, n)), g.normal(size=(r, n))
    if data.draw(st.booleans()):
        A[-1] = A[0]  # rank deficient
    B = best_B(M, A)
    np.testing.assert_allclose((M - B @ A) @ A.T, 0, atol=TINY)  # the normal equations
    np.testing.assert_allclose(M - B @ A, M @ (np.eye(n) - np.linalg.pinv(A) @ A), atol=TINY)
    np.testing.assert_allclose(best_A(M.T, A.T), B.T, atol=TINY)
    np.testing.assert_allclose(B.T, np.linalg.lstsq(A.T, M.T, rcond=None)[0], atol=TINY)


# Actual columns and rows


@given(with_rank(), st.integers(0, 2**31))
def test_no_skeleton_beats_the_svd_and_cur_does_not_beat_its_columns(
    case: tuple[np.ndarray, int], seed: int
) -> None:
    M, rank = case
    least = error(M, truncated_svd(M, rank).product())
    for columns, P in (interpolative_decomposition(M, rank), column_row(M, rank, generator=fresh(seed))):
        assert len(set(columns.tolist())) == columns.size <= rank
        assert P.shape == (columns.size, M.shape[1])
        assert error(M, M[:, columns] @ P) >= least - TINY
    columns, P = interpolative_decomposition(M, rank)
    np.testing.assert_allclose(P[:, columns], np.eye(columns.size), atol=TINY)
    found = cur(M, rank)
    assert np.array_equal(found.C, M[:, found.columns])
    assert np.array_equal(found.R, M[found.rows])
    assert error(M, found.product()) >= error(M, M[:, columns] @ P) - TINY


@given(with_rank())
def test_at_its_own_rank_a_matrix_is_had_exactly(case: tuple[np.ndarray, int]) -> None:
    M, _ = case
    rank = min(M.shape)
    columns, P = interpolative_decomposition(M, rank)
    assert columns.size == np.linalg.matrix_rank(M / (np.abs(M).max() or 1))
    assert error(M, M[:, columns] @ P) < 1e-7
    assert error(M, cur(M, rank).product()) < 1e-7


def test_id_is_scipys_where_scipy_has_an_answer() -> None:
    M = fresh().normal(size=(20, 15))
    columns, P = interpolative_decomposition(M, 6)
    order, coefficients = interpolative.interp_decomp(M.copy(), 6, rand=False)
    assert columns.tolist() == order[:6].tolist()
    np.testing.assert_allclose(P, interpolative.reconstruct_interp_matrix(order, coefficients))
    np.testing.assert_allclose(P, best_A(M, M[:, columns]), atol=TINY)  # P is C⁺ M


def test_the_usual_order_of_errors() -> None:
    """30 x 25, of rank 6 and noise: SVD < ID < CUR, and columns drawn by chance do worse than chosen ones."""
    g = fresh(1)
    M = g.normal(size=(30, 6)) @ g.normal(size=(6, 25)) + 0.5 * g.normal(size=(30, 25))
    columns, P = interpolative_decomposition(M, 6)
    chance = [column_row(M, 6, generator=g) for _ in range(20)]
    errors = [
        error(M, truncated_svd(M, 6).product()),
        error(M, M[:, columns] @ P),
        error(M, cur(M, 6).product()),
    ]
    assert errors == sorted(errors)
    assert errors[1] < np.mean([error(M, M[:, c] @ R) for c, R in chance])


def test_columns_of_zeros_are_drawn_last() -> None:
    M = np.zeros((4, 6))
    M[:, 2], M[:, 5] = [1, 0, 0, 0], [0, 1, 0, 0]
    for seed in range(10):
        assert set(column_row(M, 2, generator=fresh(seed)).columns) == {2, 5}
        assert {2, 5} < set(column_row(M, 4, generator=fresh(seed)).columns)


# CR of a product


def test_a_sampled_product_is_unbiased_and_gets_better() -> None:
    g = fresh()
    X, Y = g.normal(size=(4, 12)) * np.arange(1, 13), g.normal(size=(12, 5))
    draws = [np.matmul(*sampled_product(X, Y, 3, generator=g)) for _ in range(4000)]
    spread = np.std(draws, axis=0) / np.sqrt(len(draws))
    assert (np.abs(np.mean(draws, axis=0) - X @ Y) < 5 * spread).all()

    # With these probabilities E‖XY − CR‖² = ((Σ ‖xᵢ‖‖yᵢ‖)² − ‖XY‖²) / s (Drineas, Kannan & Mahoney 2006).
    lengths = (np.linalg.norm(X, axis=0) * np.linalg.norm(Y, axis=1)).sum()
    for samples in (3, 30):
        found = [
            np.linalg.norm(X @ Y - np.matmul(*sampled_product(X, Y, samples, generator=g))) ** 2
            for _ in range(1000)
        ]
        expected = (lengths**2 - np.linalg.norm(X @ Y) ** 2) / samples
        assert np.mean(found) == pytest.approx(expected, abs=5 * np.std(found) / np.sqrt(len(found)))


def test_a_sampled_product_of_rank_one_and_of_zeros_is_exact() -> None:
    x, y = np.arange(1.0, 5)[:, None], np.ones((1, 3))
    C, R = sampled_product(x, y, 2, generator=fresh())
    np.testing.assert_allclose(C @ R, x @ y)
    C, R = sampled_product(np.zeros((2, 3)), np.ones((3, 2)), 4, generator=fresh())
    assert not (C @ R).any()


# Degenerate and impossible inputs

EVERY: dict[str, Callable[[Any, int], object]] = {
    "truncated_svd": truncated_svd,
    "best_factors": best_factors,
    "column_row": lambda M, rank: column_row(M, rank, generator=fresh()),
    "interpolative_decomposition": interpolative_decomposition,
    "cur": cur,
}


@pytest.mark.parametrize("verb", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize(
    ("M", "message"),
    [
        ([[1.0, np.nan]], "NaN or infinity"),
        ([[np.inf], [1.0]], "NaN or infinity"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (np.zeros((2, 2), complex), "of real numbers"),
    ],
)
def test_what_is_no_matrix_is_refused(verb: Callable[[Any, int], object], M: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        verb(M, 1)


@pytest.mark.parametrize("verb", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("rank", [-1, 0, 3])
def test_a_rank_out_of_range_is_refused(verb: Callable[[Any, int], object], rank: int) -> None:
    with pytest.raises(ValueError, match=rf"rank is {rank}, expected 1 to 2 for a matrix of shape \(2, 5\)"):
        verb(np.ones((2, 5)), rank)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1)])
@pytest.mark.parametrize("value", [0.0, 3.0, -1e-200, 1e200])
def test_one_row_and_one_column(shape: tuple[int, int], value: float) -> None:
    M = np.full(shape, value)
    approximations = [truncated_svd(M, 1).product(), cur(M, 1).product()]
    for columns, P in (interpolative_decomposition(M, 1), column_row(M, 1, generator=fresh())):
        approximations.append(M[:, columns] @ P)
    assert max(error(M, each) for each in approximations) < TINY


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_B(np.ones((2, 3)), np.ones((1, 4))), r"A has shape \(1, 4\), expected \(r, 3\)"),
        (lambda: best_A(np.ones((2, 3)), np.ones((3, 1))), r"B has shape \(3, 1\), expected \(2, r\)"),
        (lambda: svd_of_product(np.ones((2, 3)), np.ones((2, 3))), r"\(2, 3\) and \(2, 3\) do not multiply"),
        (lambda: spectrum_of_product(np.ones((2, 3)), np.ones((2, 3))), "do not multiply"),
        (lambda: sampled_product(np.ones((2, 3)), np.ones((2, 3)), 1, generator=fresh()), "do not multiply"),
        (lambda: sampled_product(np.eye(2), np.eye(2), 0, generator=fresh()), "samples is 0"),
        (lambda: relative_error(np.eye(2), np.eye(3)), r"shape \(3, 3\), expected \(2, 2\)"),
        (lambda: best_factors(np.eye(2), 1, scale=0.0), "scale is 0.0, expected a number above 0"),
        (lambda: best_factors(np.eye(2), 1, scale=np.nan), "scale is nan"),
        (lambda: energy_kept([1.0, np.nan], 1), "singular values are not finite"),
        (lambda: energy_kept([-1.0], 1), "singular values are not"),
        (lambda: energy_kept([[1.0]], 1), "in one dimension"),
        (lambda: energy_kept([1.0], 2), "rank is 2, expected 0 to 1"),
        (lambda: eckart_young_error([1.0], -1), "rank is -1"),
        (lambda: rank_for_energy([1.0], 1.1), "share is 1.1"),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_an_approximation_of_zeros() -> None:
    assert relative_error(np.zeros((2, 2)), np.zeros((2, 2))) == 0
    assert relative_error(np.zeros((2, 2)), np.eye(2)) == np.inf


def test_whole_numbers_and_lists_are_matrices_too() -> None:
    assert truncated_svd([[3, 0], [0, 4]], 1).S.tolist() == [4.0]
    assert lowrank.truncated_svd(np.eye(2, dtype=np.float32), 1).U.dtype == np.float64
