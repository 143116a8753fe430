"""The one error of a file that cannot be read, and what gives a foreign file away. No torch here."""

from __future__ import annotations

from typing import Any


class FormatError(ValueError):
    """A file that is refused. `key` and `values` let a page say it in the reader's language.

    Keys: missing, too_large, empty, lfs_pointer, zip, pickle, truncated, header, header_size,
    not_safetensors, no_tensor, no_layers, json, json_type, json_size, foreign_config, peft_type, config,
    pattern, several_adapters, pair, tensor, dtype, empty_tensor, config_alone.
    """

    def __init__(self, key: str, message: str, **values: Any) -> None:
        super().__init__(message)
        self.key = key
        self.values = values


def refuse_foreign(name: str, start: bytes) -> None:
    """Raises FormatError: the first bytes of a file show that it is a pointer, a zip or a pickle.

    Args:
        name: how the file is called in the message.
        start: its first bytes, 64 are enough.
    """
    if start.startswith(b"version https://git-lfs"):
        raise FormatError(
            "lfs_pointer",
            f"{name} is a Git LFS pointer, not the file itself: fetch the file (git lfs pull)",
            file=name,
        )
    if start.startswith(b"PK\x03\x04"):
        raise FormatError(
            "zip",
            f"{name} is a zip archive (torch.save writes such), expected a safetensors file; it is not "
            "opened, because what is in it may run code",
            file=name,
        )
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05" and start[4:8] != b"\0\0\0\0":
        raise FormatError(
            "pickle",
            f"{name} is a Python pickle, expected a safetensors file; it is not opened, "
            "because it may run code",
            file=name,
        )
