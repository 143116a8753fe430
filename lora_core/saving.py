"""Adapters as folders that Hugging Face PEFT reads and writes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from lora_core.adapter import adapted_layers, install, linear_layers, refuse_unready, remembered
from lora_core.formats import peft as peft_format
from lora_core.methods import method

M = TypeVar("M", bound=nn.Module)


def save_adapter(model: nn.Module, folder: str | os.PathLike[str]) -> None:
    """Writes a folder that peft.PeftModel.from_pretrained reads, merged or not. The base is not in it.

    Raises:
        ValueError: no adapter is attached, or `folder` is a file.
    """
    layers = adapted_layers(model)
    config = remembered(model).config
    peft_format.write(
        folder,
        config,
        {name: {part: _array(t) for part, t in layer.tensors().items()} for name, layer in layers.items()},
        scales={name: layer.scale for name, layer in layers.items()},
        names=_names_without_adapter(model),
        entries=method(config.method).entries(layers),
    )


def load_adapter(model: M, folder: str | os.PathLike[str], *, quantised: bool = False) -> M:
    """Attaches what `save_adapter` or PEFT wrote, of any rank, in the types of the model's own weights.

    Args:
        quantised: hold W in four bits, as "qlora" does. Its file is a plain LoRA's and does not say so.

    Returns:
        The model.

    Raises:
        ValueError: an adapter is attached already, a file is missing or broken, holds what cannot be read
            here, or does not fit the model (names the tensor and both shapes).
    """
    refuse_unready(model)
    saved = peft_format.read(folder)
    if quantised and saved.config.method != "lora":
        raise ValueError(f"the file holds {saved.config.method!r}, expected 'lora' for a quantised base")
    kind = "qlora" if quantised else saved.config.method
    how = method(kind)
    linear = linear_layers(model)
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
            first = next(iter(how.layer.shapes(1, 1, 1)))
            raise ValueError(f"tensor {peft_format.tensor_name(name, first)} is missing")
    layers = {}
    for name, arrays in saved.layers.items():
        if name not in asked:
            part = next(iter(arrays))
            raise ValueError(f"tensor {peft_format.tensor_name(name, part)} is not of target_modules")
        config = saved.config_of(name)
        d_out, d_in = linear[name].weight.shape
        _check_shapes(name, arrays, how.layer.shapes(d_out, d_in, config.rank))
        # The start is overwritten at once: a generator of its own leaves the caller's random numbers alone.
        layer = how.build(linear[name], config, generator=torch.Generator(), gradient=None)
        layer.load({part: torch.from_numpy(array.copy()) for part, array in arrays.items()})
        layers[name] = layer
    return install(model, replace(saved.config, method=kind), linear, layers)


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


def _names_without_adapter(model: nn.Module) -> list[str]:
    """The names of the base model's modules: those of this one, less what stands inside an adapted layer."""
    inside = tuple(f"{name}." for name in adapted_layers(model))
    return [name for name, _ in model.named_modules() if not name.startswith(inside)]
