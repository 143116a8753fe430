"""An adapter that a reader brings: PEFT's two files, checked header first, read without torch.

A layer's factors are A (r, d_in) and B (d_out, r), its update is γ B A. Neither the update nor anything of
its size is ever formed. Refusals are keys of `uploads.refused.*`, as in `web.kit.uploads`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lora_core.matrix.low_rank import spectrum_of_product, truncated_svd
from web.kit import uploads
from web.kit.uploads import MB, RefusedError, shortened

MAX_BYTES = 64 * MB
MAX_HEADER = 2 * MB  # bytes; a model of 80 layers, seven matrices each, needs 0.2
MAX_CONFIG = 256 << 10
MAX_LAYERS = 1000
MAX_RANK = 512
DISPLAY = 128  # rows or columns of a picture at most
PIXELS = 4 << 20  # of one kind of picture, over all layers: a session keeps them
NAME = re.compile(r"(?:base_model\.model\.)?(.{1,300})\.lora_([AB])(?:\.default)?\.weight")
KINDS = {"F64": ("<f8", 8), "F32": ("<f4", 4), "F16": ("<f2", 2), "BF16": ("<u2", 2)}

Floats = NDArray[np.float64]

_ONE = Lock()  # one adapter at a time, over all readers: 64 MB of factors take many times that while read


@dataclass(frozen=True)
class Layer:
    """What is shown of one layer.

    Attributes:
        name: in the model.
        shape: (d_out, d_in).
        rank: r, the inner size of B A.
        gamma: γ.
        singular: the singular values of γ B A, falling, (min(r, d_out, d_in),).
        A, B, update: of A, B and γ B A one row and column in `step`, float32, for the eye.
    """

    name: str
    shape: tuple[int, int]
    rank: int
    gamma: float
    singular: Floats
    A: NDArray[np.float32]
    B: NDArray[np.float32]
    update: NDArray[np.float32]
    step: int

    @property
    def size(self) -> float:
        """‖γ B A‖, Frobenius."""
        return float(np.linalg.norm(self.singular))

    @property
    def per_entry(self) -> float:
        """The root mean square of an entry of γ B A."""
        return self.size / math.sqrt(self.shape[0] * self.shape[1])

    @property
    def effective_rank(self) -> float:
        """exp(−Σ pᵢ ln pᵢ) with pᵢ = σᵢ / Σσ (Roy & Vetterli 2007): 1 … r; 0 for an update of zeros."""
        total = self.singular.sum()
        if total == 0:
            return 0.0
        p = self.singular[self.singular > 0] / total
        return float(np.exp(-(p * np.log(p)).sum()))

    @property
    def energy(self) -> Floats:
        """The share of ‖γ B A‖² in the first i directions, for i = 1 … k."""
        squares = self.singular**2
        total = squares.sum()
        return squares.cumsum() / total if total > 0 else np.ones_like(squares)


@dataclass(frozen=True)
class Brought:
    """An adapter, or a matrix as its one layer.

    Attributes:
        name: the file's.
        layers: in the file's order by name.
        configured: γ comes from adapter_config.json; without it γ is 1.
        others: how many tensors are not factors of a linear layer, and not shown.
        matrix: it is a matrix; its factors are those of the SVD, A and B taking the root of each value.
    """

    name: str
    layers: tuple[Layer, ...]
    configured: bool
    others: int = 0
    matrix: bool = False


def read(files: Sequence[tuple[str, bytes]]) -> Brought:
    """An adapter's safetensors file with or without its configuration, or one matrix.

    Raises:
        RefusedError: it is none of these, or broken, or too large.
    """
    described = [(name, data) for name, data in files if _is_json(data)]
    rest = [each for each in files if each not in described]
    if described and not rest:
        raise RefusedError("config_alone")
    if len(rest) != 1 or len(described) > 1:
        raise RefusedError("two")
    ((name, data),) = rest
    if not is_safetensors(data):
        return _matrix(name, data)
    entries = _config(described[0][1]) if described else None
    with _ONE:
        return _adapter(shortened(name), data, entries)


def _is_json(data: bytes) -> bool:
    """Whether it is an object in JSON: a length in a safetensors file may begin with the same bytes."""
    return data[:64].lstrip()[:1] == b"{" and data[4:8] != b"\0\0\0\0"


def is_safetensors(data: bytes) -> bool:
    """Whether the content is, or wants to be, a safetensors file: eight bytes of length, then JSON."""
    return len(data) >= 8 and (data[8:9] == b"{" or data[4:8] == b"\0\0\0\0")


def tensors(data: bytes) -> dict[str, tuple[str, tuple[int, ...], memoryview]]:
    """What a safetensors file holds: name -> dtype, shape, bytes; nothing is copied.

    Raises:
        RefusedError: the header is too long, no JSON, or says what the bytes do not keep.
    """
    if len(data) > MAX_BYTES:
        raise RefusedError("bytes", size=len(data) / MB, most=MAX_BYTES // MB)
    size = int.from_bytes(data[:8], "little")
    if size > MAX_HEADER:
        raise RefusedError("header_size", size=size / MB, most=MAX_HEADER // MB)
    body = memoryview(data)[8 + size :]
    found: dict[str, tuple[str, tuple[int, ...], memoryview]] = {}
    try:
        header = json.loads(data[8 : 8 + size].decode("utf-8"))
        header.pop("__metadata__", None)
        spans = []
        for name, told in header.items():
            shape, (begin, end) = tuple(told["shape"]), told["data_offsets"]
            if not all(type(each) is int and each >= 0 for each in (*shape, begin, end)) or len(shape) > 8:
                raise ValueError
            found[name] = (str(told["dtype"]), shape, body[begin:end])
            spans.append((begin, end))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise RefusedError("header") from None
    spans.sort()
    whole = [0, *(end for _, end in spans)]
    # no gap, no overlap, no end missing
    if [begin for begin, _ in spans] != whole[:-1] or whole[-1] != len(body):
        raise RefusedError("header")
    return found


def _adapter(file: str, data: bytes, entries: Mapping[str, Any] | None) -> Brought:
    held = tensors(data)
    factors: dict[str, dict[str, str]] = {}
    for name, (_, shape, _) in held.items():
        match = NAME.fullmatch(name)
        if match and len(shape) == 2:
            factors.setdefault(match[1], {})[match[2]] = name
    if not factors:
        examples = ", ".join(shortened(name) for name in list(held)[:3]) or "–"
        raise RefusedError("no_layers", names=examples)
    if len(factors) > MAX_LAYERS:
        raise RefusedError("many_layers", count=len(factors), most=MAX_LAYERS)
    side = min(DISPLAY, math.isqrt(PIXELS // len(factors)))
    layers = tuple(
        _layer(name, pair, held, entries, side) for name, pair in sorted(factors.items(), key=_natural)
    )
    return Brought(file, layers, entries is not None, others=len(held) - 2 * len(layers))


def _natural(item: tuple[str, object]) -> list[tuple[int, str]]:
    """Layers in the order of their numbers: 2 before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d{1,9})", item[0])]


