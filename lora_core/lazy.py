"""A module that is imported when something of it is first used.

The files of the methods say names, costs and forms to a web server that never imports torch, and compute with
torch elsewhere.
"""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """Stands for a module: its attributes are the module's, which is imported for the first of them."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)
