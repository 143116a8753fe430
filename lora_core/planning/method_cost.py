"""What a method of the family costs compared with LoRA, counted from the shapes of the layers. No torch here.

Each method's file says what it adds to LoRA's own cost (`cost.cost`), for a layer W (d_out, d_in) in
multiply-adds with N = d_out d_in and P = r (d_in + d_out).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lora_core.methods import method as method_called
from lora_core.planning.cost import Shape as Shape
from lora_core.planning.cost import cost


@dataclass(frozen=True)
class MethodCost:
    """One step of a method.

    trained: parameters that train. optimizer_bytes: what the optimiser keeps of them from step to step.
    step, update: FLOPs of the products, forward and backward, and in the optimiser.
    frozen_bytes: the adapted matrices, and what else the method freezes.
    """

    trained: int
    optimizer_bytes: int
    step: int
    update: int
    frozen_bytes: int

    @property
    def flops(self) -> int:
        """Of the products and the optimiser."""
        return self.step + self.update


def method_cost(
    method: str, layers: Mapping[str, Shape], trained: Collection[str], *, rank: int, rows: int
) -> MethodCost:
    """Counts one step in float32.

    Args:
        method: name of a method.
        layers: all linear layers of the model in the order in which an input meets them.
        trained: the names of those that the method adapts.
        rank: r.
        rows: inputs to each layer in a step.

    Raises:
        ValueError: see `cost.cost`; or there is no such method.
    """
    plain = cost(layers, trained, rank=rank, rows=rows)
    shapes = [layers[name] for name in layers if name in trained]
    lora = MethodCost(
        trained=plain.trained,
        optimizer_bytes=plain.optimizer_bytes,
        step=plain.flops,
        update=0,
        frozen_bytes=sum(4 * math.prod(shape) for shape in shapes),
    )
    return method_called(method).cost(lora, shapes, rank=rank, rows=rows)
