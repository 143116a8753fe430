"""inspect(path_or_bytes) -> Report: what is in an adapter's files, γ as PEFT computes it, and ‖ΔW‖.

No torch here.

ΔW = γ B A is never formed: see `norms`. Where it cannot be known from the files, its norm is None and the
layer's `reason` is the code of the finding that says why.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import BinaryIO

from lora_core.formats.peft_config import MOVED_STARTS, PeftConfig
from lora_core.formats.peft_files import PeftFiles, open_files
from lora_core.formats.refusal import FormatError
from lora_core.formats.tensor_file import READ, Array
from lora_core.inspection import findings
from lora_core.inspection.norms import product_norm, whole
from lora_core.inspection.report import Layer, Report

Source = str | os.PathLike[str] | bytes | BinaryIO
MAGNITUDE = "lora_magnitude_vector"
# (part that is A, part that is B) of each kind of layer; the rest of its parts go with them.
PAIRS = (
    ("lora_A.weight", "lora_B.weight"),
    ("lora_A", "lora_B"),
    ("lora_embedding_A", "lora_embedding_B"),
)


def inspect(
    source: Source,
    config: str | os.PathLike[str] | bytes | None = None,
    *,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """What an adapter's files hold.

    Args:
        source: a folder, a safetensors file (adapter_config.json is looked for beside it), its content, or a
            stream of it, which goes to a temporary file.
        config: adapter_config.json, where it stands elsewhere.
        limit: bytes that a stream may have.
        progress: called with (layers done, layers in all); what it raises ends the work.

    Raises:
        FormatError: (a ValueError) the files are refused: missing, damaged, foreign, or no LoRA of PEFT's.
    """
    return inspect_files(open_files(source, config, limit=limit), progress)


def inspect_files(files: PeftFiles, progress: Callable[[int, int], None] | None = None) -> Report:
    """The same of files that are open; nothing of the format is refused any more.

    Raises:
        FormatError: adapter_config.json and the tensors contradict each other in a way that has no reading.
    """
    if not files.names.layers:
        some = ", ".join(list(files.tensors)[:3])
        raise FormatError(
            "no_layers",
            f"{files.tensors.name} holds no lora_A and lora_B as PEFT names them, but for example: {some}",
            names=some[:200],
        )
    layers = []
    for i, key in enumerate(sorted(files.names.layers, key=_natural)):
        if progress is not None:
            progress(i, len(files.names.layers))
        layers.append(_layer(files, key))
    found = findings.of(files, layers)
    return Report("peft", _method(files), files.config is not None, tuple(layers), tuple(found))


def factors(files: PeftFiles, layer: Layer) -> tuple[Array, Array] | None:
    """A (r, d_in), E multiplied in, and B (d_out, r) in float64, of one expert; None: they do not fit."""
    pair = _pair(layer.tensors)
    if pair is None or layer.product_norm is None:
        return None
    names = [layer.tensors[part] for part in pair]
    A, B = (whole(files.tensors.raw(name), _dtype(files, name)) for name in names)
    if layer.experts > 1:
        A, B = A[: layer.rank], B[:, :: layer.experts]
    A, B = A.reshape(len(A), -1), B.reshape(len(B), -1)
    if "lora_E" in layer.tensors:
        A = A * files.tensors.array(layer.tensors["lora_E"]).reshape(-1, 1)
    return A, B


def _method(files: PeftFiles) -> str:
    if files.config is not None:
        return files.config.method
    parts = {part for held in files.names.layers.values() for part in held}
    return "adalora" if "lora_E" in parts else "dora" if MAGNITUDE in parts else "lora"


def _layer(files: PeftFiles, key: str) -> Layer:
    """All that is known of one layer."""
    parts = files.names.layers[key]
    entries = {part: files.tensors.entries[name] for part, name in parts.items()}
    shapes = {part: entry.shape for part, entry in entries.items()}
    name = ".".join(segment for segment in key.split(".") if segment != "base_layer")
    pair = _pair(parts)
    a, b = pair or _half(parts)
    dtype = next((entries[part].dtype for part in (a, b) if part in entries), "")
    layer = Layer(key, name, None, None, None, tensors=dict(parts), shapes=shapes, dtype=dtype)
    A, B = shapes.get(a, ()), shapes.get(b, ())
    if len(B) > 1:
        layer = replace(layer, d_out=B[0])
    if len(A) > 1:
        layer = replace(layer, d_in=A[1], rank=A[0])
    if 0 in (*A, *B) or min(len(A), len(B)) == 1:
        return replace(layer, reason="empty_tensors")
    layer = replace(layer, kind=_kind(a, A))
    layer = _scaled(files.config, files, layer)
    if pair is None:
        return replace(layer, reason="missing_factor")
    rows = A[0]
    if len(A) != len(B) or math.prod(B[1:]) != rows or (layer.experts > 1 and rows % layer.experts):
        return replace(layer, reason="shape_mismatch")
    if any(entries[part].dtype not in READ for part in (*pair, *({"lora_E"} & parts.keys()))):
        return replace(layer, reason="unsupported_dtype")
    size = _norm(files, layer, pair)
    if not math.isfinite(size):
        return replace(layer, reason="not_finite")
    layer = replace(layer, product_norm=size)
    reason = layer.reason or _unknown(files.config, parts)
    if reason or layer.scale is None:
        return replace(layer, reason=reason or "no_config")
    norm = abs(layer.scale) * size
    return replace(layer, norm=norm) if math.isfinite(norm) else replace(layer, reason="not_finite")


def _scaled(config: PeftConfig | None, files: PeftFiles, layer: Layer) -> Layer:
    """The layer with r, α and γ as PEFT takes them from its configuration."""
    if config is None or layer.rank is None:
        return layer
    targets = parameters_of(config, layer.name)
    paths = targets or [layer.name]
    try:
        said = {(config.rank(path), config.alpha(path), config.scale(path)) for path in paths}
    except FormatError as error:
        if error.key != "pattern":
            raise
        return replace(layer, reason="pattern")
    if len(said) > 1:  # two parameters of one module, with ranks or α of their own
        return replace(layer, kind="experts", reason="parameter_unknown")
    ((rank, alpha, scale),) = said
    layer = replace(layer, alpha=alpha, scale=scale, parameter=paths[0] if len(targets) == 1 else "")
    rows = layer.rank or 0
    if targets and rows % rank == 0:
        return replace(layer, kind="experts", experts=rows // rank, rank=rank)
    pruned = config.kind == "ADALORA" and config.entries.get("rank_pattern") is not None
    if layer.rank != rank and not pruned:
        return replace(layer, reason="rank_mismatch")
    return layer


def parameters_of(config: PeftConfig, name: str) -> list[str]:
    """The paths of a module's parameters that target_parameters asks for, as PEFT finds them."""
    found = []
    for each in config.entries.get("target_parameters") or []:
        module, _, parameter = each.rpartition(".")
        if name == module or name.endswith(f".{module}"):
            found.append(f"{name}.{parameter}")
    return found


