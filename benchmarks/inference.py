"""Many adapters served, against PEFT's `adapter_names`; a merged model against its base; a spectrum of BA."""

from __future__ import annotations

import copy
import random
from itertools import cycle
from typing import Any

import numpy as np
import scipy.linalg
import torch
from peft import LoraConfig, get_peft_model

from benchmarks.measure import Work, entry, fastest, micro, ratios, side_by_side
from lab.bases.models import GPT, MLP
from lora_core import AdapterConfig, attach, merge
from lora_core.matrix.low_rank import spectrum_of_product
from lora_core.serving import Server

RANK, ALPHA, REQUESTS = 8, 16, 64


def serving_64(rounds: int) -> dict[str, Any]:
    """64 requests a batch, each for one of 64 adapters at random; MLP 64-256-256-10, r = 8."""
    return {"serving_64": _serving(64, 10.0, rounds)}


def serving_256(rounds: int) -> dict[str, Any]:
    """The same with 256 adapters."""
    return {"serving_256": _serving(256, 16.0, rounds)}


def merged_inference(rounds: int) -> dict[str, Any]:
    """A forward pass of the character GPT, 16 texts of 64, with its adapter merged, over one of the base."""
    base = GPT(generator=torch.Generator().manual_seed(0))
    unmerged = attach(copy.deepcopy(base), AdapterConfig(rank=RANK))
    merged = merge(attach(copy.deepcopy(base), AdapterConfig(rank=RANK)))
    x = torch.randint(192, (16, 64))
    with torch.inference_mode():
        ways = {"base": lambda: base(x), "merged": lambda: merged(x), "unmerged": lambda: unmerged(x)}
        seconds = side_by_side(ways, 3 * rounds, turn=0.05)  # what differs is less than one slow moment
    apart = np.median(ratios(seconds["unmerged"], seconds["base"]))
    notes = f"base {micro(seconds['base'])}, merged {micro(seconds['merged'])}; unmerged {apart:.2f} times it"
    return {"merged_inference": entry(ratios(seconds["merged"], seconds["base"]), 1.02, "lower", notes)}


def spectrum(rounds: int) -> dict[str, Any]:
    """Singular values of BA, 256 x 256 of rank 8 in float64, against those of the product once formed."""
    g = np.random.default_rng(0)
    A, B = g.standard_normal((RANK, 256)), g.standard_normal((256, RANK))
    tensor = torch.from_numpy(B @ A)
    peers: dict[str, Work] = {
        "numpy": lambda: np.linalg.svd(B @ A, compute_uv=False),
        "scipy": lambda: scipy.linalg.svdvals(B @ A),
        "torch": lambda: torch.linalg.svdvals(tensor),
    }
    best = fastest(peers)
    np.testing.assert_allclose(spectrum_of_product(B, A), np.linalg.svd(B @ A, compute_uv=False)[:RANK])
    seconds = side_by_side({"peer": peers[best], "ours": lambda: spectrum_of_product(B, A)}, rounds)
    notes = f"values alone by {best} {micro(seconds['peer'])}, here {micro(seconds['ours'])}"
    return {"spectrum": entry(ratios(seconds["peer"], seconds["ours"]), 100.0, "higher", notes)}


def _serving(adapters: int, target: float, rounds: int) -> dict[str, Any]:
    base = _mlp().requires_grad_(False)
    names = [f"a{index}" for index in range(adapters)]
    g = torch.Generator().manual_seed(1)
    factors = {
        name: {
            layer: (torch.randn(RANK, d_in, generator=g) * 0.05, torch.randn(d_out, RANK, generator=g) * 0.05)
            for layer, (d_out, d_in) in {
                "blocks.0": (256, 64),
                "blocks.1": (256, 256),
                "head": (10, 256),
            }.items()
        }
        for name in names
    }
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(factors[names[0]]))
    peer = get_peft_model(copy.deepcopy(base), config, adapter_name=names[0])
    for name in names[1:]:
        peer.add_adapter(name, config)
    server = Server(base)
    for name in names:
        for layer, (A, B) in factors[name].items():
            module = peer.base_model.model.get_submodule(layer)
            module.lora_A[name].weight.data.copy_(A)
            module.lora_B[name].weight.data.copy_(B)
        server.add(name, {layer: (A, ALPHA / RANK * B) for layer, (A, B) in factors[name].items()})
    peer.eval()

    choice = random.Random(0)
    asked = [choice.choices(names, k=REQUESTS) for _ in range(8)]
    inputs = [torch.randn(REQUESTS, 64, generator=g) for _ in asked]
    batches = [cycle(zip(inputs, asked, strict=True)) for _ in range(3)]

    def theirs() -> torch.Tensor:
        x, wanted = next(batches[0])
        out: torch.Tensor = peer(x, adapter_names=wanted)
        return out

    def ours() -> torch.Tensor:
        return server(*next(batches[1]))

    with torch.inference_mode():
        for _ in asked:
            torch.testing.assert_close(ours(), theirs(), rtol=1e-4, atol=1e-4)
        seconds = side_by_side(
            {"peer": theirs, "ours": ours, "base": lambda: server.model(next(batches[2])[0])}, rounds
        )
    bound = np.median(ratios(seconds["peer"], seconds["base"]))
    notes = (
        f"a batch of {REQUESTS}: PEFT {micro(seconds['peer'])}, here {micro(seconds['ours'])}, the base "
        f"alone {micro(seconds['base'])}, so that the most there could be is {bound:.0f}"
    )
    return entry(ratios(seconds["peer"], seconds["ours"]), target, "higher", notes)


def _mlp() -> MLP:
    return MLP(inputs=64, width=256, generator=torch.Generator().manual_seed(0))
