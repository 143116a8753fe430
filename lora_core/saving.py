"""Adapters as folders that Hugging Face PEFT reads and writes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from lora_core.adapter import (
    Attached,
    adapted_layers,
    install,
    linear_layers,
    refuse_unready,
    remembered,
)
from lora_core.formats import peft as peft_format
from lora_core.formats.peft_tensors import unwrapped
from lora_core.language.model import LanguageModel
from lora_core.linear import LoRALinear, conv1d_of, weight_of
from lora_core.methods import method
from lora_core.modules import refuse_empty

M = TypeVar("M", bound=nn.Module)


def save_adapter(model: nn.Module, folder: str | os.PathLike[str], *, base: str | None = None) -> None:
    """Writes a folder that peft.PeftModel.from_pretrained reads, merged or not. The base is not in it.

    Args:
        model: with the adapter attached.
        folder: made if it is missing.
        base: where PEFT finds the base, a name on the Hugging Face Hub or a path.

    Raises:
        ValueError: no adapter is attached, or `folder` is a file.
    """
    config = _remembered(model).config
    model = _innermost(model)
    layers = {unwrapped(name): layer for name, layer in adapted_layers(model).items()}
    peft_format.write(
        folder,
        config,
        {name: {part: _array(t) for part, t in layer.tensors().items()} for name, layer in layers.items()},
        scales={name: layer.scale for name, layer in layers.items()},
        names=map(unwrapped, _names_without_adapter(model)),
        entries={
            "base_model_name_or_path": base,
            "task_type": "CAUSAL_LM" if isinstance(model, LanguageModel) else None,
            **_layout(layers),
            **method(config.method).entries(layers),
        },
    )


def load_adapter(model: M, folder: str | os.PathLike[str], *, quantised: bool = False) -> M:
    """Attaches what `save_adapter` or PEFT wrote, of any rank; the factors are float32 at least.

    Args:
        model: changed in place.
        folder: adapter_config.json and the tensors.
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
    places = _places(linear)
    for name in saved.layers:
        if name not in places:
            part = next(iter(saved.layers[name]))
            raise ValueError(
                f"tensor {peft_format.tensor_name(name, part)} has no place; "
                f"linear modules are: {', '.join(linear) or 'none'}"
            )
    asked = {places[name]: name for name in reversed(saved.targets(places))}
    found = {places[name] for name in saved.layers}
    for full in (full for full in linear if full in asked and full not in found):
        first = next(iter(how.shapes(1, 1, 1)))
        raise ValueError(f"tensor {peft_format.tensor_name(asked[full], first)} is missing")
    check_beside(model, saved)
    layers = {}
    for name, arrays in saved.layers.items():
        config, place = saved.config_of(name), places[name]
        if place not in asked:
            part = next(iter(arrays))
            raise ValueError(f"tensor {peft_format.tensor_name(name, part)} is not of target_modules")
        refuse_empty({place: linear[place]})
        d_out, d_in = weight_of(linear[place]).shape
        _check_shapes(name, arrays, how.shapes(d_out, d_in, config.rank))
        # The start is overwritten at once: a generator of its own leaves the caller's random numbers alone.
        layer = LoRALinear.of(linear[place], config, method=how, generator=torch.Generator())
        with torch.no_grad():
            how.load(layer, {part: torch.from_numpy(array.copy()) for part, array in arrays.items()})
        layer.scale = saved.scale_of(name)
        layers[place] = layer
    return install(model, replace(saved.config, method=kind), linear, layers)


def check_beside(model: nn.Module, saved: peft_format.SavedAdapter) -> None:
    """Checks that a file's weights of the base (PEFT writes those of an adapted head) are the model's own.

    Raises:
        ValueError: a weight is not the model's own; the message says why it may be in the file.
    """
    own = dict(model.named_parameters(remove_duplicate=False)) | dict(
        model.named_buffers(remove_duplicate=False)
    )
    places = _places(own)
    whole = saved.entries.get("modules_to_save") or []
    for name, array in saved.beside.items():
        full = f"tensor {peft_format.PREFIX}{name}"
        if name not in places:
            usual = peft_format.tensor_name("<module>", "lora_A.weight")
            raise ValueError(f"unexpected tensor {peft_format.PREFIX}{name}, expected names like {usual}")
        held = own[places[name]]
        if held.shape != array.shape:
            raise ValueError(
                f"{full} has shape {array.shape}, expected {tuple(held.shape)}: the file holds a layer of "
                "the base, resized (as by resize_token_embeddings); give the model that size first"
            )
        if torch.equal(torch.from_numpy(array.copy()).to(held), held):
            continue
        module, _, part = name.rpartition(".")
        if any(f".{module}".endswith(f".{each}") for each in whole):
            cause = (
                "it was trained whole beside the adapter (modules_to_save); load_adapter brings no weights"
            )
        elif part == "bias" and saved.entries.get("bias", "none") != "none":
            cause = f"biases were trained (bias is {saved.entries['bias']!r}), and load_adapter brings none"
        else:
            cause = "the adapter was made on another base, or this weight was trained with it"
        raise ValueError(f"{full} is not equal to the model's own: {cause}")


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


def _places(names: Iterable[str]) -> dict[str, str]:
    """A name as a file may have it -> the model's own, for what a compiled or parallel model renames."""
    names = list(names)
    plain = {unwrapped(name): name for name in names}
    outer = {name.removeprefix("module."): own for name, own in plain.items() if name.startswith("module.")}
    return outer | plain | {name: name for name in names}


def _innermost(model: nn.Module) -> nn.Module:
    """The model inside torch.compile's wrapper and those of parallel training."""
    while True:
        inner = model._modules.get("_orig_mod")
        if inner is None and isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = model.module
        if inner is None:
            return model
        model = inner


def _remembered(model: nn.Module) -> Attached:
    """What `attach` left on the model, or on the one inside its wrappers."""
    try:
        return remembered(model)
    except ValueError:
        if _innermost(model) is model:
            raise
        return remembered(_innermost(model))


def _layout(layers: Mapping[str, LoRALinear]) -> dict[str, bool]:
    """What adapter_config.json says of Conv1D, whose weight is (d_in, d_out)."""
    kinds = [getattr(layer.base, "kind", type(layer.base)) for layer in layers.values()]
    return {"fan_in_fan_out": any(map(conv1d_of, kinds))}


def _array(tensor: Tensor) -> peft_format.Array:
    array: peft_format.Array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()
    return array


def _names_without_adapter(model: nn.Module) -> list[str]:
    """The names of the base model's modules: this one's, without those inside adapted layers."""
    inside = tuple(f"{name}." for name in adapted_layers(model))
    return [name for name, _ in model.named_modules() if not name.startswith(inside)]
