"""A mapped safetensors file against the safetensors library, and every lie that its header can tell."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file

from lora_core.formats.refusal import FormatError
from lora_core.formats.tensor_file import TensorFile, copy_stream


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_arrays_are_what_the_library_reads(
    tmp_path: Path, generator: torch.Generator, dtype: torch.dtype
) -> None:
    tensors = {name: torch.randn(3, 5, generator=generator).to(dtype) for name in "ba"}
    save_file(tensors, tmp_path / "x.safetensors")
    for file in (TensorFile(tmp_path / "x.safetensors"), TensorFile(save(tensors))):
        assert list(file) == ["a", "b"]
        for name, tensor in tensors.items():
            expected = tensor.float() if dtype == torch.bfloat16 else tensor
            assert np.array_equal(file[name], expected.numpy())


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    """A file of 4 GB, of which the disk holds one page: reading it whole takes long."""
    header = json.dumps({"x": {"dtype": "F32", "shape": [1 << 30], "data_offsets": [0, 1 << 32]}}).encode()
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + (1 << 32))
    assert TensorFile(path)["x"][:: 1 << 28].tolist() == [0, 0, 0, 0]


def lying(change: Mapping[str, object] | None = None, *, tail: bytes = b"", size: int | None = None) -> bytes:
    """A file of two tensors whose header is changed for one of them, or whose length is."""
    data = save({"a": torch.ones(4, 6), "b": torch.ones(2, 3)})
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header["a"] |= change or {}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data[8 + length :] + tail


GOOD = lying()
WRONG = {
    "header": lying({"shape": [4, 5]}),
    "truncated, bytes beyond the end": lying({"data_offsets": [0, 96], "shape": [4, 6]})[:-30],
    "header, bytes of another tensor": lying({"data_offsets": [8, 104]}),
    "header, a negative offset": lying({"data_offsets": [-96, 0]}),
    "header, an offset that is no number": lying({"data_offsets": ["0", "96"]}),
    "header, true is no number": lying({"shape": [True, 24]}),
    "header, a gap at the end": lying(tail=b"\0" * 8),
    "header, a type that is none": lying({"dtype": 4}),
    "truncated, in the header": GOOD[:60],
    "truncated, in the length": GOOD[:5],
    "truncated, nothing": b"",
    "header, no object": struct.pack("<Q", 9) + b'{"a":[1]}',
    "header, a list": struct.pack("<Q", 3) + b"[1]",
    "header, no JSON": struct.pack("<Q", 4) + b"{{{{",
    "header, deep as a well": struct.pack("<Q", 200_005) + b'{"a":' + b"[" * 200_000,
    "header_size": lying(size=1 << 40),
    "not_safetensors": b"GGUF\3\0\0\0\1\0\0\0",
    "lfs_pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "zip": b"PK\x03\x04 and more",
    "pickle": b"\x80\x02}q\x00X\x01\x00\x00\x00a",
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_refused_for_what_it_is(what: str) -> None:
    with pytest.raises(FormatError) as refused:
        TensorFile(WRONG[what])
    assert refused.value.key == what.split(",")[0]


def test_a_stream_is_counted_while_it_arrives(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    assert copy_stream(io.BytesIO(GOOD), path, limit=len(GOOD), chunk=7) == len(GOOD)
    assert TensorFile(path)["b"].shape == (2, 3)

    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            self.taken += size
            return bytes(size)

    stream = Endless()
    with pytest.raises(FormatError, match="limit here") as refused:
        copy_stream(stream, path, limit=1000, chunk=100)  # type: ignore[arg-type]
    assert refused.value.key == "too_large"
    assert stream.taken == 1100
    assert not path.exists(), "what was too large is not kept"
