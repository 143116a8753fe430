"""Many configurations as one batched computation. Nothing here imports torch until `sweep` is asked for.

    for snapshot in sweep(configs): ...
    best_lrs(snapshot.curves)

`batch` is the computation itself, for tasks of one's own; `result` what a sweep says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.sweep.result import Curve, Optimum, SweepSnapshot, best_lrs

if TYPE_CHECKING:
    from lab.sweep.run import sweep

__all__ = ["Curve", "Optimum", "SweepSnapshot", "best_lrs", "sweep"]


def __getattr__(name: str) -> Any:
    if name != "sweep":
        raise AttributeError(f"module 'lab.sweep' has no attribute {name!r}")
    from lab.sweep.run import sweep

    return sweep
