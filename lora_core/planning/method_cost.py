"""What a method of the family costs beside LoRA, counted from the shapes of the layers. No torch here.

For a layer W (d_out, d_in), in multiply-adds, N = d_out d_in, P = r (d_in + d_out), beyond `cost.cost`:

    DoRA              m (d_out,) trains; ‖W + γ B A‖ needs B A: r N a step, however many rows
    PiSSA, LoRA-GA    B₀A₀ x: P a row forward, and P a row backward where the input's gradient is needed
    AdaLoRA           E (r,) trains; importance, its uncertainty and their product beside Adam's two moments;
                      the penalty's A Aᵀ and BᵀB and their gradients: 3 r P
    LoRA-Pro          Adam's moments have W's shape; projected twice: 4 r N + r² (7 d_in + 9 d_out) + 12 r³
    QLoRA             W in 4 bits an entry, 8 a block of 64, and 32 a block of 256 of these and their mean
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lora_core.planning.cost import Shape, cost, parameters_of

BLOCK, OUTER = 64, 256  # of QLoRA


@dataclass(frozen=True)
class MethodCost:
    """One step of a method.

    trained: parameters that train. optimizer_bytes: what the optimiser keeps of them from step to step.
    step, update: FLOPs of the products, forward and backward, and in the optimiser.
    frozen_bytes: the adapted matrices, and what a method freezes beside them.
    """

    trained: int
    optimizer_bytes: int
    step: int
    update: int
    frozen_bytes: int

    @property
    def flops(self) -> int:
        return self.step + self.update


def method_cost(
    method: str, layers: Mapping[str, Shape], trained: Collection[str], *, rank: int, rows: int
) -> MethodCost:
    """Counts one step in float32.

    Args:
        method: one of METHODS.
        layers: all linear layers of the model in the order in which an input meets them.
        trained: the names of those that the method adapts.
        rank: r. rows: inputs to each layer in a step.

    Raises:
        ValueError: see `cost.cost`.
    """
    plain = cost(layers, trained, rank=rank, rows=rows)
    shapes = [layers[name] for name in layers if name in trained]
    numbers, kept = plain.trained, 2 * plain.trained
    step, update, frozen = plain.flops, 0, sum(4 * math.prod(shape) for shape in shapes)
    if method == "dora":
        numbers += sum(d_out for d_out, _ in shapes)
        kept = 2 * numbers
        step += sum(2 * rank * math.prod(shape) for shape in shapes)
    elif method in ("pissa", "lora-ga"):
        factors = [parameters_of(shape, rank) for shape in shapes]
        step += 2 * rows * (sum(factors) + sum(factors[1:]))
        frozen += 4 * sum(factors)
    elif method == "adalora":
        numbers += rank * len(shapes)
        kept = 5 * numbers
        update = 6 * rank * plain.trained
    elif method == "lora-pro":
        kept = 2 * sum(math.prod(shape) for shape in shapes)
        update = sum(_projections(shape, rank) for shape in shapes)
    elif method == "qlora":
        frozen = sum(_four_bits(math.prod(shape)) for shape in shapes)
    return MethodCost(numbers, 4 * kept, step, update, frozen)


def _projections(shape: Shape, r: int) -> int:
    """FLOPs of LoRA-Pro's step: BᵀB and A Aᵀ, two adjustments, and the four products with W's shape."""
    d_out, d_in = shape
    gram = r * r * (d_in + d_out) + 2 * r**3
    adjusted = r * r * (3 * d_in + 4 * d_out) + 5 * r**3
    return 2 * (gram + 2 * adjusted + 4 * r * d_out * d_in)


def _four_bits(entries: int) -> int:
    """Bytes of NF4 with double quantisation."""
    blocks = math.ceil(entries / BLOCK)
    return blocks * BLOCK // 2 + blocks + 4 * (1 + math.ceil(blocks / OUTER))
