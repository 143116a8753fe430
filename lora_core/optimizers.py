"""Parts of the methods' optimisers, for what AdamW alone does not do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

Move = Callable[[dict[str, Any], dict[Any, Any]], None]


class GroupOptimizer(torch.optim.Optimizer):
    """Moves each group of parameters as a whole.

    Args:
        groups, defaults: as in torch.optim.Optimizer.
        move: takes a group whose parameters all have gradients, and the state of all parameters, parameter ->
            what it keeps from step to step.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], defaults: Mapping[str, Any], *, move: Move) -> None:
        super().__init__(groups, dict(defaults))
        self._move = move

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves every group whose parameters all have gradients; returns the closure's loss."""
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for group in self.param_groups:
            if all(parameter.grad is not None for parameter in group["params"]):
                self._move(group, self.state)
        return loss