def _norm(files: PeftFiles, layer: Layer, pair: tuple[str, str]) -> float:
    """‖B A‖, with AdaLoRA's E between, over all experts."""
    names = [layer.tensors[part] for part in pair]
    A, B = (files.tensors.raw(name) for name in names)
    dtypes = _dtype(files, names[1]), _dtype(files, names[0])
    if layer.experts > 1:  # A is (E r, d_in), B (d_out, r E): PEFT's ParamWrapper.get_delta_weight
        A = A.reshape(layer.experts, -1, A.shape[1])
        B = B.reshape(B.shape[0], -1, layer.experts).transpose(2, 0, 1)
        return product_norm(B, A, dtypes)
    E = None
    if "lora_E" in layer.tensors:
        E = files.tensors.array(layer.tensors["lora_E"]).astype(float).ravel()
        if len(E) != len(A):
            return math.nan
    return product_norm(B.reshape(len(B), -1), A.reshape(len(A), -1), dtypes, E)


def _unknown(config: PeftConfig | None, parts: Collection[str]) -> str:
    """Why γ B A is not ΔW, or is not known to be; empty if it is."""
    if config is None:
        return "no_config"
    if config.start in MOVED_STARTS:
        return "unconverted_start"
    used = config.variants()
    return "dora" if "use_dora" in used else "variant" if used else ""


def _dtype(files: PeftFiles, name: str) -> str:
    return files.tensors.entries[name].dtype


def _pair(parts: Collection[str]) -> tuple[str, str] | None:
    return next((pair for pair in PAIRS if all(part in parts for part in pair)), None)


def _half(parts: Collection[str]) -> tuple[str, str]:
    return next((pair for pair in PAIRS if any(part in parts for part in pair)), PAIRS[0])


def _kind(part: str, shape: tuple[int, ...]) -> str:
    return "embedding" if "embedding" in part else "convolution" if len(shape) > 2 else "linear"


def _natural(name: str) -> list[tuple[int, str]]:
    """Layers in the order of their numbers: 2 before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d{1,9})", name)]
