"""Four ways to answer a batch of requests for different adapters, timed side by side; and what each writes.

    batched  one pass of the whole batch through the one base, each request with its γBA (`serving.Server`)
    single   the same, one request a pass
    swapped  the requests of one adapter a pass, the adapter put on the one base before it
    merged   the requests of one adapter a pass, through a whole copy of the model with γBA added into W

A request is a text; its answer is the scores of the next character. All ways get the same batches, in rounds,
each round in another order, on one thread. On a CPU the clock is that of the process, so that other programs
do not count; elsewhere it is the one on the wall.

``python -m lab.runs.serving_trial`` measures every setting that the page offers and records it: four minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lab.bases.models import GPT, decode, encode, load_base
from lab.bases.tenants import BASE, TENANTS
from lab.bases.vocabulary import VOCABULARY
from lab.runs import serving_record
from lab.runs.device import pick_device
from lab.runs.serving_config import (
    ADAPTERS,
    CHARACTERS,
    LENGTH,
    PROMPTS,
    WAYS,
    ServeConfig,
    asked,
    names_of,
)
from lora_core.compose import Adapters
from lora_core.mixing import Factors
from lora_core.serving import Server, read_factors

CONTEXT = 64  # characters that the model reads
TURNS = 3  # of the recording through all settings
LOADS = 8  # adapters that are prepared in the time of a character; a round takes that of four
TEMPERATURE = 0.7  # of the texts: the scores are divided by it

Names = Sequence[str | None]
Answered = tuple[list[int], Tensor]  # rows of the batch, and their scores (rows, V)
Way = Callable[[Tensor, Names], Iterator[Answered]]


@dataclass
class Result:
    """What a run has found so far.

    Attributes:
        rate: way -> requests a second, one a round.
        median, p95: way -> milliseconds from the batch's arrival to a request's answer, one a round.
        reserved: bytes that the server keeps for the adapters, with room for more.
        apart: the largest difference between two ways' scores for one request, over a whole batch.
        texts: tenant -> the prompt and what it has written so far; "base" is the base alone.
        written: characters that each has written.
    """

    rate: dict[str, list[float]] = field(default_factory=lambda: {way: [] for way in WAYS})
    median: dict[str, list[float]] = field(default_factory=lambda: {way: [] for way in WAYS})
    p95: dict[str, list[float]] = field(default_factory=lambda: {way: [] for way in WAYS})
    reserved: int | None = None
    apart: float | None = None
    texts: dict[str, str] = field(default_factory=dict)
    written: int = 0


def serve(
    config: ServeConfig, *, device: str = "cpu", stop: Callable[[], bool] = lambda: False, every: float = 0.25
) -> Iterator[tuple[float, Result]]:
    """Yields how much is done (0 to 1) and what was found, at most once per `every` seconds, and at the end.

    Raises:
        ValueError: the device does not exist.
    """
    result, told, done = Result(), -every, 0.0
    device = pick_device(device)
    for done in _work(config, result, device):
        if stop():
            break
        if time.monotonic() - told >= every:
            told = time.monotonic()
            yield done, result
    yield done, result


def _work(config: ServeConfig, result: Result, device: str) -> Iterator[float]:
    """All that a run does, with a pause wherever it can be watched or stopped; says how much is done."""
    prepare = config.adapters / LOADS if config.rounds else 0
    steps = config.length + prepare + 4 * config.rounds
    tenants = {name: read_factors(tenant.folder) for name, tenant in TENANTS.items()}
    if config.length:
        for written in write(tenants, config, result, device):
            yield written / steps
    if config.rounds:
        ways: dict[str, Way] = {}
        for loaded in prepared(ways, tenants, config, result, device):
            yield (config.length + loaded / LOADS) / steps
        for made in measure(ways, config, result, device):
            yield (config.length + prepare + 4 * made) / steps


@torch.no_grad()
def write(tenants: Mapping[str, Factors], config: ServeConfig, result: Result, device: str) -> Iterator[int]:
    """The base and every tenant continue the prompt together, one character of all of them a pass.

    One uniform number a character decides for all: the texts differ by their weights alone.
    """
    server = Server(_base(device))
    for name, factors in tenants.items():
        server.add(name, _on(factors, device))
    names = [None, *tenants]
    uniform = torch.rand(config.length, generator=torch.Generator().manual_seed(config.seed)).to(device)
    texts = encode(config.prompt).to(device).repeat(len(names), 1)  # (n, T)
    for step in range(config.length + 1):
        result.texts = {name or "base": decode(text) for name, text in zip(names, texts, strict=True)}
        result.written = step
        yield step
        if step < config.length:
            scores = server(texts[:, -CONTEXT:], names)[:, -1]  # (n, V)
            cumulative = (scores / TEMPERATURE).softmax(1).cumsum(1)
            chosen = (cumulative < uniform[step]).sum(1, keepdim=True).clamp(max=scores.shape[1] - 1)
            texts = torch.cat([texts, chosen], dim=1)


@torch.no_grad()
def measure(ways: Mapping[str, Way], config: ServeConfig, result: Result, device: str) -> Iterator[int]:
    """Lets each way answer the same batch, round after round; a first round warms up and is not counted."""
    generator = torch.Generator().manual_seed(config.seed)
    for round_ in range(-1, config.rounds):
        yield max(0, round_)
        names = asked(config, round_)
        texts = torch.randint(len(VOCABULARY), (config.requests, config.characters), generator=generator).to(
            device
        )
        answers = {}
        for way in np.roll(WAYS, round_):
            ends, answers[way] = _timed(ways[way], texts, names, device)
            if round_ >= 0:
                result.rate[way].append(len(names) / max(ends))
                result.median[way].append(1000 * float(np.median(ends)))
                result.p95[way].append(1000 * float(np.quantile(ends, 0.95)))
        if result.apart is None:
            result.apart = max((answers["batched"] - each).abs().max().item() for each in answers.values())
    yield config.rounds


def _timed(way: Way, texts: Tensor, names: Names, device: str) -> tuple[list[float], Tensor]:
    """Seconds from a batch's arrival to each request's answer, and the answers (requests, V)."""
    clock = time.process_time if device == "cpu" else partial(_finished, device)
    ends, answers, begin = [0.0] * len(names), texts.new_empty(0), clock()
    for rows, scores in way(texts, names):
        end = clock() - begin
        if not len(answers):
            answers = scores.new_zeros(len(names), scores.shape[1])
        answers[rows] = scores
        for row in rows:
            ends[row] = end
        begin += clock() - begin - end  # what keeping the answers took
    return ends, answers


def _finished(device: str) -> float:
    """The clock on the wall once the device has done all that it was given."""
    getattr(torch, device).synchronize()
    return time.perf_counter()


def prepared(
    ways: dict[str, Way], tenants: Mapping[str, Factors], config: ServeConfig, result: Result, device: str
) -> Iterator[int]:
    """Loads every adapter as each way needs it, saying how many there are, and puts the ways into `ways`."""
    server, swapped = Server(_base(device)), Adapters(_base(device))
    merged: dict[str | None, GPT] = {None: _base(device)}
    for count, name in enumerate(names_of(config.adapters)):
        yield count
        tenant = name.split("/")[0]
        factors = _on(tenants[tenant], device)
        server.add(name, factors)
        swapped.load(name, TENANTS[tenant].folder)
        merged[name] = _merged(factors, device)
    result.reserved = server.reserved

    def batched(texts: Tensor, names: Names) -> Iterator[Answered]:
        yield list(range(len(names))), server(texts, names)[:, -1]

    def single(texts: Tensor, names: Names) -> Iterator[Answered]:
        for row, name in enumerate(names):
            yield [row], server(texts[row : row + 1], [name])[:, -1]

    def one_adapter_a_pass(texts: Tensor, names: Names) -> Iterator[Answered]:
        for name, rows in _by_adapter(names).items():
            swapped.use(name)
            yield rows, swapped.model(texts[rows])[:, -1]

    def one_copy_a_pass(texts: Tensor, names: Names) -> Iterator[Answered]:
        for name, rows in _by_adapter(names).items():
            yield rows, merged[name](texts[rows])[:, -1]

    ways.update(batched=batched, single=single, swapped=one_adapter_a_pass, merged=one_copy_a_pass)


def _by_adapter(names: Names) -> dict[str | None, list[int]]:
    """The requests of each adapter, in the order in which adapters are first asked for."""
    found: dict[str | None, list[int]] = {}
    for row, name in enumerate(names):
        found.setdefault(name, []).append(row)
    return found


def _base(device: str) -> GPT:
    model = load_base(BASE)
    assert isinstance(model, GPT)
    return model.requires_grad_(False).to(device)


def _on(factors: Factors, device: str) -> Factors:
    return {name: (A.to(device), B.to(device)) for name, (A, B) in factors.items()}


def _merged(factors: Factors, device: str) -> GPT:
    """A whole copy of the base with W + γBA in place of W."""
    model = _base(device)
    for name, (A, B) in factors.items():
        model.get_parameter(f"{name}.weight").data += B @ A
    return model


def main() -> None:
    """Records each number of adapters and length of request that the page offers, and some texts."""
    torch.set_num_threads(1)
    began = time.process_time()
    settings = [ServeConfig(adapters=n, characters=length) for length in CHARACTERS for n in ADAPTERS]
    measured = {config: Result() for config in settings}
    for turn in range(TURNS):  # all settings in each, so that a slow moment slows not one of them alone
        for config, result in measured.items():
            *_, (_, found) = serve(replace(config, seed=turn))
            for name in ("rate", "median", "p95"):
                for way in WAYS:
                    getattr(result, name)[way] += getattr(found, name)[way]
            result.reserved, result.apart = found.reserved, max(found.apart or 0.0, result.apart or 0.0)
            print(turn, config.adapters, config.characters, found.rate["batched"], flush=True)
    texts = {}
    for prompt in PROMPTS:
        *_, (_, found) = serve(ServeConfig(rounds=0, length=LENGTH, prompt=prompt))
        texts[prompt] = found.texts
    told = [
        {"config": replace(config, rounds=TURNS * config.rounds).to_json(), "result": asdict(result)}
        for config, result in measured.items()
    ]
    print(serving_record.write(told, texts, time.process_time() - began))


if __name__ == "__main__":
    main()
