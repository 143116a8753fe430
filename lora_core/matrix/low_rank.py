"""Approximating a matrix M (m, n) at rank r, with numpy and scipy. No torch here.

scipy is imported by the functions that need it: its import is slow.

    truncated SVD   M ≈ U_r S_r V_rᵀ        the best there is: error² = Σ_{i>r} σᵢ²  (Eckart & Young 1936)
    pseudo-inverse  B = M A⁺ or A = B⁺ M    the best second factor when one is given
    CR              M ≈ C R                 columns drawn in proportion to their squared length, R = C⁺ M
    ID              M ≈ M[:, J] P           columns chosen by pivoted QR (interpolative decomposition)
    CUR             M ≈ C U R               actual columns and rows, U = C⁺ M R⁺
    CR of a product X Y ≈ C R               columns of X and the rows of Y that belong to them, unbiased

Sources: Mahoney & Drineas 2009 (CUR), Cheng et al. 2005 (ID), Drineas, Kannan & Mahoney 2006 (CR of a
    product).

All take anything numpy makes a real matrix of, compute in float64, and raise ValueError for a matrix that is
empty, not two-dimensional or not finite, and for a rank outside 1 … min(m, n). ‖·‖ is the Frobenius norm.
LoRA's shapes: ΔW = γ B A with A (r, d_in), B (d_out, r).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


class SVD(NamedTuple):
    """U (m, k), singular values S (k,) falling, Vt (k, n)."""

    U: Matrix
    S: Matrix
    Vt: Matrix

    def product(self) -> Matrix:
        """U S Vᵀ (m, n)."""
        return (self.U * self.S) @ self.Vt


class Factors(NamedTuple):
    """A (r, d_in) and B (d_out, r) of an update γ B A."""

    A: Matrix
    B: Matrix


class Interpolative(NamedTuple):
    """M ≈ M[:, columns] P, with columns (k,) and P (k, n); k is r, or M's own rank if that is less."""

    columns: Indices
    P: Matrix


class CUR(NamedTuple):
    """M ≈ C U R, with C = M[:, columns] (m, k), U (k, k'), R = M[rows] (k', n)."""

    columns: Indices
    rows: Indices
    C: Matrix
    U: Matrix
    R: Matrix

    def product(self) -> Matrix:
        """C U R (m, n)."""
        return self.C @ self.U @ self.R


# The best there is


def truncated_svd(M: npt.ArrayLike, rank: int) -> SVD:
    """The best approximation of rank r in the Frobenius and the spectral norm."""
    M = _matrix(M)
    _check_rank(rank, M)
    U, S, Vt = np.linalg.svd(M, full_matrices=False)
    return SVD(U[:, :rank], S[:rank], Vt[:rank])


def svd_of_product(B: npt.ArrayLike, A: npt.ArrayLike) -> SVD:
    """The SVD of B A, min(r, d_out, d_in) values of it, without forming B A.

    B = Q₁ R₁ and Aᵀ = Q₂ R₂ leave a core R₁ R₂ᵀ of at most r x r, which Q₁ and Q₂ only rotate.
    """
    B, A = _matrix(B), _matrix(A)
    _check_inner(B, A)
    left, upper = np.linalg.qr(B)  # (d_out, k), (k, r)
    right, lower = np.linalg.qr(A.T)  # (d_in, k'), (k', r)
    U, S, Vt = np.linalg.svd(upper @ lower.T, full_matrices=False)
    return SVD(left @ U, S, Vt @ right.T)


def spectrum_of_product(B: npt.ArrayLike, A: npt.ArrayLike) -> Matrix:
    """The singular values of B A (k,), falling; those that are left out are zero."""
    B, A = _matrix(B), _matrix(A)
    _check_inner(B, A)
    core = _triangle(B) @ _triangle(A.T).T  # (k, r) x (r, k')
    return np.linalg.svd(core, compute_uv=False).astype(np.float64, copy=False)


