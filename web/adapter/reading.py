"""An adapter that a reader uploads, or a matrix: opened by the library's reader, and one layer of it for the
eye.

The files stay on disk and are mapped; a session keeps no more of them than the report and the layer that is
shown. Refusals are keys of `uploads.refused.*`, or whole keys, as in `web.kit.uploads`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lora_core.formats.peft_files import PeftFiles, open_files
from lora_core.formats.refusal import FormatError, refuse_foreign
from lora_core.inspection import Layer
from lora_core.inspection.reading import factors
from lora_core.matrix.low_rank import spectrum_of_product, truncated_svd
from web.kit import uploads
from web.kit.upload_control import File
from web.kit.uploads import RefusedError, shortened

DISPLAY = 128  # rows or columns of a picture at most

Floats = NDArray[np.float64]

# Refusals of the library that a page says in the same words.
_SAME = dict.fromkeys(
    ("truncated", "header", "header_size", "not_safetensors", "no_tensor", "tensor", "empty"), "damaged"
)
_SAME |= {
    "json_type": "json",
    "json_size": "json",
    "zip": "pickled",
    "pickle": "pickled",
    "too_large": "damaged",
}


@dataclass(frozen=True)
class Shown:
    """What is shown of one layer.

    Attributes:
        name: in the model.
        shape: (d_out, d_in).
        rank: r, the inner size of B A.
        singular: the singular values of γ B A, falling, (min(r, d_out, d_in),).
        A, B, update: of A, B and γ B A one row and column in `step`, float32, for the eye.
    """

    name: str
    shape: tuple[int, int]
    rank: int
    singular: Floats
    A: NDArray[np.float32]
    B: NDArray[np.float32]
    update: NDArray[np.float32]
    step: int

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
class Opened:
    """What a reader uploaded: an adapter, or a matrix.

    Attributes:
        name: the file's.
        files: the adapter's, mapped.
        matrix: the matrix; its factors are those of the SVD, A and B taking the root of each value.
        held: what keeps the files on disk.
    """

    name: str
    files: PeftFiles | None = None
    matrix: Shown | None = None
    held: Sequence[File] = ()


def open_uploads(files: Sequence[File]) -> Opened:
    """An adapter's safetensors file with or without its configuration, or one matrix.

    Raises:
        RefusedError: it is none of these, or broken.
    """
    starts = [_start(each.file.path) for each in files]
    described = [each for each, start in zip(files, starts, strict=True) if _is_json(start)]
    rest = [each for each in files if each not in described]
    if described and not rest:
        raise RefusedError("config_alone")
    if len(rest) != 1 or len(described) > 1:
        raise RefusedError("two")
    (upload,) = rest
    start, name = _start(upload.file.path), shortened(upload.name)
    try:
        refuse_foreign(name, start)
        if not is_safetensors(start):
            return Opened(name, matrix=_matrix(name, upload))
        config = described[0].file.path if described else None
        opened = Opened(name, files=open_adapter(upload.file.path, config), held=tuple(files))
    except FormatError as error:
        raise refused(error) from None
    return opened


def open_adapter(tensors: Path, config: Path | None) -> PeftFiles:
    """Both files of an adapter; only layers are read later.

    Raises:
        FormatError: as the library refuses them.
    """
    files = open_files(tensors, config)
    if not files.names.layers:
        names = ", ".join(shortened(name) for name in list(files.tensors)[:3])
        raise FormatError("no_layers", "no layers", names=names)
    return files


def refused(error: FormatError) -> RefusedError:
    """The library's refusal as a page says it."""
    if error.key == "no_layers":
        return RefusedError("no_layers", names=str(error.values["names"]))
    if error.key == "config":
        return RefusedError("config", field=str(error.values["field"]))
    values = {name: value for name, value in error.values.items() if isinstance(value, str)}
    if error.key == "foreign_config":
        return RefusedError(f"adapters.refused.foreign_{values['tool']}")
    return RefusedError(f"adapters.refused.{_SAME.get(error.key, error.key)}", **values)


def shown(files: PeftFiles, layer: Layer) -> Shown | None:
    """One layer for the eye, of several experts the first; None where its factors cannot be multiplied."""
    pair = factors(files, layer)
    if pair is None:
        return None
    A, B = pair
    return picture(layer.name, B, A, 1.0 if layer.scale is None else layer.scale)


def picture(name: str, B: Floats, A: Floats, gamma: float, side: int = DISPLAY) -> Shown:
    """What is shown of γ B A, which is never formed, in pictures of at most `side` rows and columns."""
    peaks = [float(np.abs(factor).max(initial=0.0)) or 1.0 for factor in (B, A)]
    singular = abs(gamma) * spectrum_of_product(B / peaks[0], A / peaks[1]) * peaks[0] * peaks[1]
    step = -(-max(B.shape[0], A.shape[1]) // side)
    inner = -(-A.shape[0] // side)
    thin_B, thin_A = B[::step], A[:, ::step]
    with np.errstate(over="ignore"):
        return Shown(
            name=name,
            shape=(B.shape[0], A.shape[1]),
            rank=A.shape[0],
            singular=singular,
            A=thin_A[::inner].astype(np.float32),
            B=thin_B[:, ::inner].astype(np.float32),
            update=np.nan_to_num((gamma * thin_B @ thin_A).astype(np.float32)),
            step=step,
        )


def size_of(layer: Layer) -> float | None:
    """What the page ranks by: ‖ΔW‖, else ‖γBA‖, or ‖BA‖ where γ is not known; None where nothing is."""
    if layer.norm is not None or layer.product_norm is None:
        return layer.norm
    return layer.product_norm * abs(1.0 if layer.scale is None else layer.scale)


def per_entry(layer: Layer) -> float | None:
    """The root mean square of an entry of what `size_of` measures."""
    size = size_of(layer)
    if size is None or not layer.d_out or not layer.d_in:
        return None
    return size / math.sqrt(layer.d_out * layer.d_in * layer.experts)


def is_safetensors(start: bytes) -> bool:
    """Whether the content is, or wants to be, a safetensors file: eight bytes of length, then JSON."""
    return len(start) >= 8 and (start[8:9] == b"{" or start[4:8] == b"\0\0\0\0")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _is_json(start: bytes) -> bool:
    """Whether it is an object in JSON: a length in a safetensors file may begin with the same bytes."""
    plain = start.removeprefix(b"\xef\xbb\xbf")
    return plain.lstrip()[:1] == b"{" and start[4:8] != b"\0\0\0\0"


def _matrix(name: str, upload: File) -> Shown:
    """A matrix as one layer, whose factors are those of its SVD."""
    if upload.file.size > uploads.MAX_BYTES:
        raise RefusedError("bytes", size=upload.file.size / uploads.MB, most=uploads.MAX_BYTES // uploads.MB)
    data = upload.file.read()
    found = uploads.read(name, data)
    if found.photo and not data.startswith(b"\x93NUMPY"):
        raise RefusedError("picture_here")
    U, singular, Vt = truncated_svd(found.M, min(found.M.shape))
    root = np.sqrt(singular)
    return picture(found.name, U * root, root[:, None] * Vt, 1.0)
