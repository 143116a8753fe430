"""A layer and the adapters trained on it, as the factor view is given them."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Adapter:
    """One pair of factors. Its update is ΔW = γ B A.

    Attributes:
        B: (d_out, r).
        A: (r, d_in).
        singular: the singular values of B A, falling, (r,).
        alpha: the α it was trained with.
        gamma: the γ it was trained with.
        loss: its validation loss, nats a character; None where none was recorded.
    """

    B: NDArray[np.float32]
    A: NDArray[np.float32]
    singular: NDArray[np.float64]
    alpha: float
    gamma: float
    loss: float | None = None

    @property
    def rank(self) -> int:
        return int(self.A.shape[0])

    def to_json(self) -> dict[str, Any]:
        return {
            "rank": self.rank,
            "B": _base64(self.B.T),  # (r, d_out): the first r rows are the first r columns of B
            "A": _base64(self.A),
            "singular": self.singular.tolist(),
            "alpha": self.alpha,
            "gamma": self.gamma,
            "loss": self.loss,
        }


@dataclass(frozen=True)
class LayerData:
    """One layer: its frozen matrix and the adapters to show on it.

    Attributes:
        name: the layer's name in the model.
        mode: "compress": one adapter, its factors U√S and √S Vᵀ, so that the first r of them are the best
            rank r. "retrain": one adapter for each trained rank, its factors as training left them.
        rule: the rule for γ under which the adapters were trained.
        W: the frozen matrix (d_out, d_in).
        adapters: see mode.
    """

    name: str
    mode: str
    rule: str
    W: NDArray[np.float32]
    adapters: tuple[Adapter, ...]

    @cached_property
    def limit(self) -> float:
        """The value at the ends of the one colour scale: about 97.5% of W lie within, in round numbers.

        An update is several times smaller than the matrix it changes; a scale that held every entry of W
        would show it as bare paper.
        """
        reach = float(np.quantile(np.abs(self.W), 0.975))
        power = 10.0 ** np.floor(np.log10(reach)) if reach > 0 else 1.0
        return float(min((step * power for step in STEPS), key=lambda step: abs(step - reach)))

    @cached_property
    def payload(self) -> dict[str, Any]:
        """What the browser needs: arrays as base64 of little-endian float32, and a signature of it all."""
        said = {
            "name": self.name,
            "mode": self.mode,
            "rule": self.rule,
            "shape": list(self.W.shape),
            "W": _base64(self.W),
            "adapters": [adapter.to_json() for adapter in self.adapters],
            "limit": self.limit,
        }
        return said | {"signature": hashlib.sha256(repr(said).encode()).hexdigest()[:16]}


def _base64(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")
