"""transformers' `resize_token_embeddings` on a model with an adapter.

It replaces the output layer, and takes nothing but a plain one. So while it works the base's own layers stand
in their places, and an adapted layer then follows its base: new outputs start as the base's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from lora_core.linear import LoRALinear

_VERB = "resize_token_embeddings"


def follow(model: nn.Module) -> None:
    """Lets the adapted layers of a model follow when it is resized."""
    for module in model.modules():
        own: Callable[..., Any] | None = getattr(type(module), _VERB, None)
        if own is not None:
            setattr(module, _VERB, partial(_resize, module))  # which a deep copy gives to the copy


def leave(model: nn.Module) -> None:
    """Undoes `follow`."""
    for module in model.modules():
        vars(module).pop(_VERB, None)


def _resize(model: Any, *args: Any, **options: Any) -> Any:
    resize = getattr(type(model), _VERB)
    places = [
        (parent, key, child)
        for parent in model.modules()
        for key, child in parent._modules.items()
        if isinstance(child, LoRALinear)
    ]
    head = model.get_output_embeddings()
    if isinstance(head, LoRALinear) and not head.method.keeps_base:
        raise ValueError(
            f"the output layer is held as {head.method.name!r} holds it and cannot be resized; "
            "detach the adapter, resize, and attach it again"
        )
    for parent, key, layer in places:
        parent._modules[key] = layer.base
    try:
        return resize(model, *args, **options)
    finally:
        for parent, key, layer in places:
            now = parent._modules[key]
            assert now is not None
            layer.rebase(now)
            parent._modules[key] = layer
