"""Attach, merge, save and take off low-rank adapters on any nn.Module.

    ΔW = γ B A,  W (d_out, d_in),  A (r, d_in),  B (d_out, r)

Every refusal is a ValueError, raised before anything is changed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from lora_core import peft_format
from lora_core.config import AdapterConfig, select
from lora_core.linear import LoRALinear
from lora_core.methods import method

_MARK = "_lora_core"
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class _Attached:
    """What a model with an adapter remembers: the configuration, and which parameters used to train."""

    config: AdapterConfig
    trainable: frozenset[str]


def attach(
    model: M,
    config: AdapterConfig,
    *,
    generator: torch.Generator | None = None,
    gradients: Mapping[str, Tensor] | None = None,
) -> M:
    """Wraps the linear layers that `config.targets` selects, in place, and freezes everything else.

    Only nn.Linear is adapted (a subclass with a forward of its own is not). A layer that stands in several
    places is wrapped once and stands in all of them.

    Args:
        generator: source of the factors' random start; it may live on another device than the model.
        gradients: module name -> estimate of dL/dW (d_out, d_in), for the methods that ask for it.

    Returns:
        The model.

    Raises:
        ValueError: no module matches, a rank above min(d_out, d_in), an adapter is attached already, or what
            the method itself refuses.
    """
    _refuse_unready(model)
    linear = _linear(model)
    how = method(config.method)
    names = select(linear, config.targets)
    for name in names:
        limit = min(linear[name].weight.shape)
        if config.rank > limit:
            d_out, d_in = linear[name].weight.shape
            raise ValueError(
                f"rank is {config.rank}, expected 1 to {limit} for {name} of shape ({d_out}, {d_in})"
            )
    layers = {
        name: how.build(linear[name], config, generator=generator, gradient=(gradients or {}).get(name))
        for name in names
    }
    return _install(model, config, layers)


def detach(model: M) -> M:
    """Takes the adapter off: the base as it was, bit for bit, and what used to train trains again.

    Raises:
        ValueError: no adapter is attached to this very module.
    """
    attached = _attached(model)
    layers = list(_layers(model).values())
    _replace(model, {layer: layer.restored() for layer in layers})
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in attached.trainable)
    delattr(model, _MARK)
    return model


def merge(model: M) -> M:
    """Lets each adapted layer compute with one matrix W + ΔW. W, A and B stay, so `unmerge` is exact.

    A layer computes with A and B as they were when merged; merging does not stop anybody from changing them.

    Raises:
        ValueError: no adapter is attached, or it is merged.
    """
    layers = _layers(model)
    if any(layer.merged is not None for layer in layers.values()):
        raise ValueError("the adapter is merged already; unmerge it first")
    weights = {name: layer.merged_weight() for name, layer in layers.items()}
    for name, layer in layers.items():
        layer.merged = weights[name]
    return model


def unmerge(model: M) -> M:
    """Undoes `merge`, bit for bit.

    Raises:
        ValueError: no adapter is attached, or it is not merged.
    """
    layers = _layers(model)
    if any(layer.merged is None for layer in layers.values()):
        raise ValueError("the adapter is not merged")
    for layer in layers.values():
        layer.merged = None
    return model


def delta_weights(model: nn.Module) -> dict[str, Tensor]:
    """Module name -> ΔW (d_out, d_in), merged or not.

    Raises:
        ValueError: no adapter is attached.
    """
    return {name: layer.delta() for name, layer in _layers(model).items()}


def optimizer_for(
    model: nn.Module, config: AdapterConfig, *, lr: float, **options: Any
) -> torch.optim.Optimizer:
    """AdamW of the adapter's parameters, set up as `config.method` asks.

    Args:
        lr: learning rate; the methods that use several derive them from it.
        options: the method's own (`ratio` of "lora+") and those of torch.optim.AdamW; weight_decay is 0
            unless given.

    Raises:
        ValueError: no adapter is attached, it is merged (nothing would train), or it is of another method's
            making.
    """
    layers = _layers(model)
    how = method(config.method)
    if any(layer.merged is not None for layer in layers.values()):
        raise ValueError("the adapter is merged, so nothing would train; unmerge it first")
    for name, layer in layers.items():
        if not isinstance(layer, how.layer):
            raise ValueError(
                f"{name} is a {type(layer).__name__}, method {config.method!r} expects a {how.layer.__name__}"
            )
    return how.optimizer(layers, config, lr=lr, **options)


def save_adapter(model: nn.Module, folder: str | os.PathLike[str]) -> None:
    """Writes a folder that peft.PeftModel.from_pretrained reads, merged or not. The base is not in it.

    Raises:
        ValueError: no adapter is attached, or `folder` is a file.
    """
    layers = _layers(model)
    config = _attached(model).config
    peft_format.write(
        folder,
        config,
        {name: {part: _array(t) for part, t in layer.tensors().items()} for name, layer in layers.items()},
        scales={name: layer.scale for name, layer in layers.items()},
        names=_names_without_adapter(model),
        entries=method(config.method).entries(config),
    )


def load_adapter(model: M, folder: str | os.PathLike[str]) -> M:
    """Attaches what `save_adapter` or PEFT wrote, of any rank, in the types of the model's own weights.

    Returns:
        The model.

    Raises:
        ValueError: an adapter is attached already, a file is missing or broken, holds what cannot be read
            here, or does not fit the model (names the tensor and both shapes).
    """
    _refuse_unready(model)
    saved = peft_format.read(folder)
    linear = _linear(model)
    for name in saved.layers:
        if name not in linear:
            part = next(iter(saved.layers[name]))
            raise ValueError(
                f"tensor {peft_format.tensor_name(name, part)} has no place; "
                f"linear modules are: {', '.join(linear) or 'none'}"
            )
    asked = saved.targets(linear)
    for name in asked:
        if name not in saved.layers:
            raise ValueError(f"tensor {peft_format.tensor_name(name, 'lora_A.weight')} is missing")
    layers = {}
    for name, arrays in saved.layers.items():
        if name not in asked:
            part = next(iter(arrays))
            raise ValueError(f"tensor {peft_format.tensor_name(name, part)} is not of target_modules")
        config = saved.config_of(name)
        how = method(config.method)
        d_out, d_in = linear[name].weight.shape
        _check_shapes(name, arrays, how.layer.shapes(d_out, d_in, config.rank))
        # The start is overwritten at once: a generator of its own leaves the caller's random numbers alone.
        layer = how.build(linear[name], config, generator=torch.Generator(), gradient=None)
        layer.load({part: torch.from_numpy(array.copy()) for part, array in arrays.items()})
        layers[name] = layer
    return _install(model, saved.config, layers)


def _check_shapes(
    name: str, arrays: Mapping[str, peft_format.Array], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    for part, shape in shapes.items():
        full = peft_format.tensor_name(name, part)
        if part not in arrays:
            raise ValueError(f"tensor {full} is missing")
        if arrays[part].shape != shape:
            raise ValueError(f"tensor {full} has shape {arrays[part].shape}, expected {shape}")
    for part in arrays.keys() - shapes.keys():
        raise ValueError(
            f"unexpected tensor {peft_format.tensor_name(name, part)}, expected {', '.join(shapes)}"
        )


def _array(tensor: Tensor) -> peft_format.Array:
    array: peft_format.Array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()
    return array


def _linear(model: nn.Module) -> dict[str, nn.Linear]:
    """Name -> layer. The model itself is not among them: nothing holds it, so nothing could replace it."""
    return {
        name: module
        for name, module in model.named_modules()
        if name and isinstance(module, nn.Linear) and type(module).forward is nn.Linear.forward
    }


def _install(model: M, config: AdapterConfig, layers: Mapping[str, LoRALinear]) -> M:
    trainable = frozenset(name for name, parameter in model.named_parameters() if parameter.requires_grad)
    attached = _Attached(replace(config, targets=tuple(layers)), trainable)
    # Nothing is refused from here on.
    model.requires_grad_(False)
    _replace(model, {layer.base: layer for layer in layers.values()})
    setattr(model, _MARK, attached)
    return model


def _replace(model: nn.Module, new: Mapping[Any, nn.Module]) -> None:
    for parent in list(model.modules()):
        for key, child in parent._modules.items():
            if child is not None and child in new:
                parent._modules[key] = new[child]


def _layers(model: nn.Module) -> dict[str, LoRALinear]:
    layers = {name: module for name, module in model.named_modules() if isinstance(module, LoRALinear)}
    if not layers:
        raise ValueError("no adapter is attached")
    return layers


def _attached(model: nn.Module) -> _Attached:
    _layers(model)
    attached = getattr(model, _MARK, None)
    if not isinstance(attached, _Attached):
        raise ValueError("the adapter was not attached to this module but to one inside or around it")
    return attached


def _refuse_unready(model: nn.Module) -> None:
    if any(isinstance(module, LoRALinear) for module in model.modules()):
        raise ValueError("an adapter is attached already; detach it first")
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.UninitializedParameter):
            raise ValueError(f"{name} has no shape yet; send a batch through the model first")


def _names_without_adapter(model: nn.Module) -> list[str]:
    """The names of the base model's modules: those of this one, less what stands inside an adapted layer."""
    inside = tuple(f"{name}." for name in _layers(model))
    return [name for name, _ in model.named_modules() if not name.startswith(inside)]
