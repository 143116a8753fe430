"""Opens a model from the disk: a folder in Hugging Face's layout, or a GGUF file.

A folder holds config.json, model.safetensors (or shards with an index), tokenizer.json, and, where the model
has them, tokenizer_config.json, chat_template.jinja and generation_config.json. A GGUF file is made into such
a folder once, in the cache (`lora_core.language.cached`), so there is one way to open a model. Weights are
mapped into memory, not copied, while they keep the file's type: processes that open the same model share it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lora_core.language.cached import folder_of_gguf
from lora_core.language.config import ModelConfig
from lora_core.language.model import LanguageModel
from lora_core.language.places import find_model

INDEX = "model.safetensors.index.json"


def folder_of(name: str) -> Path:
    """The folder in Hugging Face's layout behind a name or path; a GGUF file's is made if need be.

    Raises:
        ValueError: nothing is there, or it is no model of a shape that fits.
        OSError: the cache folder cannot be written.
    """
    path = find_model(name)
    if path.is_dir():
        return path
    if path.suffix.lower() != ".gguf":
        raise ValueError(f"{path.name} is a file; expected a folder with config.json, or a .gguf file")
    return folder_of_gguf(path)


def open_model(name: str, dtype: torch.dtype | None = None) -> LanguageModel:
    """The model with its weights.

    Args:
        name: see `find_model`.
        dtype: of the weights; None keeps the file's, and then the weights stay mapped.

    Raises:
        ValueError: see `folder_of`.
    """
    folder = folder_of(name)
    config = ModelConfig.from_json(read_json(folder / "config.json"))
    weights = _read_weights(folder)
    with torch.device("meta"):
        model = LanguageModel(config)
    _refuse_shapes(weights, model)
    if dtype is not None:
        weights = {key: W.to(dtype) for key, W in weights.items()}
    model.load_state_dict(weights, assign=True, strict=False)
    model.tie()
    return model.eval()


def read_json(path: Path) -> dict[str, Any]:
    """An object from a file.

    Raises:
        ValueError: the file is missing, or holds no JSON object.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"no {path.name} in {path.parent}") from None
    except ValueError as error:
        raise ValueError(f"{path.name} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no JSON object")
    return found


def _read_weights(folder: Path) -> dict[str, Tensor]:
    """Name -> tensor, mapped, from one file or from the shards that an index names."""
    files = ["model.safetensors"]
    if not (folder / files[0]).exists() and (folder / INDEX).exists():
        named = read_json(folder / INDEX).get("weight_map", {})
        files = sorted({Path(str(file)).name for file in named.values()})
    weights: dict[str, Tensor] = {}
    for file in files:
        try:
            weights |= load_file(folder / file)
        except FileNotFoundError:
            raise ValueError(f"no {file} in {folder}; expected the weights as safetensors") from None
        except SafetensorError as error:
            raise ValueError(f"{file} cannot be read: {error}") from None
    # Older files also hold what is computed from the config.
    return {name: W for name, W in weights.items() if not name.endswith("rotary_emb.inv_freq")}


def _refuse_shapes(weights: dict[str, Tensor], model: LanguageModel) -> None:
    """Raises ValueError: the tensors are not those of the config; names the first that differs."""
    expected = {name: tuple(W.shape) for name, W in model.state_dict().items()}
    if model.config.tied:
        del expected["lm_head.weight"]
        weights.pop("lm_head.weight", None)
    for name, shape in expected.items():
        if name not in weights:
            raise ValueError(f"the weights lack {name} of shape {shape}")
        if tuple(weights[name].shape) != shape:
            raise ValueError(f"{name} has shape {tuple(weights[name].shape)}, expected {shape}")
        if not weights[name].is_floating_point():
            raise ValueError(f"{name} is of type {weights[name].dtype}, expected floating point")
    if others := sorted(weights.keys() - expected.keys()):
        raise ValueError(f"the weights hold {others[0]}, which a model of this shape has not")
