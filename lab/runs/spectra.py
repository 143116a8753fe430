"""Singular values of what a run has changed."""

from __future__ import annotations

import torch
from torch import Tensor


def singular_values(matrix: Tensor) -> Tensor:
    """Singular values (min(m, n),) of a matrix (m, n), largest first.

    They are the roots of the eigenvalues of the smaller of M Mᵀ and Mᵀ M, which is faster than an SVD. In
    float64 this loses what is below 1e-8 of the largest, which float32 weights do not hold anyway.
    """
    M = matrix.double()
    gram = M @ M.mT if M.shape[0] < M.shape[1] else M.mT @ M
    values: Tensor = torch.linalg.eigvalsh(gram).flip(0).clamp(min=0).sqrt()
    return values