def _layer(
    name: str,
    pair: Mapping[str, str],
    held: Mapping[str, tuple[str, tuple[int, ...], memoryview]],
    entries: Mapping[str, Any] | None,
    side: int,
) -> Layer:
    if len(pair) != 2:
        raise RefusedError("pair", name=shortened(name))
    A, B = (_array(name, *held[pair[side]]) for side in "AB")
    rank = A.shape[0]
    if B.shape[1] != rank or min(*A.shape, *B.shape) == 0:
        a, b = (" × ".join(map(str, each.shape)) for each in (A, B))
        raise RefusedError("tensor_shape", name=shortened(name), a=a, b=b)
    if rank > MAX_RANK:
        raise RefusedError("rank", name=shortened(name), rank=rank, most=MAX_RANK)
    gamma = 1.0 if entries is None else gamma_of(name, rank, entries)
    found = layer(name, B, A, gamma, side)
    if found.singular[0] > uploads.RANGE[1]:
        raise RefusedError("tensor_finite", name=shortened(name))
    return found


def layer(name: str, B: Floats, A: Floats, gamma: float, side: int = DISPLAY) -> Layer:
    """What is shown of γ B A, in pictures of at most `side` rows and columns."""
    singular = abs(gamma) * spectrum_of_product(B, A)
    step = -(-max(B.shape[0], A.shape[1]) // side)
    inner = -(-A.shape[0] // side)
    thin_B, thin_A = B[::step], A[:, ::step]
    return Layer(
        name=name,
        shape=(B.shape[0], A.shape[1]),
        rank=A.shape[0],
        gamma=gamma,
        singular=singular,
        A=thin_A[::inner].astype(np.float32),
        B=thin_B[:, ::inner].astype(np.float32),
        update=(gamma * thin_B @ thin_A).astype(np.float32),
        step=step,
    )


def _array(layer: str, dtype: str, shape: tuple[int, ...], data: memoryview) -> Floats:
    if dtype not in KINDS:
        raise RefusedError("tensor_dtype", name=shortened(layer), dtype=dtype[:12])
    kind, size = KINDS[dtype]
    if math.prod(shape) * size != len(data):
        raise RefusedError("header")
    values = np.frombuffer(data, kind)
    if dtype == "BF16":  # the upper half of a float32
        values = (values.astype("<u4") << 16).view("<f4")
    array = values.reshape(shape).astype(np.float64)
    if not np.isfinite(array).all() or np.abs(array).max(initial=0.0) > uploads.RANGE[1] ** 0.5:
        raise RefusedError("tensor_finite", name=shortened(layer))
    return array


def _config(data: bytes) -> Mapping[str, Any]:
    """The entries of adapter_config.json that γ needs."""
    if len(data) > MAX_CONFIG:
        raise RefusedError("config", field="JSON")
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError):
        raise RefusedError("config", field="JSON") from None
    if not isinstance(entries, dict):
        raise RefusedError("config", field="JSON")
    _positive("lora_alpha", entries.get("lora_alpha", 8))
    _positive("r", entries.get("r", 8))
    for key in ("rank_pattern", "alpha_pattern"):
        patterns = entries.get(key) or {}
        if not isinstance(patterns, dict) or len(patterns) > MAX_LAYERS:
            raise RefusedError("config", field=key)
    return entries


def gamma_of(name: str, rank: int, entries: Mapping[str, Any]) -> float:
    """γ = α / r, or α / √r where the adapter is rank-stabilised, r being the factors' own.

    PEFT reads the keys of `alpha_pattern` as regular expressions. Here they are plain names and endings of
    names: an expression from outside could keep the server busy for ever.
    """
    alpha = entries.get("lora_alpha", 8)
    for pattern, value in (entries.get("alpha_pattern") or {}).items():
        plain = re.sub(r"\\(.)", r"\1", str(pattern).removeprefix("^").removesuffix("$"))
        if name == plain or name.endswith(f".{plain}"):
            alpha = value
            break
    alpha = _positive("lora_alpha", alpha)
    return alpha / (math.sqrt(rank) if entries.get("use_rslora") else rank)


def _positive(field: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise RefusedError("config", field=f"{field} = {str(value)[:30]}")
    return float(value)


def _matrix(name: str, data: bytes) -> Brought:
    """A matrix as one layer, whose factors are those of its SVD."""
    brought = uploads.read(name, data)
    if brought.photo and not data.startswith(b"\x93NUMPY"):
        raise RefusedError("picture_here")
    U, singular, Vt = truncated_svd(brought.M, min(brought.M.shape))
    root = np.sqrt(singular)
    return Brought(brought.name, (layer(brought.name, U * root, root[:, None] * Vt, 1.0),), True, matrix=True)
