"""What there is to compute on."""

from __future__ import annotations

import torch


def devices() -> list[str]:
    """The kinds that exist here, of cuda, mps and cpu, the quickest first."""
    return [kind for kind in ("cuda", "mps") if getattr(torch, kind).is_available()] + ["cpu"]
