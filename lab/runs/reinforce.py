"""Policy gradient with a one-bit reward: the character GPT is told, of each text it writes, yes or no.

    L = −1/N Σₙ Aₙ Σₜ pθ(xₜ)/q(xₜ),   Aₙ = Rₙ − mean of R over the texts from the same prompt

REINFORCE (Williams 1992) in the form of "LoRA Without Regret": rewards less their group's mean, and ratios to
the policy q that wrote the texts. With one update for each batch of texts the ratios are 1, and the gradient
is −1/N Σ Aₙ Σ ∇ log pθ(xₜ). An episode tells at most one bit of what is wanted, whatever its length.

`reinforce` trains one configuration, `reinforce_many` several in turn, step by step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from lab.bases.models import INDEX, decode, encode, load_base
from lab.bases.tasks import read_text
from lab.runs.device import pick_device
from lab.runs.fine_tune import ADAPTER_STREAM
from lab.runs.reinforce_config import REWARDS, Progress, ReinforceConfig
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
    """−1/N Σ A Σ p/q for logits (…, N, length, V), actions and log q (…, N, length), advantages (…, N)."""
    log_p = logits.log_softmax(-1).gather(-1, actions[..., None])[..., 0]
    ratio = (log_p - log_q).exp()
    loss: Tensor = -(advantages[..., None] * ratio).sum(-1).mean(-1)
    return loss


def advantages_of(rewards: Tensor, samples: int) -> Tensor:
    """Rewards (…, N) less the mean of their group, which is `samples` in a row."""
    groups = rewards.view(*rewards.shape[:-1], -1, samples)
    return (groups - groups.mean(-1, keepdim=True)).flatten(-2)


def reinforce(config: ReinforceConfig, **options: Any) -> Iterator[Progress]:
    """Trains one configuration. Options are those of `reinforce_many`."""
    for progress in reinforce_many([config], **options):
        yield progress[0]


def reinforce_many(
    configs: Sequence[ReinforceConfig],
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    every: float = 0.25,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[list[Progress]]:
    """Trains all configurations side by side and yields the progress of each, in the order given.

    Args:
        device, dtype: where and in which numbers.
        every: seconds between two progresses at least; the last comes in any case.
        stop: asked between any two steps.

    Raises:
        ValueError: at the first progress: there is no configuration, they have not the same number of steps,
            or what `attach` refuses.
    """
    if len({config.steps for config in configs}) != 1:
        raise ValueError("configurations must be at least one, and all of the same number of steps")
    place = torch.device(pick_device(device))
    policies = [_Policy(config, place, dtype) for config in configs]
    progress = [Progress(config) for config in configs]
    started = told = time.perf_counter()
    for _ in range(configs[0].steps):
        for k, policy in enumerate(policies):
            if stop():
                yield [
                    replace(each, state="stopped") if each.state == "running" else each for each in progress
                ]
                return
            if progress[k].state == "running":
                progress[k] = policy.step(replace(progress[k], seconds=time.perf_counter() - started))
        if time.perf_counter() - told >= every:
            told = time.perf_counter()
            yield list(progress)
    yield [replace(each, state="done") if each.state == "running" else each for each in progress]


class _Policy:
    """One configuration: a model that writes, is rewarded, and learns."""

    def __init__(self, config: ReinforceConfig, device: torch.device, dtype: torch.dtype) -> None:
        self.config, self.model = config, load_base("gpt-en")
        self._draws = _Draws(config, device, dtype)
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

    def step(self, before: Progress) -> Progress:
        """Texts from the policy as it is, their rewards, and the updates that follow."""
        config = self.config
        texts, log_q = self._write()
        rewards = _WANTED[config.reward](texts[:, config.context :]).to(log_q)  # (N,)
        self._episodes = texts, log_q, advantages_of(rewards, config.samples)
        for _ in range(config.updates):
            if not next(self._training).finite:
                return replace(before, state="diverged")
        text = decode(texts[0]).lstrip("\n")
        shares = (*before.rewards, rewards.mean().item())
        return replace(before, step=before.step + 1, rewards=shares, text=text)

    @torch.no_grad()
    def _write(self) -> tuple[Tensor, Tensor]:
        """Texts (N, T), each behind its prompt, and the log q of every character written (N, length)."""
        config = self.config
        prompts, uniform = self._draws.next()
        texts = torch.cat([prompts, prompts.new_zeros(len(prompts), config.length)], dim=1)
        log_q = torch.empty_like(uniform)
        for index in range(config.length):
            end = config.context + index
            log_p = self.model(texts[:, :end])[:, -1].log_softmax(-1)  # (N, V)
            passed = log_p.exp().cumsum(-1) < uniform[:, index, None]
            texts[:, end] = passed.sum(-1).clamp(max=log_p.shape[-1] - 1)
            log_q[:, index] = log_p.gather(-1, texts[:, end, None])[:, 0]
        return texts, log_q

    def _loss(self, model: nn.Module, episodes: Episodes) -> Tensor:
        texts, log_q, advantages = episodes
        logits = model(texts[:, :-1])[:, self.config.context - 1 :]
        return policy_loss(logits, texts[:, self.config.context :], log_q, advantages)


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
