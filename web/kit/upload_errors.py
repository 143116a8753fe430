"""Why an uploaded file is refused: keys of `uploads.refused.*` with the fields that the sentence names."""


class RefusedError(ValueError):
    """An uploaded file cannot be read; `key` says why, `fields` what the sentence names."""

    def __init__(self, key: str, **fields: object) -> None:
        super().__init__(key)
        self.key = key
        self.fields = fields


def shortened(name: str) -> str:
    """A file's name as it may be shown: no path, no control characters, at most 40 characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(c for c in last if c.isprintable())
    return plain if len(plain) <= 40 else f"{plain[:28]}…{plain[-11:]}"
