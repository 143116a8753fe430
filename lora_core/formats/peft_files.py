"""The two files of an adapter in PEFT's format, opened: headers checked, no tensor read. No torch here."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lora_core.formats import peft_names
from lora_core.formats.peft_config import PeftConfig, read_config
from lora_core.formats.peft_tensors import Names, sort_names
from lora_core.formats.refusal import FormatError
from lora_core.formats.tensor_file import TensorFile, copy_stream

CONFIG_FILE = peft_names.FILE
TENSOR_FILE = "adapter_model.safetensors"
PICKLED_FILE = "adapter_model.bin"
LIMIT = 2_000_000_000  # bytes of a stream, unless the caller has a limit of its own


@dataclass(frozen=True)
class PeftFiles:
    """Both files of an adapter, opened: every header is checked, no tensor is read.

    Attributes:
        config: adapter_config.json; None where there was none.
        tensors: adapter_model.safetensors.
        names: which tensor is what.
    """

    config: PeftConfig | None
    tensors: TensorFile
    names: Names


def open_files(
    source: str | os.PathLike[str] | bytes | BinaryIO,
    config: str | os.PathLike[str] | bytes | PeftConfig | None = None,
    *,
    limit: int | None = None,
) -> PeftFiles:
    """Opens an adapter: its folder, one of its two files, or their contents.

    Args:
        source: a folder; a safetensors file, beside which adapter_config.json is looked for; its content; or
            a stream of that, which goes to a temporary file.
        config: adapter_config.json, where it stands elsewhere.
        limit: bytes that a stream may have; LIMIT if not given.

    Raises:
        FormatError: (a ValueError) a file is missing or broken or no adapter of PEFT's.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        tensors = TensorFile(bytes(source), TENSOR_FILE)
    elif not isinstance(source, str | os.PathLike):
        tensors = _streamed(source, LIMIT if limit is None else limit)
    else:
        path = Path(source)
        if path.suffix == ".json" and path.is_file():
            config = read_config(path)  # refuses a model's own config.json by name
            path = path.parent
        folder = path if path.suffix not in (".safetensors", ".bin") or path.is_dir() else path.parent
        if config is None and (folder / CONFIG_FILE).is_file():
            config = folder / CONFIG_FILE
        if path.is_file():
            tensors = TensorFile(path)
        else:
            _refuse_pickled(folder)
            tensors = TensorFile(folder / TENSOR_FILE if path == folder else path)
    found = config if config is None or isinstance(config, PeftConfig) else read_config(config)
    names = sort_names(tensors, tensors.name)
    if not len(tensors):
        raise FormatError("no_tensor", f"{tensors.name} holds no tensor")
    return PeftFiles(found, tensors, names)


def _streamed(stream: BinaryIO, limit: int) -> TensorFile:
    """The file of a stream, on disk for as long as something refers to it."""
    folder = Path(tempfile.mkdtemp(prefix="pradit-"))
    try:
        copy_stream(stream, folder / TENSOR_FILE, limit)
        tensors = TensorFile(folder / TENSOR_FILE)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(tensors, shutil.rmtree, folder, ignore_errors=True)
    return tensors


def _refuse_pickled(folder: Path) -> None:
    if (folder / PICKLED_FILE).exists() and not (folder / TENSOR_FILE).exists():
        raise FormatError(
            "pickle",
            f"{PICKLED_FILE} is a Python pickle and is not opened, because it may run code; save the adapter "
            f"with safe_serialization, as {TENSOR_FILE}",
            file=PICKLED_FILE,
        )