def best_factors(delta: npt.ArrayLike, rank: int, *, scale: float = 1.0) -> Factors:
    """The A and B for which γ B A is nearest to ΔW (d_out, d_in); γ is `scale`.

    Both get the root of the singular values, so AAᵀ = BᵀB.

    Raises:
        ValueError: ΔW or the rank cannot be used (see the module), or scale is not above 0.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale is {scale!r}, expected a number above 0")
    U, S, Vt = truncated_svd(delta, rank)
    root = np.sqrt(S / scale)
    return Factors(A=root[:, None] * Vt, B=U * root)


def eckart_young_error(singular: npt.ArrayLike, rank: int) -> float:
    """√(Σ_{i>r} σᵢ²), the least error of any approximation of rank r (0 … number of values)."""
    return _norm(_values(singular, rank)[rank:])


def energy_kept(singular: npt.ArrayLike, rank: int) -> float:
    """Σ_{i≤r} σᵢ² / Σ σᵢ², from 0 to 1; 1 for a matrix of zeros, which has nothing to lose."""
    values = _values(singular, rank)
    squares = _unit(values) ** 2
    return float(squares[:rank].sum() / squares.sum()) if squares.any() else 1.0


def rank_for_energy(singular: npt.ArrayLike, share: float) -> int:
    """The least rank that keeps `share` (0 … 1) of the energy.

    Raises:
        ValueError: share is not between 0 and 1.
    """
    values = _values(singular, 0)
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share!r}, expected between 0 and 1")
    return next((r for r in range(values.size) if energy_kept(values, r) >= share), values.size)


def relative_error(M: npt.ArrayLike, approximation: npt.ArrayLike) -> float:
    """‖M − approximation‖ / ‖M‖; for M of zeros 0 if the approximation is too, else infinite.

    Raises:
        ValueError: the shapes differ.
    """
    M, approximation = _matrix(M), _matrix(approximation)
    if M.shape != approximation.shape:
        raise ValueError(f"approximation has shape {approximation.shape}, expected {M.shape}")
    error, size = _norm(M - approximation), _norm(M)
    if size == 0:
        return 0.0 if error == 0 else np.inf
    return error / size


# One factor given


def best_B(M: npt.ArrayLike, A: npt.ArrayLike) -> Matrix:
    """B = M A⁺ (m, r), for which B A is nearest to M (m, n); A is (r, n) and may be rank deficient."""
    M, A = _matrix(M), _matrix(A)
    if M.shape[1] != A.shape[1]:
        raise ValueError(f"A has shape {A.shape}, expected (r, {M.shape[1]}) for M of shape {M.shape}")
    return M @ np.linalg.pinv(A)


def best_A(M: npt.ArrayLike, B: npt.ArrayLike) -> Matrix:
    """A = B⁺ M (r, n), for which B A is nearest to M (m, n); B is (m, r) and may be rank deficient."""
    M, B = _matrix(M), _matrix(B)
    if M.shape[0] != B.shape[0]:
        raise ValueError(f"B has shape {B.shape}, expected ({M.shape[0]}, r) for M of shape {M.shape}")
    return np.linalg.pinv(B) @ M


# Actual columns and rows


def drawn_columns(M: npt.ArrayLike, rank: int, *, generator: np.random.Generator) -> Indices:
    """Draws r different columns, in the order drawn, each in proportion to its squared length.

    The first k of them are a draw of k columns. Columns of zeros come only when no other is left.
    """
    M = _matrix(M)
    _check_rank(rank, M)
    weights = _probabilities(np.linalg.norm(_unit(M), axis=0) ** 2)
    some = np.flatnonzero(weights)
    drawn = generator.choice(M.shape[1], min(rank, some.size), replace=False, p=weights)
    rest = generator.permutation(np.setdiff1d(np.arange(M.shape[1]), some))
    return np.concatenate([drawn, rest])[:rank].astype(np.intp)


def column_row(M: npt.ArrayLike, rank: int, *, generator: np.random.Generator) -> Interpolative:
    """CR: r columns drawn as `drawn_columns` does, and R = C⁺ M as `P`."""
    columns = drawn_columns(M, rank, generator=generator)
    return Interpolative(columns, best_A(M, _matrix(M)[:, columns]))


def interpolative_decomposition(M: npt.ArrayLike, rank: int) -> Interpolative:
    """ID: r actual columns and P (r, n), which is the identity on those columns. Deterministic.

    scipy's is made for matrices of at least that rank and gives NaN for zeros, so that a matrix of lower rank
    k gets k columns, and a matrix of zeros none.
    """
    M = _matrix(M)
    _check_rank(rank, M)
    unit = _unit(M)
    k = min(rank, int(np.linalg.matrix_rank(unit)))
    if k == 0:
        return Interpolative(np.zeros(0, np.intp), np.zeros((0, M.shape[1])))
    from scipy.linalg import interpolative

    order, coefficients = interpolative.interp_decomp(unit, k, rand=False)
    P = interpolative.reconstruct_interp_matrix(order, coefficients)
    return Interpolative(np.asarray(order[:k], np.intp), np.asarray(P, np.float64))


def cur(M: npt.ArrayLike, rank: int) -> CUR:
    """CUR: the columns that ID chooses of M, the rows that it chooses of Mᵀ, and U = C⁺ M R⁺."""
    M = _matrix(M)
    columns = interpolative_decomposition(M, rank).columns
    rows = interpolative_decomposition(M.T, rank).columns
    C, R = M[:, columns], M[rows]
    U = np.linalg.pinv(C) @ M @ np.linalg.pinv(R) if columns.size else np.zeros((0, 0))
    return CUR(columns, rows, C, U, R)


def sampled_product(
    X: npt.ArrayLike, Y: npt.ArrayLike, samples: int, *, generator: np.random.Generator
) -> tuple[Matrix, Matrix]:
    """C (m, s) and R (s, n) with E[C R] = X Y: s columns of X with the rows of Y that belong to them.

    Column i is drawn (with replacement) with probability pᵢ proportional to ‖xᵢ‖ ‖yᵢ‖, which makes the
    expected error least, and its product is weighted by 1 / (s pᵢ), half of it (the root) in each factor. If
    X Y is a sum of zeros, so is C R.

    Raises:
        ValueError: X or Y cannot be used (see the module), the inner sizes differ, or samples is below 1.
    """
    X, Y = _matrix(X), _matrix(Y)
    _check_inner(X, Y)
    if samples < 1:
        raise ValueError(f"samples is {samples}, expected at least 1")
    p = _probabilities(np.linalg.norm(_unit(X), axis=0) * np.linalg.norm(_unit(Y), axis=1))
    drawn = generator.choice(p.size, samples, p=p)
    weight = np.sqrt(1 / (samples * p[drawn]))
    return X[:, drawn] * weight, weight[:, None] * Y[drawn]


def _probabilities(weights: Matrix) -> Matrix:
    """Weights that sum to 1; uniform if all are zero."""
    total = weights.sum()
    return weights / total if total > 0 else np.full(weights.size, 1 / weights.size)


def _unit(M: Matrix) -> Matrix:
    """M over its largest entry, so that no square of an entry overflows; zeros stay zeros."""
    size = np.abs(M).max(initial=0.0)
    return M / size if size > 0 else M


def _norm(M: Matrix) -> float:
    return float(np.abs(M).max(initial=0.0) * np.linalg.norm(_unit(M)))


def _matrix(M: Any) -> Matrix:
    array = np.asarray(M)
    if array.ndim != 2 or array.size == 0 or not np.isrealobj(array):
        raise ValueError(
            f"matrix has shape {array.shape} and type {array.dtype}, expected (m, n) of real numbers"
        )
    array = array.astype(np.float64, copy=False)
    if not np.isfinite(array).all():
        raise ValueError("matrix holds NaN or infinity, expected finite numbers")
    return array


def _triangle(M: Matrix) -> Matrix:
    """R (k, n) of M = Q R (m, n), straight from LAPACK: half of np.linalg.qr's time for thin matrices."""
    from scipy.linalg import lapack

    packed: Matrix = lapack.dgeqrf(M)[0]
    rows = min(M.shape)
    return packed[:rows] * _upper(rows, M.shape[1])


@lru_cache(maxsize=16)
def _upper(rows: int, columns: int) -> Matrix:
    """Ones on and above the diagonal."""
    return np.triu(np.ones((rows, columns)))


def _values(singular: npt.ArrayLike, rank: int) -> Matrix:
    values = np.asarray(singular, np.float64)
    if values.ndim != 1 or not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("singular values are not finite and at least 0 in one dimension")
    if not 0 <= rank <= values.size:
        raise ValueError(f"rank is {rank}, expected 0 to {values.size}")
    return np.sort(values)[::-1]


def _check_rank(rank: int, M: Matrix) -> None:
    if not 1 <= rank <= min(M.shape):
        raise ValueError(f"rank is {rank}, expected 1 to {min(M.shape)} for a matrix of shape {M.shape}")


def _check_inner(B: Matrix, A: Matrix) -> None:
    if B.shape[1] != A.shape[0]:
        raise ValueError(f"factors of shapes {B.shape} and {A.shape} do not multiply")
