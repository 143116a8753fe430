"""A saved adapter: adapter_config.json and adapter_model.safetensors, as Hugging Face PEFT has them.

No torch here: tensors are numpy arrays, mapped from the file and read when they are asked for. bfloat16,
which numpy does not know, is read and written as float32 (which holds it exactly; PEFT also keeps the factors
of a half-precision model in float32).

Tensors are called `base_model.model.<module>.lora_A.weight` (r, d_in) and `….lora_B.weight` (d_out, r).
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from lora_core import methods
from lora_core.config import AdapterConfig
from lora_core.formats import peft_adalora, peft_names
from lora_core.formats.peft_config import PeftConfig, read_config
from lora_core.formats.peft_files import CONFIG_FILE as CONFIG_FILE
from lora_core.formats.peft_files import TENSOR_FILE as TENSOR_FILE
from lora_core.formats.peft_files import open_files
from lora_core.formats.peft_tensors import PREFIX as PREFIX
from lora_core.formats.refusal import FormatError
from lora_core.formats.tensor_file import Array as Array
from lora_core.formats.tensor_file import TensorFile

# What PEFT offers on top of LoRA and `read` does not, with the values that mean "not in use".
_UNUSED: Mapping[str, tuple[Any, ...]] = {
    "lora_bias": (False, None),
    "trainable_token_indices": (None, [], {}),
    "layer_replication": (None, []),
    "target_parameters": (None, []),
    "alora_invocation_tokens": (None, []),
    "use_qalora": (False, None),
    "use_bdlora": (None, False),
    "arrow_config": (None,),
    "kasa_config": (None,),
    "monteclora_config": (None,),
    # Other starts change the base weights; the factors then mean nothing without that change.
    "init_lora_weights": (True, False, None, "gaussian", "orthogonal", "eva", "mica", "pissa"),
}


@dataclass(frozen=True)
class SavedAdapter:
    """What a folder holds.

    entries: of adapter_config.json, unchanged.
    config: the same as an AdapterConfig; its targets are the names in the file, its rank and α the general
        ones, α without its sign.
    layers: module name -> "lora_A.weight" -> array, read from the mapped file at each access.
    beside: parameter name -> array: what the file holds of the base itself.
    source: adapter_config.json as PEFT reads it, with γ of each module.
    wrapped: names in the file come from a compiled or parallel model; here they are the base's own.
    """

    entries: Mapping[str, Any]
    config: AdapterConfig
    layers: Mapping[str, Mapping[str, Array]]
    beside: Mapping[str, Array]
    source: PeftConfig
    wrapped: bool = False

    def config_of(self, name: str) -> AdapterConfig:
        """The configuration of one layer, its own rank and α if the file gives it some; see `scale_of`."""
        if self.config.method == "adalora":  # whose rank_pattern says which triplets were kept
            return self.config
        values = {
            **self.config.to_json(),
            "rank": self.source.rank(name),
            "alpha": _size(self.source.alpha(name)),
        }
        return AdapterConfig.from_json(values)

    def scale_of(self, name: str) -> float:
        """γ of one layer, with its sign, as PEFT computes it."""
        return self.source.scale(name)

    def targets(self, names: Iterable[str]) -> list[str]:
        """Which of a model's linear modules the file's `target_modules` asks for, as PEFT would read it."""
        asked = self.entries.get("target_modules")
        if (
            not asked
            or asked == "all-linear"
            or self.entries.get("layers_to_transform") is not None
            or self.wrapped
        ):
            return list(self.layers)  # what PEFT would have chosen depends on more than names
        wanted = peft_names.matcher(asked)
        excluded = peft_names.matcher(self.entries.get("exclude_modules") or [])
        return [name for name in names if wanted(name) and not excluded(name)]


class _Arrays(Mapping[str, Array]):
    """Other names for a file's tensors, which are read at each access."""

    def __init__(self, tensors: TensorFile, names: Mapping[str, str]) -> None:
        self._tensors, self._names = tensors, names

    def __getitem__(self, part: str) -> Array:
        return self._tensors.array(self._names[part])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def tensor_name(module: str, part: str) -> str:
    """("blocks.0", "lora_A.weight") -> "base_model.model.blocks.0.lora_A.weight"."""
    return f"{PREFIX}{module}.{part}"


