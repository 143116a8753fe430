"""Five approximations of M (m, n) at every rank at once, with numpy and scipy. No torch here.

Each is M seen through orthonormal bases, and rank r + 1 adds one vector to the basis of rank r:

    SVD     U_r U_rᵀ M                   U: the left singular vectors
    given   M Q_r Q_rᵀ = B A, B = M A⁺   Q: the rows of a given A (r, n), drawn uniformly as LoRA starts
    CR      Q_r Q_rᵀ M = C C⁺ M          Q: columns of M drawn in proportion to their squared length
    ID      Q_r Q_rᵀ M = C P             Q: columns of M chosen by pivoted QR
    CUR     Q_r Q_rᵀ M P_r P_rᵀ = C U R  Q: the columns of ID; P: the rows that ID chooses of Mᵀ;  U = C⁺ M R⁺

`low_rank` computes the same at one rank (Q Qᵀ = C C⁺ for any C whose columns Q spans). The error follows
from what is kept, since all are orthogonal projections: ‖M − M_r‖² = ‖M‖² − ‖M_r‖², with ‖·‖ Frobenius.

Sources: those of `low_rank`. Numbers to store: r (m + n) for SVD (singular values inside the factors);
    r m for a given A, which comes back from its seed, so that B alone is kept; r (m + n − r) and r indices
    for CR and ID, whose second factor is the identity on the columns; for CUR C and R, whose common entries
    count once, U, and 2 r indices: r (m + n) + 2 r.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lora_core.matrix.low_rank import (
    Indices,
    Matrix,
    drawn_columns,
    interpolative_decomposition,
    truncated_svd,
)

DECOMPOSITIONS = ("svd", "given", "cr", "id", "cur")
RANDOM = ("given", "cr")
"""Those that draw at random: A, or the columns."""
MOST = 64
"""The highest rank computed, whatever the matrix."""

STORED: Mapping[str, Callable[[int, int, int], int]] = {
    "svd": lambda m, n, r: r * (m + n),
    "given": lambda m, n, r: r * m,
    "cr": lambda m, n, r: r * (m + n - r) + r,
    "id": lambda m, n, r: r * (m + n - r) + r,
    "cur": lambda m, n, r: r * (m + n) + 2 * r,
}
"""Numbers to store at rank r of a matrix (m, n)."""

_EPS = 1e-12  # of a vector's length: what is left of it when it lies in the span of those before


@dataclass(frozen=True)
class Nested:
    """One decomposition at the ranks 1 … k.

    Attributes:
        left: orthonormal columns (m, k), or None: nothing is projected there.
        right: orthonormal columns (n, k), or None.
        errors: ‖M − M_r‖ / ‖M‖ for r = 1 … k, never rising.
        columns, rows: of M, in the order they join; empty where none are used.
    """

    left: Matrix | None
    right: Matrix | None
    errors: Matrix
    columns: Indices
    rows: Indices

    def at(self, M: npt.ArrayLike, rank: int) -> Matrix:
        """The approximation M_r (m, n)."""
        shown = np.asarray(M, np.float64)
        if self.left is not None:
            Q = self.left[:, :rank]
            shown = Q @ (Q.T @ shown)
        if self.right is not None:
            P = self.right[:, :rank]
            shown = (shown @ P) @ P.T
        return shown


def ranks(M: npt.ArrayLike) -> int:
    """The number of ranks computed: M's own rank, at most MOST; 0 for a matrix of zeros."""
    values = np.asarray(M, np.float64)
    size = np.abs(values).max(initial=0.0)
    return min(MOST, int(np.linalg.matrix_rank(values / size))) if size > 0 else 0


def nested(M: npt.ArrayLike, *, seed: int) -> dict[str, Nested]:
    """All of DECOMPOSITIONS, at the ranks 1 … `ranks(M)`; the seed is that of the random draws.

    Raises:
        ValueError: M is not a real finite matrix (see `low_rank`), or is zero everywhere.
    """
    k = ranks(M)
    if k == 0:
        raise ValueError("matrix is zero everywhere, expected one with something to approximate")
    unit = np.asarray(M, np.float64)
    unit = unit / np.abs(unit).max()  # no square of an entry overflows
    U = truncated_svd(unit, k).U
    columns = interpolative_decomposition(unit, k).columns
    rows = interpolative_decomposition(unit.T, k).columns
    C, R = basis(unit[:, columns]), basis(unit[rows].T)
    none = np.zeros(0, np.intp)
    return {
        "svd": Nested(U, None, _errors(unit, U, None), none, none),
        **by_chance(unit, k, seed=seed),
        "id": Nested(C, None, _errors(unit, C, None), columns, none),
        "cur": Nested(C, R, _errors(unit, C, R), columns, rows),
    }


def by_chance(M: Matrix, k: int, *, seed: int) -> dict[str, Nested]:
    """The decompositions in RANDOM alone, at the ranks 1 … k: another seed is another draw."""
    generator = np.random.default_rng(seed)
    A = generator.uniform(-1, 1, (k, M.shape[1])) / np.sqrt(M.shape[1])  # (k, n)
    drawn = drawn_columns(M, k, generator=generator)
    Q, C = basis(A.T), basis(M[:, drawn])
    none = np.zeros(0, np.intp)
    return {
        "given": Nested(None, Q, _errors(M, None, Q), none, none),
        "cr": Nested(C, None, _errors(M, C, None), drawn, none),
    }


def basis(vectors: Matrix) -> Matrix:
    """Orthonormal columns (m, k): the first r span the first r of `vectors` (m, k), for every r.

    A vector that adds no direction leaves a column of zeros, which projects onto nothing.
    """
    Q = np.zeros_like(vectors)
    for i in range(vectors.shape[1]):
        size = np.linalg.norm(vectors[:, i])
        if size == 0:
            continue
        q = vectors[:, i] / size
        for _ in range(2):  # twice is enough (Giraud et al. 2005)
            q = q - Q[:, :i] @ (Q[:, :i].T @ q)
        length = np.linalg.norm(q)
        if length > _EPS:
            Q[:, i] = q / length
    return Q


def _errors(M: Matrix, left: Matrix | None, right: Matrix | None) -> Matrix:
    """‖M − M_r‖ / ‖M‖ for every r, from the energy that each new vector adds."""
    if left is not None and right is not None:
        core = (left.T @ M @ right) ** 2
        kept = core.cumsum(axis=0).cumsum(axis=1).diagonal()
    else:
        seen = left.T @ M if left is not None else (M @ right).T if right is not None else M
        kept = (seen**2).sum(axis=1).cumsum()
    shares: Matrix = np.clip(1 - kept / (M**2).sum(), 0.0, 1.0)
    return np.minimum.accumulate(np.sqrt(shares))
