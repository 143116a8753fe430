"""The subcommands of `pradit`, one module each, of that name.

Each module has two functions and imports no torch until `run`:

    add(subparsers) -> ArgumentParser   adds the command's parser, with its help and arguments
    run(arguments) -> int               does it, prints the result, returns the exit status

`run` refuses its input with a ValueError or an OSError, which `lora_core.cli` prints.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

LANGUAGE = "gguf tokenizers jinja2 platformdirs tqdm"
"""What the extra `[language]` brings."""
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def formats(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Names by commas.

    Raises:
        ValueError: one is unknown.
    """
    found = tuple(filter(None, (each.strip() for each in text.split(","))))
    if not found or set(found) - set(known):
        raise ValueError(f"the format is {text!r}, expected {', '.join(known)}, or several by commas")
    return found


@contextmanager
def needing_language() -> Iterator[None]:
    """Around the imports of what a language model needs.

    Raises:
        ValueError: a package is missing; the message says how to get it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is missing; get it with: pip install {LANGUAGE}") from None
