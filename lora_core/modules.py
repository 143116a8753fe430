"""Which modules of a model can be adapted, which are asked for, and what is said of the others."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from torch import nn

from lora_core.config import Targets, select
from lora_core.linear import conv1d_of


def linear_layers(model: nn.Module) -> dict[str, Any]:
    """Name -> nn.Linear or transformers' Conv1D, of what can be adapted.

    The model itself is not among them: nothing holds it, so nothing could replace it.
    """
    return {name: module for name, module in model.named_modules() if name and _is_linear(type(module))}


def _is_linear(kind: type[nn.Module]) -> bool:
    """Whether layers of a class compute W x + b; a subclass with a forward of its own may do otherwise."""
    known = nn.Linear if issubclass(kind, nn.Linear) else conv1d_of(kind)
    return known is not None and kind.forward is known.forward


def chosen(model: nn.Module, linear: Mapping[str, Any], targets: Targets) -> list[str]:
    """What `select` finds among the linear layers; other modules asked for by name are refused.

    Warns of linear layers with a forward of their own that "all-linear" or "blocks" passes over.

    Raises:
        ValueError: nothing matches, or a name fits modules of which none is linear.
    """
    kinds = {name: type(module).__name__ for name, module in model.named_modules() if name}
    for target in () if isinstance(targets, str) else targets:
        fitting = [name for name in kinds if name == target or name.endswith(f".{target}")]
        if fitting and not any(name in linear for name in fitting):
            raise ValueError(
                f"{fitting[0]} is of class {kinds[fitting[0]]}, expected a linear module (nn.Linear or "
                "Conv1D, with the forward of that class); leave it out of targets. "
                f"Linear modules are: {', '.join(linear) or 'none'}"
            )
    names = select(linear, targets)
    if targets in ("all-linear", "blocks"):
        found = (n for n, module in model.named_modules() if n and isinstance(module, nn.Linear))
        passed = ", ".join(f"{name} ({kinds[name]})" for name in found if name not in linear)
        if passed:
            warnings.warn(f"not adapted, having a forward of its own: {passed}", stacklevel=3)
    return names


def refuse_empty(layers: Mapping[str, Any]) -> None:
    """Raises ValueError: a layer's weight holds no numbers; says how to get them."""
    for name, layer in layers.items():
        W = layer.weight
        if W.device.type == "meta":
            raise ValueError(
                f"the weight of {name} is on the meta device, without numbers; load the model's weights "
                "first, and do not offload (`device_map`) what is to be adapted"
            )
        if W.dim() != 2 or not W.numel():
            raise ValueError(
                f"the weight of {name} has shape {tuple(W.shape)}, expected (d_out, d_in); sharded weights "
                "(ZeRO-3, FSDP) must be gathered first"
            )
