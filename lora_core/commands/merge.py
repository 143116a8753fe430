"""`pradit merge`: an adapter put into its base for good, as files that other programs read."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from lora_core.commands import Subparsers, formats, needing_language

FORMATS = ("safetensors", "gguf")


def add(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Adds the command's parser."""
    parser = subparsers.add_parser(
        "merge",
        help="put an adapter into its base, as safetensors and GGUF",
        description="Write W + ΔW in the place of W: a folder that transformers loads and a GGUF file for "
        "llama.cpp and Ollama. Each kind of number rounds W + ΔW in its own way; the error is measured and "
        "printed, held against the size of what was learned.",
    )
    parser.add_argument("--base", required=True, help="smollm2, a folder or a GGUF file")
    parser.add_argument("--adapter", required=True, help="the adapter's folder, in PEFT's format")
    parser.add_argument("--out", required=True, type=Path, help="the folder to write")
    parser.add_argument(
        "--format", default=",".join(FORMATS), help="what to write, by commas (default: %(default)s)"
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "float16"),
        help="numbers in the safetensors file (default: the base's)",
    )
    parser.add_argument(
        "--gguf-type", choices=("f16", "q8_0"), default="f16", help="numbers in GGUF (default: %(default)s)"
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Writes the files and prints what they are."""
    wanted = formats(arguments.format, FORMATS)
    with needing_language():
        from lora_core.language.merged import open_merged

    merged = open_merged(arguments.base, arguments.adapter)
    fields = merged.gguf_fields() if "gguf" in wanted else {}  # refused before anything is written
    if "safetensors" in wanted:
        loss = merged.write_folder(arguments.out, arguments.dtype)
        _say(arguments.out / "model.safetensors", loss)
    if "gguf" in wanted:
        path = arguments.out / f"model-{arguments.gguf_type}.gguf"
        _say(path, merged.write_gguf(path, fields, arguments.gguf_type))
    return 0


def _say(path: Path, loss: float) -> None:
    size = os.path.getsize(path)
    print(f"{path}  {size / 1e6:,.1f} MB, rounding error {loss:.2%} of ‖ΔW‖")
