"""`pradit train`: an adapter of a language model from a file of examples."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lora_core.commands import Subparsers, formats, needing_language
from lora_core.config import METHODS, AdapterConfig

if TYPE_CHECKING:
    from lora_core.language.finetune import Record


def add(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Adds the command's parser."""
    parser = subparsers.add_parser(
        "train",
        help="train an adapter of a language model",
        description="Train a low-rank adapter of a Llama-shaped language model on a file of examples, with "
        "the loss on answers only, and write it for other programs. Ctrl-C stops between two steps; the same "
        "command then goes on from there, with the same losses as if it had not been stopped.",
        epilog="--json prints one line at the end: steps, train_loss (of the last step), eval_loss_before "
        "and eval_loss_after (null without --eval), seconds (of training), tokens (read), peak_mb, out.",
    )
    parser.add_argument("--base", required=True, help="smollm2, a folder or a GGUF file")
    parser.add_argument(
        "--data",
        required=True,
        type=Path,
        help=".jsonl, .json, .csv, .txt or .md: chats, question and answer, or plain text",
    )
    parser.add_argument("--out", required=True, type=Path, help="the folder to write")
    parser.add_argument("--method", choices=METHODS, default="lora", help="default: %(default)s")
    parser.add_argument("--rank", type=int, default=8, help="r (default: %(default)s)")
    parser.add_argument("--alpha", type=float, default=32.0, help="α; γ is α / r (default: %(default)g)")
    parser.add_argument(
        "--targets", default="all-linear", help="modules, by commas, or all-linear (default: %(default)s)"
    )
    parser.add_argument(
        "--dropout", type=float, default=0.0, help="of A's input while training (default: %(default)g)"
    )
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate (default: %(default)g)")
    parser.add_argument("--steps", type=int, default=60, help="default: %(default)s")
    parser.add_argument("--batch", type=int, default=8, help="examples a step (default: %(default)s)")
    parser.add_argument(
        "--longest", type=int, default=512, help="tokens at which an example is cut (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--format",
        default="peft",
        help="peft, gguf (with a Modelfile), mlx, by commas; PEFT's folder is always written (default: "
        "%(default)s)",
    )
    parser.add_argument("--eval", type=Path, help="examples to measure the loss on, before and after")
    parser.add_argument("--device", default="", help="cpu, cuda, mps (default: a GPU if there is one)")
    parser.add_argument(
        "--dtype",
        choices=("bfloat16", "float32"),
        default="",
        help="of the base's weights; A and B are float32 (default: the faster, which is measured)",
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON at the end, nothing else")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Trains with a progress bar on stderr, and prints what was written and how to run it."""
    wanted = formats(arguments.format, ("peft", "gguf", "mlx"))
    targets = arguments.targets
    adapter = AdapterConfig(
        method=arguments.method,
        rank=arguments.rank,
        alpha=arguments.alpha,
        dropout=arguments.dropout,
        targets=targets if targets == "all-linear" else tuple(filter(None, targets.split(","))),
    )
    with needing_language():
        from tqdm import tqdm

        from lora_core.language.training_run import Interrupted, Wish
        from lora_core.language.training_run import run as train

    wish = Wish(
        base=arguments.base,
        data=arguments.data,
        out=arguments.out,
        adapter=adapter,
        lr=arguments.lr,
        steps=arguments.steps,
        size=arguments.batch,
        longest=arguments.longest,
        seed=arguments.seed,
        held=arguments.eval,
        formats=wanted,
        device=arguments.device,
        dtype=arguments.dtype,
    )
    bar: Any = None  # shown from the first step on: a refusal is one line

    def show(record: Record) -> None:
        nonlocal bar
        if bar is None:
            start = record.step - 1
            bar = tqdm(total=wish.steps, initial=start, unit="step", file=sys.stderr, dynamic_ncols=True)
        bar.set_postfix(loss=f"{record.loss:.3f}", tokens=f"{record.speed:,.0f}/s", refresh=False)
        bar.update(record.step - bar.n)

    stopped = ""
    try:
        outcome, commands = train(wish, show, lambda line: print(line, file=sys.stderr))
    except Interrupted as stop:
        stopped = str(stop)
    finally:
        if bar is not None:
            bar.close()
    if stopped:
        print(f"{stopped}; the same command goes on from there", file=sys.stderr)
        return 130
    if arguments.json:
        print(json.dumps(asdict(outcome), allow_nan=False))
        return 0
    loss = f"loss {outcome.train_loss:.3f} in the last of {outcome.steps} steps"
    if outcome.eval_loss_before is not None and outcome.eval_loss_after is not None:
        loss += f", on {arguments.eval.name} {outcome.eval_loss_before:.3f} -> {outcome.eval_loss_after:.3f}"
    print(f"{loss}, {outcome.tokens:,} tokens in {outcome.seconds:.0f} s; {outcome.out}")
    for name, command in commands.items():
        print(f"  {name:9}  {command}")
    return 0
