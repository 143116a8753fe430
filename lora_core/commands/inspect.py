"""`pradit inspect`: what is in an adapter's files, layer by layer, and what is wrong with it."""

from __future__ import annotations

import argparse
import json

from lora_core.commands import Subparsers
from lora_core.inspection import inspect


def add(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Adds the command's parser."""
    parser = subparsers.add_parser(
        "inspect",
        help="say what is in an adapter's files",
        description="Say what is in an adapter that PEFT saved: rank, α, γ as PEFT computes it and the "
        "size of the update of each layer, and what is worth knowing about the files. The file is mapped, "
        "never read whole into memory.",
    )
    parser.add_argument("path", help="the adapter's folder, or its adapter_model.safetensors")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Prints the report; a file that cannot be read is refused with a ValueError."""
    report = inspect(arguments.path)
    if arguments.json:
        print(json.dumps(report.to_json(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(report.to_text())
    return 0
