"""A language model learns by reward: it answers, each answer earns 0 or 1, and what earned becomes likelier.

    L = −1/N Σₙ Aₙ Σₜ log p(xₜ),   Aₙ = Rₙ − mean of R over the answers to the same question

REINFORCE (Williams 1992) with the group's mean as its baseline, as in "LoRA Without Regret"; one update for
each batch of answers, so the policy that wrote them is the one that learns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab.bases.lessons.lesson import Question
from lab.bases.lessons.reward import reward
from lab.runs.language_answers import Speaker
from lora_core.language.batches import IGNORED, Batch, padded
from lora_core.language.examples import Encoded
from lora_core.language.memory import forget_peak, peak_memory
from lora_core.language.model import LanguageModel
from lora_core.language.sampling import written
from lora_core.training import train

GROUP = 8
"""Answers to the same question."""


class Earned(NamedTuple):
    """What is known after a step: see `lora_core.language.finetune.Record`; rate is the share that earned."""

    step: int
    rate: float
    tokens: int
    speed: float
    peak: int
    ended: str | None = None


class _Answers(NamedTuple):
    """Answers as a batch, and of each its advantage (B,)."""

    batch: Batch
    advantages: Tensor
    answers: int


def reinforce(
    speaker: Speaker,
    optimizer: torch.optim.Optimizer,
    questions: Sequence[Question],
    *,
    answers: int,
    steps: int,
    most: int,
    generator: torch.Generator,
) -> Iterator[Earned]:
    """Trains in place and yields after each step.

    Args:
        speaker: whose model trains.
        optimizer: of what trains in it.
        questions: each step draws some of them.
        answers: a step, GROUP to a question.
        steps: how many.
        most: tokens of an answer.
        generator: source of the questions' order and of the answers.
    """
    device = speaker.model.lm_head.weight.device
    rate, tokens, begin = 0.0, 0, time.perf_counter()

    def episodes() -> Iterator[_Answers]:
        nonlocal rate, tokens
        for _ in range(steps):
            speaker.model.eval()
            episode, rate = _episode(speaker, questions, answers, most, generator)
            tokens += episode.batch.tokens
            yield episode
            speaker.model.train()

    forget_peak(device)
    own = 0.0  # seconds of training, without what the caller does between two steps
    for step in train(speaker.model, optimizer, policy_loss, episodes(), norms=True):
        own += time.perf_counter() - begin
        ended = None if step.finite else "loss"
        yield Earned(step.number, rate, tokens, tokens / own, peak_memory(device), ended)
        begin = time.perf_counter()
    speaker.model.eval()


def _episode(
    speaker: Speaker, questions: Sequence[Question], answers: int, most: int, generator: torch.Generator
) -> tuple[_Answers, float]:
    """Answers of the model to some of the questions, with the share that earned.

    Answers without an advantage teach nothing and are left out, but for one.
    """
    group = min(GROUP, answers)
    order = torch.randperm(len(questions), generator=generator)[: max(1, answers // group)].tolist()
    asked = [questions[place] for place in order for _ in range(group)]
    prompts = [speaker.prompt(question.text) for question in asked]
    found = speaker.sample(prompts, most, generator)
    texts = [written(speaker.tokenizer, ids) for ids in found]
    # An answer that fills `most` tokens was cut: it earns nothing, whatever it says.
    earned = [
        reward(question, text) * (len(ids) < most)
        for question, text, ids in zip(asked, texts, found, strict=True)
    ]
    rewards = torch.tensor(earned)
    advantages = (rewards.view(-1, group) - rewards.view(-1, group).mean(1, keepdim=True)).flatten()
    counted = [place for place, value in enumerate(advantages.tolist()) if value] or [0]
    rows = [
        _encoded(prompts[n], found[n], speaker.chat.stop if len(found[n]) < most else ()) for n in counted
    ]
    device = speaker.model.lm_head.weight.device
    batch = padded(rows, speaker.chat.padding).to(device)
    return _Answers(batch, advantages[counted].to(device), len(asked)), float(rewards.mean())


def _encoded(prompt: Sequence[int], answer: Sequence[int], end: Sequence[int]) -> Encoded:
    """An answer behind its prompt; the token that ended it is trained with it."""
    said = (*answer, *end[:1])
    return Encoded((*prompt, *said), (False,) * len(prompt) + (True,) * len(said))


def policy_loss(model: nn.Module, episode: _Answers) -> Tensor:
    """−1/N Σ A Σ log p over the answers' tokens, N the answers with those left out; a scalar in float32."""
    assert isinstance(model, LanguageModel)
    counted = episode.batch.targets != IGNORED  # (B, T)
    x = model.model(episode.batch.ids)[counted].float()  # (n, C)
    logits = F.linear(x, model.lm_head.weight.detach().float())  # (n, vocabulary)
    losses = F.cross_entropy(logits, episode.batch.targets[counted], reduction="none")  # (n,)
    weights = episode.advantages[:, None].expand_as(counted)[counted]  # (n,)
    return (weights * losses).sum() / episode.answers
