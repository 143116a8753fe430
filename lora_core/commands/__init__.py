"""The subcommands of `pradit`, one module each, of that name.

Each module has two functions and imports no torch until `run`:

    add(subparsers) -> ArgumentParser   adds the command's parser, with its help and arguments
    run(arguments) -> int               does it, prints the result, returns the exit status

`run` refuses its input with a ValueError or an OSError, which `lora_core.cli` prints.
"""

from __future__ import annotations

import argparse
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
