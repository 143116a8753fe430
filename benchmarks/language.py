"""The language model, SmolLM2-135M: its steps, its answers and its adapters, against transformers and PEFT.

Both sides have the same weights in the same type (bfloat16 where that is the quicker), start from the same A
and must give the same losses before they are timed. Transformers gets the quicker of its two attentions.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.language_start import ALPHA, ANSWER, LENGTH, RANK, RATE, TEXTS
from benchmarks.measure import Work, entry, fastest, ratios, side_by_side
from lora_core import AdapterConfig, attach, optimizer_for
from lora_core.adapter import adapted_layers
from lora_core.language.batches import IGNORED, Batch
from lora_core.language.full import WideAdamW, full_optimizer
from lora_core.language.loss import answer_loss, cross_entropy
from lora_core.language.model import LanguageModel
from lora_core.language.reader import folder_of, open_model
from lora_core.language.sampling import sample
from lora_core.language.speed import fast_dtype
from lora_core.serving import Server
from lora_core.training import train

TURN = 0.0  # a step is long enough by itself
TOKENS = 12
"""Of an answer."""
ADAPTERS, REQUESTS, SMALL = 8, 16, 4
"""Of serving: adapters of rank 4."""


def lm_step(rounds: int) -> dict[str, Any]:
    """A LoRA step of 4 texts of 64 tokens, answers of 19, r = 8 on all matrices of the blocks."""
    model = attach(_ours(), AdapterConfig(rank=RANK, alpha=ALPHA), generator=_generator())
    starts = {name: layer.A.detach().clone() for name, layer in adapted_layers(model).items()}
    config = AdapterConfig(rank=RANK, alpha=ALPHA)
    optimizer = optimizer_for(model, config, lr=RATE, fused=True)
    ours = _steps(model, optimizer)

    def peer(attention: str) -> Work:
        theirs = _peft(attention)
        for name, A in starts.items():
            theirs.base_model.model.get_submodule(name).lora_A["default"].weight.data.copy_(A)
        trained = [p for p in theirs.parameters() if p.requires_grad]
        return _their_steps(theirs, torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0, fused=True))

    best, theirs = _best(peer)
    seconds = _timed(ours, theirs, model, optimizer, rounds)
    notes = _where(seconds, f"PEFT with {best} attention")
    return {"lm_step": entry(ratios(seconds["peer"], seconds["ours"]), 1.8, "higher", notes)}


def lm_step_full(rounds: int) -> dict[str, Any]:
    """A step of full fine-tuning of the blocks; both sides move half types in float32 by one AdamW."""
    model = _ours()
    optimizer = full_optimizer(model, lr=RATE / 10)
    ours = _steps(model, optimizer)

    def peer(attention: str) -> Work:
        theirs = _theirs(attention)
        theirs.get_input_embeddings().weight.requires_grad_(False)
        trained = [p for p in theirs.parameters() if p.requires_grad]
        narrow = trained[0].dtype.itemsize < 4
        theirs_moves = (
            WideAdamW(trained, lr=RATE / 10)
            if narrow
            else torch.optim.AdamW(trained, lr=RATE / 10, weight_decay=0.0, fused=True)
        )
        return _their_steps(theirs, theirs_moves)

    best, theirs = _best(peer)
    seconds = _timed(ours, theirs, model, optimizer, rounds)
    notes = _where(seconds, f"transformers with {best} attention")
    return {"lm_step_full": entry(ratios(seconds["peer"], seconds["ours"]), 1.3, "higher", notes)}


def lm_start(rounds: int) -> dict[str, Any]:
    """`lm_start`: a fresh process to its first LoRA step; `lm_memory`: its peak while it trains."""
    open_model("smollm2")  # the cache is made once on a machine
    found: dict[str, list[dict[str, float]]] = {"theirs": [], "ours": []}
    for _ in range(rounds):
        for side, values in found.items():
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.language_start", side]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            values.append(json.loads(done.stdout.splitlines()[-1]))
    columns = {
        key: {side: [value[key] for value in values] for side, values in found.items()}
        for key in ("seconds", "peak")
    }
    start, peak = columns["seconds"], columns["peak"]
    middle = {key: {side: statistics.median(each[side]) for side in found} for key, each in columns.items()}
    starts = "theirs {theirs:.1f} s of one core, imports and the GGUF file read; here {ours:.1f} s, mapped"
    peaks = "theirs {theirs:.2f} GB resident, here {ours:.2f} GB with the mapped base"
    gigabytes = {side: value / 1e9 for side, value in middle["peak"].items()}
    return {
        "lm_start": entry(
            ratios(start["theirs"], start["ours"]), 5, "higher", starts.format(**middle["seconds"])
        ),
        "lm_memory": entry(ratios(peak["theirs"], peak["ours"]), 1.5, "higher", peaks.format(**gigabytes)),
    }


def lm_tokens(rounds: int) -> dict[str, Any]:
    """Nine answers of 12 tokens: three prompts, before, with the adapter and fully tuned.

    Here six in one batch and three in another; transformers' `generate` takes one after the other, its
    adapter merged. What the weights are makes no difference to the time: the base's stand for all.
    """
    model, prompts = _ours(), _prompts(3)
    server = Server(model)
    server.add("mine", _factors(model, RANK, 0))
    theirs = _theirs("sdpa")

    def ours() -> int:
        asked: list[str | None] = [None] * 3 + ["mine"] * 3
        both = sample(model, prompts * 2, stop=(), longest=TOKENS, server=server, adapters=asked)
        return sum(len(new) for new in both) + sum(
            len(new) for new in sample(model, prompts, stop=(), longest=TOKENS)
        )

    def peer() -> list[Tensor]:
        return [_generated(theirs, [prompt]) for _ in range(3) for prompt in prompts]

    expected = [answer[0, len(prompt) :].tolist() for answer, prompt in zip(peer(), prompts, strict=False)]
    answers = zip(*sample(model, prompts, stop=(), longest=TOKENS), strict=True)
    same = sum(list(answer) == other for answer, other in zip(answers, expected, strict=True))
    seconds = side_by_side({"peer": peer, "ours": ours}, rounds, turn=TURN)
    speeds = {side: 9 * TOKENS / statistics.median(values) for side, values in seconds.items()}
    notes = (
        f"tokens a second: transformers {speeds['peer']:.0f}, here {speeds['ours']:.0f}; {same} of 3 answers "
        "of the base are the same (theirs rounds its logits to the weights' type)"
    )
    return {"lm_tokens": entry(ratios(seconds["peer"], seconds["ours"]), 4, "higher", notes)}


def lm_serving(rounds: int) -> dict[str, Any]:
    """16 requests for 8 adapters of rank 4 in one batch, 12 tokens each, against PEFT's mixed batch."""
    model, prompts = _ours(), _prompts(REQUESTS)
    server = Server(model)
    theirs = _peft("sdpa", rank=SMALL)
    names = [f"a{number}" for number in range(ADAPTERS)]
    for number, name in enumerate(names):
        theirs.add_adapter(name, theirs.peft_config["default"])
        factors = _factors(model, SMALL, number)
        server.add(name, factors)
        for place, (A, B) in factors.items():
            layer = theirs.base_model.model.get_submodule(place)
            layer.lora_A[name].weight.data.copy_(A)
            layer.lora_B[name].weight.data.copy_(B / layer.scaling[name])
    theirs.eval()
    asked = [names[number % ADAPTERS] for number in range(REQUESTS)]

    def ours() -> list[tuple[int | None, ...]]:
        return list(sample(model, prompts, stop=(), longest=TOKENS, server=server, adapters=asked))

    def peer() -> Tensor:
        return _generated(theirs, prompts, adapter_names=asked)

    first = [row[0] for row in peer()[:, max(map(len, prompts)) :].tolist()]
    same = sum(a == b for a, b in zip(ours()[0], first, strict=True))
    seconds = side_by_side({"peer": peer, "ours": ours}, rounds, turn=TURN)
    speeds = {side: REQUESTS * TOKENS / statistics.median(values) for side, values in seconds.items()}
    notes = (
        f"tokens a second: PEFT {speeds['peer']:.0f}, here {speeds['ours']:.0f}; "
        f"{same} of {REQUESTS} first tokens are the same"
    )
    return {"lm_serving": entry(ratios(seconds["peer"], seconds["ours"]), 2, "higher", notes)}


