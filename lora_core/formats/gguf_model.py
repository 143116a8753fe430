"""A model as llama.cpp and Ollama read it: one GGUF file, matrices in 16 or 8 bits. No torch here.

    llama-cli -m model.gguf

Tensors are asked for one at a time, as they are written: the model need not be in memory twice.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lora_core.formats.folded import Matrix
from lora_core.formats.gguf_names import architecture, heads_in_pairs, in_pairs, name_of, package
from lora_core.formats.gguf_writing import gguf_writer
from lora_core.language.config import ModelConfig

TYPES = ("f16", "q8_0")
_OWN = ("general.architecture", "general.file_type", "general.quantization_version")


class Field(NamedTuple):
    """One entry of a file's head.

    Attributes:
        value: a number, a text, or a list of such.
        types: gguf.GGUFValueType, of a list followed by that of its members.
    """

    value: Any
    types: tuple[Any, ...]


def fields_of_file(path: Path) -> dict[str, Field]:
    """The head of a GGUF file: shape, tokens, chat template, licence; raises ValueError if it is none."""
    gguf = package()
    try:
        file = gguf.GGUFReader(path)
    except (ValueError, IndexError, KeyError) as error:
        raise ValueError(f"{path.name} cannot be read as GGUF: {error}") from None
    return {
        name: Field(field.contents(), tuple(field.types))
        for name, field in file.fields.items()
        if not name.startswith("GGUF.")
    }


def write(
    path: str | os.PathLike[str],
    shapes: Mapping[str, tuple[int, ...]],
    read: Callable[[str], Matrix],
    config: ModelConfig,
    fields: Mapping[str, Field],
    *,
    type: str = "f16",
) -> None:
    """Writes the file whole, then puts it in place.

    Args:
        path: of the file; its folder is made.
        shapes: parameter's name in transformers -> shape; a tied head is left out.
        read: name -> the parameter, in transformers' order.
        config: of the model.
        fields: the file's head.
        type: of matrices, one of TYPES; those whose rows do not divide into blocks of 32 are "f16"
            whatever it says, and vectors are float32.

    Raises:
        ValueError: a parameter has no name in llama.cpp, or the type is another.
    """
    gguf = package()
    if type not in TYPES:
        raise ValueError(f"the type is {type!r}, expected one of {', '.join(TYPES)}")
    kind = architecture(config)
    names = {name: _name(name) for name in shapes}
    with gguf_writer(path, kind) as out:
        for name, field in fields.items():
            if name not in _OWN:
                inner = field.types[-1] if len(field.types) > 1 else None
                out.add_key_value(name, field.value, field.types[0], inner)
        out.add_file_type(gguf.LlamaFileType[f"MOSTLY_{type.upper()}"])
        out.add_quantization_version(gguf.GGML_QUANT_VERSION)
        stored = {name: _stored(shape, type, gguf) for name, shape in shapes.items()}
        for name, shape in shapes.items():
            held = gguf.quant_shape_to_byte_shape(shape, stored[name])
            out.add_tensor_info(
                names[name], held, np.dtype(np.uint8), math.prod(held), raw_dtype=stored[name]
            )
        out.write_header_to_file()
        out.write_kv_data_to_file()
        out.write_ti_data_to_file()
        for name in shapes:
            W = read(name)
            if heads := heads_in_pairs(names[name].rpartition(".")[0], config, kind):
                W = in_pairs(W, heads)
            out.write_tensor_data(_bytes(W, stored[name], gguf))


def rounded(W: Matrix, type: str) -> Matrix:
    """A matrix as such a file gives it back."""
    gguf = package()
    stored = _stored(W.shape, type, gguf)
    found: Matrix = gguf.dequantize(_bytes(W, stored, gguf), stored).astype(np.float32)
    return found


def _name(name: str) -> str:
    module, _, part = name.rpartition(".")
    return f"{name_of(module)}.{part}"


def _stored(shape: tuple[int, ...], type: str, gguf: Any) -> Any:
    if len(shape) < 2:
        return gguf.GGMLQuantizationType.F32
    whole = shape[-1] % gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType.Q8_0][0] == 0
    return gguf.GGMLQuantizationType[type.upper() if whole else "F16"]


def _bytes(W: Matrix, stored: Any, gguf: Any) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = gguf.quantize(np.ascontiguousarray(W, np.float32), stored)
    return found
