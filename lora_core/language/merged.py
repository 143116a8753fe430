"""A model with an adapter put into it for good, written as a folder for transformers or as GGUF.

W + ΔW is computed in float32, matrix by matrix as it is written, and rounded once.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from lora_core.adapter import adapted_layers
from lora_core.formats import gguf_model
from lora_core.formats.folded import Matrix
from lora_core.language.chat import open_chat
from lora_core.language.gguf_fields import fields_of_folder
from lora_core.language.model import LanguageModel
from lora_core.language.places import find_model
from lora_core.language.reader import folder_of, open_model, read_json
from lora_core.language.tokens import open_tokens
from lora_core.saving import load_adapter

COPIED = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
    "generation_config.json",
    "LICENSE",
)
"""Of the base's folder, those that are there."""


def open_merged(base: str, adapter: str | os.PathLike[str]) -> Merged:
    """A base and an adapter of it, neither of which is changed.

    Raises:
        ValueError: one of the two cannot be read, or they do not fit.
    """
    return Merged(base, open_model(base), adapter)


class Merged:
    """The model W + ΔW.

    Args:
        base: a name or path, see `find_model`.
        model: opened from it.
        adapter: a folder in PEFT's format.

    Raises:
        ValueError: see `load_adapter`.
    """

    def __init__(self, base: str, model: LanguageModel, adapter: str | os.PathLike[str]) -> None:
        self.base, self.config = base, model.config
        self._weights = model.state_dict()
        if self.config.tied:
            del self._weights["lm_head.weight"]
        self._layers = adapted_layers(load_adapter(model, adapter))

    @torch.no_grad()
    def weight(self, name: str) -> Tensor:
        """A parameter, W + ΔW where it is adapted, in float32."""
        W = self._weights[name].float()
        layer = self._layers.get(name.removesuffix(".weight"))
        return W if layer is None else torch.add(W, layer.update())

    def write_folder(self, folder: Path, dtype: str | None = None) -> float:
        """Writes what transformers loads: weights, config.json, tokens and chat template.

        Args:
            folder: made if it is missing.
            dtype: of the weights, a name of torch's; None is each one's own in the base.

        Returns:
            The error of rounding beside what was learned: ‖written - (W + ΔW)‖ / ‖ΔW‖, of adapted layers.

        Raises:
            ValueError: `folder` is a file or the base's own folder.
        """
        source = folder_of(self.base)
        if folder.exists() and (not folder.is_dir() or folder.samefile(source)):
            raise ValueError(f"{folder} is a file or the base itself; expected another folder to write into")
        folder.mkdir(parents=True, exist_ok=True)
        kind = None if dtype is None else getattr(torch, dtype)
        written = {name: self.weight(name).to(kind or W.dtype) for name, W in self._weights.items()}
        save_file(written, folder / "model.safetensors", metadata={"format": "pt"})
        config = read_json(source / "config.json")
        config.pop("dtype", None)
        config["torch_dtype"] = str(next(iter(written.values())).dtype).removeprefix("torch.")
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
        for name in COPIED:
            if (source / name).is_file():
                shutil.copyfile(source / name, folder / name)
        self._write_stop(source, folder)
        return self._error(lambda name: written[name].float())

    def gguf_fields(self) -> dict[str, gguf_model.Field]:
        """The head of a GGUF file of this model: of a base in GGUF its own.

        Raises:
            ValueError: llama.cpp has no name for the model's shape or tokens.
        """
        path = find_model(self.base)
        if path.is_dir():
            return fields_of_folder(path, name=path.resolve().name)
        return gguf_model.fields_of_file(path)

    def write_gguf(self, path: Path, fields: dict[str, gguf_model.Field], type: str) -> float:
        """Writes a GGUF file; as in `gguf_model.write`, and returns what `write_folder` does."""
        shapes = {name: tuple(W.shape) for name, W in self._weights.items()}
        gguf_model.write(path, shapes, self._array, self.config, fields, type=type)
        return self._error(lambda name: torch.from_numpy(gguf_model.rounded(self._array(name), type)))

    def _array(self, name: str) -> Matrix:
        array: Matrix = self.weight(name).numpy()
        return array

    def _error(self, written: Callable[[str], Tensor]) -> float:
        lost = size = 0.0
        for module, layer in self._layers.items():
            name = f"{module}.weight"
            with torch.no_grad():
                lost += float((written(name) - self.weight(name)).square().sum())
                size += float(layer.update().square().sum())
        return math.sqrt(lost / size) if size else 0.0

    @staticmethod
    def _write_stop(source: Path, folder: Path) -> None:
        """Tells transformers where an answer ends, where the base's folder leaves that to the template."""
        if (folder / "generation_config.json").exists():
            return
        try:
            chat = open_chat(source, open_tokens(source))
        except ValueError:
            return
        ends = {"eos_token_id": list(chat.stop), "pad_token_id": chat.padding}
        (folder / "generation_config.json").write_text(json.dumps(ends, indent=2) + "\n", "utf-8")
