"""The command `pradit`, also `python -m lora_core`: each module of `lora_core.commands` is a subcommand.

The modules import no torch until their command runs, so that help is quick. A refusal is one line on stderr
and exit status 2.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import pkgutil
import sys
from collections.abc import Sequence

from lora_core import __version__, commands


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; a parsed command's function is its `run`."""
    whole = argparse.ArgumentParser(prog="pradit", description="LoRA adapters, from the command line.")
    whole.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for found in pkgutil.iter_modules(commands.__path__):
        command = importlib.import_module(f"{commands.__name__}.{found.name}")
        command.add(subparsers).set_defaults(run=command.run)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: the command line without the program's name; None takes that of the process.

    Returns:
        The exit status: the command's own, 2 if it refused its input, 1 if its output was closed early,
        130 if it was interrupted.

    Raises:
        SystemExit: after help or the version (status 0), or of a command line that cannot be parsed (2).
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may lack γ, a path may be any bytes
    parsed = parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is flushed at exit
        return 1
    except (ValueError, OSError) as error:
        print(f"pradit: {_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status


def _line(error: ValueError | OSError) -> str:
    """What an error says, in one line."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