def read(source: str | os.PathLike[str] | bytes, config: bytes | None = None) -> SavedAdapter:
    """Reads and checks an adapter: its folder, or the contents of its two files.

    Raises:
        FormatError: (a ValueError) a file is missing or broken, or holds what cannot be read here; the
            message says which and what.
    """
    if not isinstance(source, bytes) and Path(source).suffix != ".safetensors":
        read_config(Path(source) / CONFIG_FILE)  # reported first where both are missing
    files = open_files(source, config)
    if files.config is None:
        raise FormatError("missing", f"no {CONFIG_FILE} with it", file=CONFIG_FILE)
    entries = files.config.entries
    method = _method(entries)
    for key, unused in _UNUSED.items():
        value = entries.get(key, unused[0])
        if not any(value is each or value == each for each in unused):
            raise FormatError(
                "config",
                f"{CONFIG_FILE}: {key} is {value!r}, expected {' or '.join(map(repr, unused))}",
                field=key,
            )
    for name, entry in files.tensors.entries.items():
        if ".lora_" in name and 0 in entry.shape:
            raise FormatError(
                "empty_tensor",
                f"{files.tensors.name}: {name} is empty, of shape {entry.shape}: DeepSpeed's ZeRO-3 (or "
                "FSDP) saved its shards without gathering them; gather the parameters, then save again",
                name=name,
            )
        files.tensors.raw(name)  # refuses types that are not read
    if not files.names.layers:
        usual = tensor_name("<module>", "lora_A.weight")
        raise FormatError(
            "no_layers",
            f"{files.tensors.name}: unexpected tensor {next(iter(files.tensors))}, "
            f"expected names like {usual}",
        )
    layers: dict[str, Mapping[str, Array]] = {
        name: _Arrays(files.tensors, parts) for name, parts in files.names.layers.items()
    }
    if method == "adalora" and entries.get("rank_pattern") is not None:
        layers = {
            name: peft_adalora.whole(name, arrays, entries["rank_pattern"]) for name, arrays in layers.items()
        }
    try:
        adapter = AdapterConfig(
            method=method,
            rank=entries.get("init_r", 12) if method == "adalora" else entries.get("r", 8),
            alpha=_size(files.config.alpha("")),
            targets=tuple(layers),
            dropout=entries.get("lora_dropout", 0.0),
            gamma_rule="alpha/sqrt(r)" if files.config.stabilised else "alpha/r",
        )
    except ValueError as error:
        raise FormatError("config", f"{CONFIG_FILE}: {error}", field=str(error)) from None
    beside = _Arrays(files.tensors, files.names.beside)
    for saved in entries.get("modules_to_save") or []:
        if not any(f".{name}".rpartition(".")[0].endswith(f".{saved}") for name in beside):
            raise FormatError(
                "config",
                f"{CONFIG_FILE}: modules_to_save is {entries['modules_to_save']}, but "
                f"{files.tensors.name} holds no weight of {saved}",
                field="modules_to_save",
            )
    return SavedAdapter(entries, adapter, layers, beside, files.config, files.names.wrapped)


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
        folder: made if it is missing.
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
    write_together(
        folder,
        {
            TENSOR_FILE: save(arrays, metadata={"format": "pt"}),
            CONFIG_FILE: (json.dumps(described, indent=2, sort_keys=True) + "\n").encode(),
        },
    )


def _method(entries: Mapping[str, Any]) -> str:
    """The method that wrote a file, as far as its entries tell."""
    pissa = entries.get("init_lora_weights") == "pissa"
    if pissa and entries.get("use_dora"):
        raise FormatError(
            "config",
            f"{CONFIG_FILE}: use_dora with init_lora_weights 'pissa', expected one of the two",
            field="use_dora",
        )
    method = methods.written_by(entries)
    return "lora" if method is None else method.name


def _size(alpha: float) -> float:
    """α as AdapterConfig takes it; `scale_of` keeps its sign, and an α of 0."""
    return abs(alpha) or 1.0


def _most_common(values: Iterable[Any]) -> Any:
    values = list(values)
    return max(values, key=values.count)


def _plain(alpha: float) -> float | int:
    return int(alpha) if alpha == int(alpha) else alpha


def write_together(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes a folder's files (name -> contents) whole, then puts them all in place.

    Raises:
        ValueError: `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is a file, expected a folder")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=folder) as temporary:
        for name, data in files.items():
            (Path(temporary) / name).write_bytes(data)
        for name in files:
            os.replace(Path(temporary) / name, folder / name)
