"""A saved adapter: adapter_config.json and adapter_model.safetensors, as Hugging Face PEFT has them.

No torch here: tensors are numpy arrays. bfloat16, which numpy does not know, is read and written as float32
(which holds it exactly; PEFT also keeps the factors of a half-precision model in float32).

Tensors are called `base_model.model.<module>.lora_A.weight` (r, d_in) and `….lora_B.weight` (d_out, r).
"""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from lora_core.config import METHODS, AdapterConfig
from lora_core.formats import peft_adalora, peft_names
from lora_core.formats.peft_adalora import Array as Array

CONFIG_FILE = peft_names.FILE
TENSOR_FILE = "adapter_model.safetensors"

_PREFIX = "base_model.model."
_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
# What PEFT offers on top of LoRA and is not read here, with the values that mean "not in use".
_UNUSED: Mapping[str, tuple[Any, ...]] = {
    "fan_in_fan_out": (False,),
    "bias": ("none",),
    "lora_bias": (False,),
    "modules_to_save": (None, []),
    "trainable_token_indices": (None, [], {}),
    "layer_replication": (None, []),
    "target_parameters": (None, []),
    "alora_invocation_tokens": (None, []),
    "use_qalora": (False,),
    "use_bdlora": (None, False),
    "arrow_config": (None,),
    # Other starts change the base weights; the factors then mean nothing without that change.
    "init_lora_weights": (True, False, None, "gaussian", "orthogonal", "eva", "pissa"),
}


@dataclass(frozen=True)
class SavedAdapter:
    """What a folder holds.

    entries: adapter_config.json as it stands.
    config: the same as an AdapterConfig; its targets are the names in the file, its rank and α the general
        ones.
    layers: module name -> "lora_A.weight" -> array.
    """

    entries: Mapping[str, Any]
    config: AdapterConfig
    layers: Mapping[str, Mapping[str, Array]]

    def config_of(self, name: str) -> AdapterConfig:
        """The configuration of one layer, its own rank and α if the file gives it some."""
        if self.config.method == "adalora":  # whose rank_pattern says which triplets were kept
            return self.config
        values = self.config.to_json()
        for pattern, field in (("rank_pattern", "rank"), ("alpha_pattern", "alpha")):
            values[field] = peft_names.by_pattern(self.entries.get(pattern) or {}, name, values[field])
        return AdapterConfig.from_json(values)

    def targets(self, names: Iterable[str]) -> list[str]:
        """Which of a model's linear modules the file's `target_modules` asks for, as PEFT would read it."""
        asked = self.entries.get("target_modules")
        if asked is None or asked == "all-linear" or self.entries.get("layers_to_transform") is not None:
            return list(self.layers)  # what PEFT would have chosen depends on more than names
        wanted = peft_names.matcher(asked)
        excluded = peft_names.matcher(self.entries.get("exclude_modules") or [])
        return [name for name in names if wanted(name) and not excluded(name)]


def tensor_name(module: str, part: str) -> str:
    """("blocks.0", "lora_A.weight") -> "base_model.model.blocks.0.lora_A.weight"."""
    return f"{_PREFIX}{module}.{part}"


def read(folder: str | os.PathLike[str]) -> SavedAdapter:
    """Reads and checks an adapter's folder.

    Raises:
        ValueError: a file is missing or broken, or holds what cannot be read here; the message says which and
            what.
    """
    folder = Path(folder)
    entries = _read_json(folder / CONFIG_FILE)
    method = _method(entries)
    for key, unused in _UNUSED.items():
        value = entries.get(key, unused[0])
        if not any(value is each or value == each for each in unused):
            raise ValueError(f"{CONFIG_FILE}: {key} is {value!r}, expected {' or '.join(map(repr, unused))}")
    peft_names.check(entries)
    layers: dict[str, dict[str, Array]] = {}
    for name, array in _read_tensors(folder / TENSOR_FILE).items():
        found = re.fullmatch(rf"{re.escape(_PREFIX)}(.+)\.(lora_\w+(?:\.weight)?)", name)
        if found is None:
            usual = tensor_name("<module>", "lora_A.weight")
            raise ValueError(f"{TENSOR_FILE}: unexpected tensor {name}, expected names like {usual}")
        part = found[2].replace("magnitude_vector.weight", "magnitude_vector")  # some tools add the suffix
        layers.setdefault(found[1], {})[part] = array
    if not layers:
        raise ValueError(f"{TENSOR_FILE} holds no tensor")
    if method == "adalora" and entries.get("rank_pattern") is not None:
        layers = {
            name: peft_adalora.whole(name, arrays, entries["rank_pattern"]) for name, arrays in layers.items()
        }
    try:
        config = AdapterConfig(
            method=method,
            rank=entries.get("init_r", 12) if method == "adalora" else entries.get("r", 8),
            alpha=entries.get("lora_alpha", 8),
            targets=tuple(layers),
            dropout=entries.get("lora_dropout", 0.0),
            gamma_rule="alpha/sqrt(r)" if entries.get("use_rslora", False) else "alpha/r",
        )
    except ValueError as error:
        raise ValueError(f"{CONFIG_FILE}: {error}") from None
    return SavedAdapter(entries, config, layers)


