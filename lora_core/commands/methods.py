"""`pradit methods`: the family, each method with its paper and what it costs in one layer."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from dataclasses import asdict

from lora_core.commands import Subparsers
from lora_core.config import METHODS, AdapterConfig
from lora_core.methods import method as method_called
from lora_core.planning.method_cost import MethodCost, method_cost


def add(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Adds the command's parser."""
    parser = subparsers.add_parser(
        "methods",
        help="list the methods, with paper and cost",
        description="List the methods, each with its paper and what it costs in one layer inside a model. "
        "The costs are counted from the layer's shape, in float32.",
    )
    parser.add_argument("--d-out", type=int, default=4096, help="the layer's outputs (default: %(default)s)")
    parser.add_argument("--d-in", type=int, default=4096, help="the layer's inputs (default: %(default)s)")
    parser.add_argument("--rank", type=int, default=AdapterConfig().rank, help="r (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=1024, help="tokens in a step (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Prints one line, or one JSON object, for each method."""
    costs = {
        name: layer_cost(name, arguments.d_out, arguments.d_in, arguments.rank, arguments.rows)
        for name in METHODS
    }
    if arguments.json:
        found = [{"method": name, "paper": paper(name), **asdict(cost)} for name, cost in costs.items()]
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    print(
        f"W ({arguments.d_out}, {arguments.d_in}), rank {arguments.rank}, {arguments.rows} rows a step\n\n"
        f"{'method':8}  {'trained':>12}  {'GFLOPs a step':>13}  {'optimiser MB':>12}  {'frozen MB':>10}"
    )
    for name, cost in costs.items():
        print(
            f"{name:8}  {cost.trained:12,}  {cost.flops / 1e9:13,.1f}  {cost.optimizer_bytes / 1e6:12,.2f}  "
            f"{cost.frozen_bytes / 1e6:10,.2f}"
        )
    print()
    for name in METHODS:
        print(f"{name:8}  {paper(name)}")
    return 0


def layer_cost(method: str, d_out: int, d_in: int, rank: int, rows: int) -> MethodCost:
    """One step of a layer inside a model: what a second layer adds to a first, so its input has a gradient.

    Raises:
        ValueError: a size is below 1, or the rank is above min(d_out, d_in).
    """
    if min(d_out, d_in) < 1 or not 1 <= rank <= min(d_out, d_in):
        raise ValueError(f"rank is {rank}, expected 1 to {min(d_out, d_in)} for a layer ({d_out}, {d_in})")
    two = {"first": (d_out, d_in), "second": (d_out, d_in)}
    both = asdict(method_cost(method, two, list(two), rank=rank, rows=rows))
    first = asdict(method_cost(method, {"first": two["first"]}, ["first"], rank=rank, rows=rows))
    return MethodCost(**{name: both[name] - first[name] for name in both})


def paper(method: str) -> str:
    """Authors, year, title and arXiv number: the first paragraph of the method's file."""
    text = inspect.getdoc(sys.modules[type(method_called(method)).__module__]) or ""
    return " ".join(text.split("\n\n")[0].split()).partition(": ")[2].removesuffix(".")
