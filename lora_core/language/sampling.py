"""Answers, token by token: many prompts in one batch, each with an adapter of its own or with none.

server = Server(model)
server.add("mine", factors)
for new in sample(model, [prompt, prompt], stop=chat.stop, server=server, adapters=[None, "mine"]):
    print(new)  # a token for the base and one for the adapter, at the same time
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from lora_core.language.model import Cache, LanguageModel
from lora_core.serving import Server


def sample(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    *,
    stop: Sequence[int],
    longest: int = 128,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    server: Server | None = None,
    adapters: Sequence[str | None] = (),
    strengths: Sequence[float] | None = None,
) -> Iterator[tuple[int | None, ...]]:
    """Yields once a token: for each prompt the token that is new, or None after its end.

    It ends when all answers have; whoever stops asking stops it. The weights may change between two calls,
    not while it runs.

    Args:
        model: in evaluation mode, with an adapter of its own or not.
        prompts: ids of each, from `encode_prompt`; of any lengths.
        stop: ids that end an answer. They are not yielded.
        longest: tokens an answer has at most; less where the model's context ends first.
        temperature: logits are divided by it before one token is drawn; 0 takes the likeliest.
        generator: source of the draws, on the model's device; None is torch's global one.
        server: of this very model, where adapters are wanted.
        adapters: the name of one for each prompt, or None for the base.
        strengths: a factor for each prompt on its adapter's γ; read before every token, so that a list can
            be changed while the answers grow.

    Raises:
        ValueError: no prompt, an empty one or one that fills the context; a temperature below 0; names or
            strengths that are not as many as prompts; or an adapter that is not in memory.
    """
    longest = min(longest, _room(model, prompts))
    if temperature < 0:
        raise ValueError(f"temperature is {temperature}, expected at least 0")
    if (server is not None and len(adapters) != len(prompts)) or (server is None and adapters):
        raise ValueError(
            f"{len(adapters)} adapters for {len(prompts)} prompts of a server; one each, or none"
        )
    if strengths is not None and (server is None or len(strengths) != len(prompts)):
        raise ValueError(f"{len(strengths)} strengths for {len(prompts)} prompts of a server")
    return _answers(
        model,
        prompts,
        frozenset(stop),
        longest,
        lambda logits: _chosen(logits, temperature, generator),
        lambda rows: _routed(server, adapters, strengths, rows),
        server.order(adapters) if server else list(range(len(prompts))),
    )


@torch.inference_mode()
def _answers(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    stop: frozenset[int],
    longest: int,
    choose: Callable[[Tensor], Tensor],
    routed: Callable[[list[int]], AbstractContextManager[None]],
    rows: list[int],
) -> Iterator[tuple[int | None, ...]]:
    """`rows`: places of the prompts, in the order in which they are computed; those that go on stay in it."""
    weight = model.lm_head.weight
    head = weight.to(torch.promote_types(weight.dtype, torch.float32))  # rounded logits would tie
    ids, real = _left_padded([prompts[row] for row in rows], weight.device)  # (B, T) each
    cache = Cache(model.config, len(prompts), ids.shape[1] + longest, like=model.model.norm.weight)
    for _ in range(longest):
        with routed(rows):
            x = model.model(ids, real, cache)[:, -1]  # (b, T, C) -> (b, C)
        tokens = choose(F.linear(x.to(head.dtype), head))  # (b,)
        new: list[int | None] = [None] * len(prompts)
        kept = []
        for place, token in enumerate(tokens.tolist()):
            if token not in stop:
                new[rows[place]] = token
                kept.append(place)
        if not kept:
            return
        yield tuple(new)
        if len(kept) < len(rows):
            rows = [rows[place] for place in kept]
            places = torch.tensor(kept, device=weight.device)
            cache.select(places)
            tokens, real = tokens[places], real[places]
        ids, real = tokens[:, None], F.pad(real, (0, 1), value=True)


def written(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    """The text so far, without a last character of which only the first bytes have come."""
    text: str = tokenizer.decode(list(ids))
    return text.rstrip("\ufffd")


def _room(model: LanguageModel, prompts: Sequence[Sequence[int]]) -> int:
    """Tokens that fit behind the longest prompt."""
    if not prompts or not all(prompts):
        raise ValueError(f"{len(prompts)} prompts, expected at least one, and none empty")
    length, context = max(map(len, prompts)), model.config.context
    if length >= context:
        raise ValueError(f"a prompt has {length} tokens, expected less than the model's context of {context}")
    return context - length


def _left_padded(prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """The prompts' ids, their ends under each other, and which of them are real."""
    length = max(map(len, prompts))
    ids = torch.zeros(len(prompts), length, dtype=torch.long)
    real = torch.zeros(len(prompts), length, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        ids[row, length - len(prompt) :] = torch.tensor(prompt)
        real[row, length - len(prompt) :] = True
    return ids.to(device), real.to(device)


def _routed(
    server: Server | None, adapters: Sequence[str | None], strengths: Sequence[float] | None, rows: list[int]
) -> AbstractContextManager[None]:
    if server is None:
        return nullcontext()
    wanted = None if strengths is None else [strengths[row] for row in rows]
    return server.routed([adapters[row] for row in rows], wanted)


def _chosen(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """A token for each row of (b, vocabulary)."""
    if temperature == 0:
        return logits.argmax(-1)
    p = torch.softmax(logits / temperature, -1)
    return torch.multinomial(p, 1, generator=generator)[:, 0]
