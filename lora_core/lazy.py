"""A module that is imported when something of it is first used.

A web server that never imports torch reads names, costs and forms in the methods' files; only what computes
there needs torch.
"""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """The attributes of a module, which is imported when the first is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)