def _timed(
    ours: Work, theirs: Work, model: LanguageModel, optimizer: torch.optim.Optimizer, rounds: int
) -> dict[str, list[float]]:
    """Both sides' steps after they gave the same losses, and three parts of ours."""
    for _ in range(2):
        torch.testing.assert_close(ours(), theirs(), rtol=2e-2, atol=2e-2)
    ways: dict[str, Work] = {"peer": theirs, "ours": ours, "update": optimizer.step}
    ways |= {"products": _products(model), "head": _head(model)}
    return side_by_side(ways, rounds, turn=TURN)


def _where(seconds: dict[str, list[float]], peer: str) -> str:
    """The seconds of both sides, and the share of the parts of ours."""
    names = ("peer", "ours", "products", "head", "update")
    theirs, ours, products, head, update = (statistics.median(seconds[name]) for name in names)
    return (
        f"{peer} {theirs:.2f} s, here {ours:.2f} s, of which the products with W forward and back are "
        f"{products / ours:.0%}, the loss over all words {head / ours:.0%}, the update {update / ours:.0%}; "
        "the rest lies between these products, with those of A and B or of the gradients of W"
    )


@torch.no_grad()
def _products(model: LanguageModel) -> Work:
    """x Wᵀ and y W of every matrix of the blocks."""
    pairs = []
    for layer in model.model.layers.modules():
        if type(layer) is nn.Linear:
            W = layer.weight.detach()
            pairs.append((W, *(torch.ones(TEXTS * LENGTH, d, dtype=W.dtype) for d in reversed(W.shape))))

    def work() -> None:
        with torch.no_grad():
            for W, x, y in pairs:
                nn.functional.linear(x, W)
                torch.mm(y, W)

    return work