def write(
    folder: str | os.PathLike[str],
    config: AdapterConfig,
    layers: Mapping[str, Mapping[str, Array]],
    *,
    scales: Mapping[str, float],
    names: Iterable[str],
    entries: Mapping[str, Any],
) -> None:
    """Writes an adapter's folder: both files whole, then both put in place.

    Args:
        config: gives dropout and, through its γ rule, the sense of α. γ "constant" is written as α = γ r.
        layers: module name -> "lora_A.weight" -> array; A (r, d_in) comes first.
        scales: module name -> γ.
        names: every module of the model, so that no name is written that PEFT would also find elsewhere.
        entries: what the method adds to adapter_config.json.

    Raises:
        ValueError: `folder` is a file.
    """
    folder = Path(folder)
    ranks = {name: len(next(iter(tensors.values()))) for name, tensors in layers.items()}
    root = math.sqrt if config.rank_stabilised else float
    # Twelve digits, so that α = (α / r) r comes out as it went in.
    alphas = {name: float(f"{scales[name] * root(rank):.12g}") for name, rank in ranks.items()}
    rank, alpha = _most_common(ranks.values()), _most_common(alphas.values())
    described = {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": None,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": _plain(alpha),
        "lora_dropout": config.dropout,
        "use_rslora": config.rank_stabilised,
        "use_dora": False,
        "init_lora_weights": True,
        "bias": "none",
        "fan_in_fan_out": False,
        "modules_to_save": None,
        "target_modules": peft_names.target_modules(sorted(layers), names),
        # PEFT reads these keys as regular expressions and takes the first that fits.
        "rank_pattern": {peft_names.exactly(name): r for name, r in ranks.items() if r != rank},
        "alpha_pattern": {peft_names.exactly(name): _plain(a) for name, a in alphas.items() if a != alpha},
        **entries,
    }
    arrays = {
        tensor_name(module, part): np.ascontiguousarray(array)
        for module, tensors in layers.items()
        for part, array in tensors.items()
    }
    _write_together(
        folder,
        {
            TENSOR_FILE: save(arrays, metadata={"format": "pt"}),
            CONFIG_FILE: (json.dumps(described, indent=2, sort_keys=True) + "\n").encode(),
        },
    )


def _method(entries: Mapping[str, Any]) -> str:
    """The method a file was written by, as far as PEFT tells them apart."""
    kind = entries.get("peft_type")
    if kind == "ADALORA":
        return "adalora"
    if kind != "LORA":
        raise ValueError(
            f"{CONFIG_FILE}: peft_type is {kind!r}, expected an adapter of one of: {', '.join(METHODS)} "
            "(peft_type 'LORA' or 'ADALORA')"
        )
    pissa = entries.get("init_lora_weights") == "pissa"
    if pissa and entries.get("use_dora"):
        raise ValueError(f"{CONFIG_FILE}: use_dora with init_lora_weights 'pissa', expected one of the two")
    return "pissa" if pissa else "dora" if entries.get("use_dora") else "lora"


def _most_common(values: Iterable[Any]) -> Any:
    values = list(values)
    return max(values, key=values.count)


def _plain(alpha: float) -> float | int:
    return int(alpha) if alpha == int(alpha) else alpha


def _read_json(path: Path) -> dict[str, Any]:
    try:
        entries = json.loads(path.read_text("utf-8"))
    except OSError:
        raise ValueError(f"no {path.name} in {str(path.parent)!r}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is not JSON: {error}") from None
    if not isinstance(entries, dict):
        raise ValueError(f"{path.name} holds a {type(entries).__name__}, expected an object")
    return entries


def _read_tensors(path: Path) -> dict[str, Array]:
    try:
        views = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except OSError:
        raise ValueError(f"no {path.name} in {str(path.parent)!r}") from None
    except SafetensorError as error:
        raise ValueError(f"{path.name} is truncated or not a safetensors file: {error}") from None
    return {name: _array(path, name, view) for name, view in sorted(views, key=lambda view: view[0])}


def _array(path: Path, name: str, view: Mapping[str, Any]) -> Array:
    if view["dtype"] == "BF16":  # the upper half of a float32
        halves = np.frombuffer(view["data"], "<u2").astype("<u4") << 16
        return halves.view("<f4").reshape(view["shape"])
    if view["dtype"] not in _KINDS:
        raise ValueError(
            f"{path.name}: {name} is {view['dtype']}, expected one of: {', '.join(_KINDS)}, BF16"
        )
    return np.frombuffer(view["data"], _KINDS[view["dtype"]]).reshape(view["shape"])


def _write_together(folder: Path, files: Mapping[str, bytes]) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is a file, expected a folder")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=folder) as temporary:
        for name, data in files.items():
            (Path(temporary) / name).write_bytes(data)
        for name in files:
            os.replace(Path(temporary) / name, folder / name)
