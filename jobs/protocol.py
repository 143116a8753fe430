"""What server and worker say to each other, in frames whose payload is safetensors.

server -> worker   start (device, memory, every), then: run (job, kind, request), stop (job), …
worker -> server   ready (device) or unusable (key, values), then for each job:
                   snapshot (snapshot + arrays), …, ended (state, key, values + uint8 array "result")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from workers.pipe import Header, ProtocolError

Arrays = dict[str, NDArray[Any]]
Frame = tuple[Header, Arrays]


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as a payload; none are b""."""
    # safetensors writes a transposed array's memory as it lies, under its transposed shape.
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()}) if arrays else b""


def unpack(payload: bytes) -> Arrays:
    """The arrays of a payload.

    Raises:
        ProtocolError: it is no safetensors.
    """
    try:
        return load(payload) if payload else {}
    except (ValueError, SafetensorError) as error:
        raise ProtocolError(f"a payload does not parse: {error}") from error


def as_array(content: bytes) -> NDArray[np.uint8]:
    """Bytes as an array that a frame can carry."""
    return np.frombuffer(content, dtype=np.uint8)