def _head(model: LanguageModel) -> Work:
    weight = model.lm_head.weight.detach()
    x = torch.ones(TEXTS * ANSWER, weight.shape[1], dtype=weight.dtype, requires_grad=True)
    targets = torch.arange(TEXTS * ANSWER)
    return lambda: cross_entropy(x, weight, targets).backward()  # type: ignore[no-untyped-call]


def _steps(model: LanguageModel, optimizer: torch.optim.Optimizer) -> Work:
    ids, targets = _batch()
    batches = iter(lambda: Batch(ids, targets, ids.numel()), None)
    loop = train(model, optimizer, answer_loss, batches)
    return lambda: torch.tensor(next(loop).losses[0])


def _their_steps(model: Any, optimizer: torch.optim.Optimizer) -> Work:
    """The same loss; transformers' labels stand at the token that is predicted, one place later."""
    ids, targets = _batch()
    labels = torch.cat([torch.full((TEXTS, 1), IGNORED), targets[:, :-1]], 1)

    def step() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = model(input_ids=ids, labels=labels, use_cache=False).loss
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.detach().float()

    return step


def _best(peer: Callable[[str], Work]) -> tuple[str, Work]:
    """Transformers' quicker attention, started anew."""
    best = fastest({name: peer(name) for name in ("sdpa", "eager")}, rounds=3)
    return best, peer(best)


def _generated(model: Any, prompts: list[list[int]], **options: Any) -> Tensor:
    length = max(map(len, prompts))
    ids = torch.tensor([[2] * (length - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    exact = {"max_new_tokens": TOKENS, "min_new_tokens": TOKENS, "do_sample": False, "pad_token_id": 2}
    with torch.inference_mode():
        out: Tensor = model.generate(
            input_ids=ids, attention_mask=mask, eos_token_id=None, **exact, **options
        )
    return out


def _ours() -> LanguageModel:
    return open_model("smollm2", fast_dtype())


def _theirs(attention: str) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        folder_of("smollm2"), dtype=fast_dtype(), attn_implementation=attention
    )


def _peft(attention: str, rank: int = RANK) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
    with warnings.catch_warnings(action="ignore"):
        return get_peft_model(_theirs(attention), config)


def _factors(model: LanguageModel, rank: int, seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """A and γB of an adapter small enough that answers stay sane."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        name: layer.weight.shape for name, layer in model.named_modules() if isinstance(layer, nn.Linear)
    }
    return {
        name: (
            torch.randn(rank, d_in, generator=generator) / 50,
            torch.randn(d_out, rank, generator=generator) / 50,
        )
        for name, (d_out, d_in) in shapes.items()
    }


@cache
def _texts() -> Tensor:
    return torch.randint(100, 40_000, (TEXTS, LENGTH + 1), generator=_generator())


def _batch() -> tuple[Tensor, Tensor]:
    """Ids and targets, (4, 64) each; the last 20 count, but for one that transformers' labels cannot hold."""
    ids, targets = _texts()[:, :-1].clone(), _texts()[:, 1:].clone()
    targets[:, :-ANSWER] = targets[:, -1] = IGNORED
    return ids, targets


def _prompts(count: int) -> list[list[int]]:
    generator = _generator()
    return [
        torch.randint(100, 40_000, (30 + 3 * k % 11,), generator=generator).tolist() for k in range(count)
    ]


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)
