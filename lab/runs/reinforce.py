"""Policy gradient with a one-bit reward: the character GPT is told, of each text it writes, yes or no.

    L = −1/N Σₙ Aₙ Σₜ pθ(xₜ)/q(xₜ),   Aₙ = Rₙ − mean of R over the texts from the same prompt

REINFORCE (Williams 1992) in the form of "LoRA Without Regret": rewards less their group's mean, and ratios to
the policy q that wrote the texts. With one update for each batch of texts the ratios are 1, and the gradient
is −1/N Σ Aₙ Σ ∇ log pθ(xₜ). An episode tells at most one bit of what is wanted, whatever its length.

`reinforce` is the plain path, by autograd; `reinforce_many` makes many configurations at once in `sweep`'s
batches, each with the numbers it would have on its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lab.bases.models import GPT, INDEX, decode, encode, load_base
from lab.bases.recipes import layers
from lab.bases.tasks import read_text
from lab.runs.fine_tune import ADAPTER_STREAM, pick_device
from lab.runs.reinforce_config import REWARDS, Progress, ReinforceConfig
from lab.sweep.batch import Batch, Member
from lab.sweep.decoder import Decoder
from lab.sweep.layers import Workspace
from lab.sweep.plan import Kind, at_once, batches
from lora_core.adapter import attach, linear_layers, optimizer_for
from lora_core.config import select
from lora_core.training import train

__all__ = ["REWARDS", "Progress", "ReinforceConfig", "reinforce", "reinforce_many"]

Episodes = tuple[Tensor, Tensor, Tensor]  # texts (N, T), log q (N, length), advantages (N,)
# Texts (…, length) -> whether each is as wanted (…).
_WANTED: Mapping[str, Callable[[Tensor], Tensor]] = {
    "no_e": lambda texts: (texts != INDEX["e"]).all(-1),
    "exclaims": lambda texts: (texts == INDEX["!"]).any(-1),
}


def policy_loss(logits: Tensor, actions: Tensor, log_q: Tensor, advantages: Tensor) -> Tensor:
    """−1/N Σ A Σ p/q, a scalar, for logits (N, length, V), actions and log q (N, length), advantages (N,)."""
    log_p = logits.log_softmax(-1).gather(-1, actions[..., None])[..., 0]
    ratio = (log_p - log_q).exp()
    loss: Tensor = -(advantages[:, None] * ratio).sum(1).mean()
    return loss


def policy_gradient(logits: Tensor, actions: Tensor, log_q: Tensor, advantages: Tensor) -> Tensor:
    """dL/dlogits of `policy_loss`: A p/q (softmax − one-hot) / N, for any leading dimensions."""
    log_p = logits.log_softmax(-1)
    chosen = actions[..., None]
    ratio = (log_p.gather(-1, chosen) - log_q[..., None]).exp()  # (…, N, length, 1)
    gradient = log_p.exp_().scatter_add_(-1, chosen, -torch.ones_like(ratio))
    return gradient.mul_(advantages[..., None, None] * ratio / logits.shape[-3])


def advantages_of(rewards: Tensor, samples: int) -> Tensor:
    """Rewards (…, N) less the mean of their group, which is `samples` in a row."""
    groups = rewards.view(*rewards.shape[:-1], -1, samples)
    return (groups - groups.mean(-1, keepdim=True)).flatten(-2)


def reinforce(config: ReinforceConfig, **options: Any) -> Iterator[Progress]:
    """Trains one configuration, of any method, on the plain path. Options are those of `reinforce_many`."""
    for progress in _run([config], lambda device, dtype: [_Plain(config, device, dtype)], **options):
        yield progress[0]


def reinforce_many(configs: Sequence[ReinforceConfig], **options: Any) -> Iterator[list[Progress]]:
    """Trains all configurations in batches and yields the progress of each, in the order given.

    Args:
        device, dtype: where and in which numbers; "cpu" and float32 unless given.
        every: seconds between two progresses at least; the last comes in any case.
        stop: asked between any two steps.

    Raises:
        ValueError: at the first progress: configurations differ in more than adapter, rate and seed, a method
            is not for batches, or what `attach` refuses.
    """
    if not configs:
        raise ValueError("there is no configuration to train")
    for config in configs:
        alike = replace(
            configs[0], adapter=config.adapter, targets=config.targets, lr=config.lr, seed=config.seed
        )
        if config != alike or config.targets != configs[0].targets:
            raise ValueError("configurations may differ in adapter, lr and seed, and in nothing else")

    def build(device: torch.device, dtype: torch.dtype) -> list[_Policy]:
        rows = configs[0].prompts * configs[0].samples * (configs[0].context + configs[0].length - 1)
        kinds = [Kind.of(each.adapter, each.seed) for each in configs]
        groups = batches(kinds, at_once(layers("gpt-en"), rows, dtype.itemsize, device.type))
        base, workspace = load_base("gpt-en"), Workspace(dtype, device)
        assert isinstance(base, GPT)
        return [_Batched(base, configs, places, workspace) for places in groups]

    yield from _run(configs, build, **options)


class _Policy(Protocol):
    """Configurations that write and learn together; K of them, N texts each, of up to T characters."""

    @property
    def places(self) -> Sequence[int]: ...

    def logits(self, texts: Tensor, end: int) -> Tensor:
        """Of the character at `end`, (K, N, V), for texts (K, N, T); asked for one `end` after the other."""
        ...

    def update(self, texts: Tensor, log_q: Tensor, advantages: Tensor) -> Tensor:
        """Makes one update and says whose logits were finite, (K,)."""
        ...


class _Plain:
    """One configuration, by attach, optimizer_for and autograd."""

    places = (0,)

    def __init__(self, config: ReinforceConfig, device: torch.device, dtype: torch.dtype) -> None:
        self.config, self.model = config, load_base("gpt-en")
        if config.adapter is not None:
            generator = torch.Generator().manual_seed(config.seed + ADAPTER_STREAM)
            attach(self.model, config.adapter, generator=generator).to(device, dtype)
            steps = config.steps * config.updates
            optimizer = optimizer_for(self.model, config.adapter, lr=config.lr, steps=steps)
        else:
            self.model.to(device, dtype).requires_grad_(False)
            names = select(linear_layers(self.model), config.targets)
            weights = [self.model.get_parameter(f"{name}.weight").requires_grad_() for name in names]
            optimizer = torch.optim.AdamW(weights, lr=config.lr, weight_decay=0.0)
        self._episodes: Episodes | None = None  # what the next step learns from
        self._training = train(self.model, optimizer, self._loss, iter(lambda: self._episodes, None))

    @torch.no_grad()
    def logits(self, texts: Tensor, end: int) -> Tensor:
        logits: Tensor = self.model(texts[0, :, :end])[None, :, -1]
        return logits

    def update(self, texts: Tensor, log_q: Tensor, advantages: Tensor) -> Tensor:
        self._episodes = texts[0], log_q[0], advantages[0]
        step = next(self._training, None)
        return torch.tensor([step is not None and step.finite], device=texts.device)

    def _loss(self, model: nn.Module, episodes: Episodes) -> Tensor:
        texts, log_q, advantages = episodes
        logits = model(texts[:, :-1])[:, self.config.context - 1 :]
        return policy_loss(logits, texts[:, self.config.context :], log_q, advantages)


class _Batched:
    """K configurations at once; each has texts of its own."""

    def __init__(
        self, base: GPT, configs: Sequence[ReinforceConfig], places: Sequence[int], workspace: Workspace
    ) -> None:
        self.places, self.config = places, configs[places[0]]
        chosen = [configs[place] for place in places]
        members = [Member(each.adapter, each.lr, each.seed + ADAPTER_STREAM, each.targets) for each in chosen]
        self.rows = (self.config.prompts * self.config.samples, self.config.context + self.config.length - 1)
        self.base, self.batch = base, Batch(base, members, self.rows, workspace, shared=False)

    def logits(self, texts: Tensor, end: int) -> Tensor:
        if end == self.config.context:
            self._decoder = Decoder(self.base, self.batch, *self.rows)
        while self._decoder.read < end:
            logits = self._decoder.step(texts[:, :, self._decoder.read])
        return logits

    def update(self, texts: Tensor, log_q: Tensor, advantages: Tensor) -> Tensor:
        context = self.config.context
        logits = self.batch.forward(texts[:, :, :-1]).view(len(self.places), *self.rows, -1)
        finite = logits.flatten(1).isfinite().all(1)
        d_logits = torch.zeros_like(logits)
        d_logits[:, :, context - 1 :] = policy_gradient(
            logits[:, :, context - 1 :], texts[:, :, context:], log_q, advantages
        )
        self.batch.backward(d_logits.flatten(1, 2))
        self.batch.parameters.update()
        return finite


def _run(
    configs: Sequence[ReinforceConfig],
    build: Callable[[torch.device, torch.dtype], Sequence[_Policy]],
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    every: float = 0.25,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[list[Progress]]:
    place = torch.device(pick_device(device))
    policies = build(place, dtype)
    draws = [_Draws(config, place, dtype) for config in configs]
    progress = [Progress(config) for config in configs]
    started = told = time.perf_counter()
    for _ in range(configs[0].steps):
        for policy in policies:
            if stop():
                yield [
                    replace(each, state="stopped") if each.state == "running" else each for each in progress
                ]
                return
            for k, step in zip(policy.places, _step(policy, [draws[k] for k in policy.places]), strict=True):
                if progress[k].state == "running":
                    progress[k] = step.told(progress[k], time.perf_counter() - started)
        if time.perf_counter() - told >= every:
            told = time.perf_counter()
            yield list(progress)
    yield [replace(each, state="done") if each.state == "running" else each for each in progress]


@dataclass(frozen=True)
class _Step:
    """What a step of one configuration says: the share rewarded, a text, whether its numbers were finite."""

    reward: float
    text: Tensor
    finite: bool

    def told(self, before: Progress, seconds: float) -> Progress:
        if not self.finite:
            return replace(before, seconds=seconds, state="diverged")
        rewards = (*before.rewards, self.reward)
        return replace(
            before,
            step=before.step + 1,
            seconds=seconds,
            rewards=rewards,
            text=decode(self.text).lstrip("\n"),
        )


def _step(policy: _Policy, draws: Sequence[_Draws]) -> list[_Step]:
    """Texts from the policy as it is, their rewards, and the updates that follow."""
    config = draws[0].config
    prompts, uniform = (torch.stack(each) for each in zip(*(each.next() for each in draws), strict=True))
    texts = torch.cat([prompts, prompts.new_zeros(*prompts.shape[:2], config.length)], dim=2)  # (K, N, T)
    log_q = uniform.new_empty(uniform.shape)  # (K, N, length)
    for index in range(config.length):
        log_p = policy.logits(texts, config.context + index).log_softmax(-1)  # (K, N, V)
        passed = log_p.exp().cumsum(-1) < uniform[:, :, index, None]
        chosen = passed.sum(-1).clamp(max=log_p.shape[-1] - 1)
        texts[:, :, config.context + index] = chosen
        log_q[:, :, index] = log_p.gather(-1, chosen[..., None])[..., 0]
    rewards = _WANTED[config.reward](texts[:, :, config.context :]).to(log_q)  # (K, N)
    advantages = advantages_of(rewards, config.samples)
    finite = torch.ones(len(draws), dtype=torch.bool, device=log_q.device)
    for _ in range(config.updates):
        finite &= policy.update(texts, log_q, advantages)
    return [
        _Step(reward, text, ok)
        for reward, text, ok in zip(rewards.mean(1).tolist(), texts[:, 0], finite.tolist(), strict=True)
    ]


class _Draws:
    """Prompts and uniform numbers of a run: with the same seed the same, whoever writes."""

    def __init__(self, config: ReinforceConfig, device: torch.device, dtype: torch.dtype) -> None:
        self.config, self._device, self._dtype = config, device, dtype
        self._generator = torch.Generator().manual_seed(config.seed)

    def next(self) -> tuple[Tensor, Tensor]:
        """Prompts (N, context), each `samples` times, and a number in [0, 1) for each character to write."""
        text, config = _shakespeare(), self.config
        starts = torch.randint(len(text) - config.context, (config.prompts,), generator=self._generator)
        prompts = text[starts[:, None] + torch.arange(config.context)].repeat_interleave(config.samples, 0)
        uniform = torch.rand(len(prompts), config.length, generator=self._generator, dtype=torch.float64)
        return prompts.to(self._device), uniform.to(self._dtype).to(self._device)


@cache
def _shakespeare() -> Tensor:
    return encode(read_text("shakespeare"))
