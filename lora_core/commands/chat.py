"""`pradit chat`: talk to a language model, with an adapter or without."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from lora_core.commands import Subparsers, needing_language

if TYPE_CHECKING:
    from lora_core.language.conversation import Conversation

NEW = "/new"


def add(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Adds the command's parser."""
    parser = subparsers.add_parser(
        "chat",
        help="talk to a language model, with an adapter or without",
        description="Talk to a language model: a line asks, the answer comes token by token and Ctrl-C ends "
        f"it. {NEW} begins a new conversation, Ctrl-D ends the command. From a pipe each line is asked, and "
        "the answers alone are printed.",
    )
    parser.add_argument("--base", required=True, help="smollm2, a folder or a GGUF file")
    parser.add_argument("--adapter", help="the adapter's folder, in PEFT's format")
    parser.add_argument(
        "--strength", type=float, default=1.0, help="a factor on the adapter's γ (default: %(default)g)"
    )
    parser.add_argument("--system", default="", help="a system message (default: the model's own)")
    parser.add_argument(
        "--temperature", type=float, default=0.0, help="0 takes the likeliest token (default: %(default)g)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default: %(default)s)")
    parser.add_argument(
        "--longest", type=int, default=256, help="tokens an answer has at most (default: %(default)s)"
    )
    parser.add_argument("--device", default="", help="cpu, cuda, mps (default: a GPU if there is one)")
    parser.add_argument(
        "--dtype",
        choices=("bfloat16", "float32"),
        default="float32",
        help="of the weights; in bfloat16 nearly equal tokens may change places (default: %(default)s)",
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Asks and answers until the input ends."""
    with needing_language():
        from lora_core.language.conversation import open_conversation

    conversation = open_conversation(
        arguments.base,
        arguments.adapter,
        strength=arguments.strength,
        system=arguments.system,
        temperature=arguments.temperature,
        seed=arguments.seed,
        longest=arguments.longest,
        device=arguments.device,
        dtype=arguments.dtype,
    )
    asked = sys.stdin.isatty()
    while True:
        if asked:
            print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return 0
        if line.strip() == NEW:
            conversation.forget()
        elif line.strip():
            answer(conversation, line.strip())


def answer(conversation: Conversation, question: str) -> None:
    """Prints the answer as it comes."""
    parts = conversation.ask(question)
    try:
        for part in parts:
            print(part, end="", flush=True)
    except KeyboardInterrupt:
        parts.close()
    print(flush=True)
