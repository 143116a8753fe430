"""What training costs, counted from the shapes of the layers alone. No torch here.

For one row through a layer W (d_out, d_in), in multiply-adds (a FLOP count is twice that), with N = d_out
d_in and P = r (d_in + d_out):

                    forward   backward: input   backward: parameters
    full            N         N                 N
    LoRA            N + P     N + P             P
    not trained     N         N                 -

For d_out = d_in = n and every layer but the first that is 3 n² against 2 n² + 6 n r ("LoRA Without Regret"):
equal at r = n / 6. The gradient of a layer's input is needed only if something before it trains. The first
layer that trains has no such gradient, what comes before it no backward pass at all; LoRA's dB needs the
gradient at A's output, hence r d_out there and r d_in for A's input, which the first layer drops.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lora_core.formats.peft import tensor_name

Shape = tuple[int, int]  # (d_out, d_in)

_KINDS = {2: "F16", 4: "F32", 8: "F64"}


@dataclass(frozen=True)
class Cost:
    """What one choice of layers and rank costs.

    trained: parameters that train; share: of all parameters of the layers given (above 1 at a high rank).
    forward, backward: FLOPs of the linear layers in one step.
    gradient_bytes, optimizer_bytes: of the trained parameters; Adam keeps two moments of each.
    file_bytes: the safetensors file of what trained, to the byte.
    """

    trained: int
    share: float
    forward: int
    backward: int
    gradient_bytes: int
    optimizer_bytes: int
    file_bytes: int

    @property
    def flops(self) -> int:
        """Forward and backward."""
        return self.forward + self.backward


def cost(
    layers: Mapping[str, Shape],
    trained: Collection[str],
    *,
    rank: int | None,
    rows: int = 1,
    itemsize: int = 4,
) -> Cost:
    """Counts one step.

    Args:
        layers: all linear layers of the model in the order in which an input meets them.
        trained: the names of those that train.
        rank: r of LoRA on them, or None for full fine-tuning of them.
        rows: inputs to each layer in a step: the batch, times the tokens of a text.
        itemsize: bytes a number.

    Raises:
        ValueError: nothing trains, a name is not among the layers, or a number is below 1.
    """
    unknown = [name for name in trained if name not in layers]
    if unknown or not trained:
        raise ValueError(f"no layer {', '.join(unknown) or 'trains'}; layers are: {', '.join(layers)}")
    if rows < 1 or (rank is not None and rank < 1) or itemsize not in _KINDS:
        raise ValueError(
            f"rank is {rank}, rows {rows}, itemsize {itemsize}; expected at least 1, 1, and one of 2, 4, 8"
        )
    parameters = sum(parameters_of(layers[name], rank) for name in trained)
    forward = backward = 0
    after_trained = False  # whether the gradient of this layer's input is needed
    for name, (d_out, d_in) in layers.items():
        dense, factors = d_out * d_in, parameters_of((d_out, d_in), rank)
        trains = name in trained
        forward += dense
        if trains and rank is None:
            backward += dense + dense * after_trained
        elif trains and rank is not None:
            forward += factors
            backward += factors + rank * d_out + (dense + rank * d_in) * after_trained
        else:
            backward += dense * after_trained
        after_trained = after_trained or trains
    return Cost(
        trained=parameters,
        share=parameters / sum(d_out * d_in for d_out, d_in in layers.values()),
        forward=2 * rows * forward,
        backward=2 * rows * backward,
        gradient_bytes=itemsize * parameters,
        optimizer_bytes=2 * itemsize * parameters,
        file_bytes=_file_bytes({name: layers[name] for name in trained}, rank, itemsize),
    )


def parameters_of(shape: Shape, rank: int | None) -> int:
    """Parameters that train in a layer: r (d_in + d_out), or all d_out d_in of them."""
    d_out, d_in = shape
    return d_out * d_in if rank is None else rank * (d_in + d_out)


def break_even_rank(shape: Shape) -> float:
    """The rank at which a LoRA step on a layer, its input's gradient included, costs as much as a full one.

    3 N = 2 N + 3 r (d_in + d_out), so r = N / (3 (d_in + d_out)); N = n² gives n / 6.
    """
    d_out, d_in = shape
    return d_out * d_in / (3 * (d_in + d_out))


def _file_bytes(layers: Mapping[str, Shape], rank: int | None, itemsize: int) -> int:
    """A safetensors file: 8 bytes of length, a JSON header padded to a multiple of 8, the numbers."""
    shapes: dict[str, list[int]] = {}
    for name, (d_out, d_in) in layers.items():
        if rank is None:
            shapes[f"{name}.weight"] = [d_out, d_in]
        else:
            shapes[tensor_name(name, "lora_A.weight")] = [rank, d_in]
            shapes[tensor_name(name, "lora_B.weight")] = [d_out, rank]
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in sorted(shapes):
        start, end = end, end + itemsize * shapes[name][0] * shapes[name][1]
        header[name] = {"dtype": _KINDS[itemsize], "shape": shapes[name], "data_offsets": [start, end]}
    length = len(json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode())
    return 8 + -(-length // 8) * 8 + end
