"""‖B A‖ of factors in a mapped file, without forming B A. No torch here.

    ‖B A‖² = tr(BᵀB AAᵀ) = Σ (BᵀB ∘ AAᵀ)          two Gram matrices (r, r), in one pass over the file

The Gram matrices are summed block by block, so that no more than BLOCK bytes of a factor are widened at a
time. Where the terms cancel (a PiSSA saved as [B, −B₀] [A; A₀] that has hardly moved), or overflow or vanish
in float32, a QR of both factors in float64 answers instead, whose error does not grow with what cancels.
"""

from __future__ import annotations

import math

import numpy as np

from lora_core.formats.tensor_file import Array, widened
from lora_core.matrix.low_rank import spectrum_of_product

BLOCK = 16 << 20  # bytes
CANCELS = 1e-3  # of Σ |BᵀB ∘ AAᵀ|: below this share float32's sums are not trusted


def product_norm(
    B: Array, A: Array, dtypes: tuple[str, str] = ("F32", "F32"), E: Array | None = None
) -> float:
    """‖B diag(E) A‖ (Frobenius); NaN where an entry is NaN or infinite.

    Args:
        B: (d_out, r), or (experts, d_out, r).
        A: (r, d_in), or (experts, r, d_in).
        dtypes: of B and A as the file has them: bfloat16 comes as its 16 bits.
        E: (r,), of AdaLoRA.
    """
    if B.ndim == 2:
        B, A = B[None], A[None]
    return math.hypot(*(_one(b, a, dtypes, E) for b, a in zip(B, A, strict=True)))


def whole(values: Array, dtype: str) -> Array:
    """A factor in float64."""
    return widened(values, dtype).astype(np.float64)


def _one(B: Array, A: Array, dtypes: tuple[str, str], E: Array | None) -> float:
    with np.errstate(all="ignore"):  # what overflows is answered below
        left, right = _gram(B.T, dtypes[0]), _gram(A, dtypes[1])
        if E is not None:
            right = right * E[:, None] * E
        terms = left * right
        square, size = float(terms.sum()), float(np.abs(terms).sum())
    if math.isfinite(square) and square > CANCELS * size and size > 1e-30:
        return math.sqrt(square)
    wide_B, wide_A = whole(B, dtypes[0]), whole(A, dtypes[1])
    if E is not None:
        wide_A = wide_A * E[:, None]
    if not (np.isfinite(wide_B).all() and np.isfinite(wide_A).all()):
        return math.nan
    peaks = [float(np.abs(factor).max(initial=0.0)) or 1.0 for factor in (wide_B, wide_A)]
    singular = spectrum_of_product(wide_B / peaks[0], wide_A / peaks[1])
    return float(np.linalg.norm(singular)) * peaks[0] * peaks[1]


def _gram(M: Array, dtype: str) -> Array:
    """M Mᵀ (r, r) in float64, of M (r, n), from products in M's own precision, float32 at least."""
    rows, columns = M.shape
    step = max(1, BLOCK // (4 * max(rows, 1)))
    total = np.zeros((rows, rows))
    for start in range(0, columns, step):
        block = widened(M[:, start : start + step], dtype)
        block = block.astype(np.float32, copy=False) if block.dtype.itemsize < 4 else block
        total += block @ block.T
    return total
