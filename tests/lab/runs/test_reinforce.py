"""Policy gradient: the loss by hand, single and batched runs alike, and a reward that is learned."""

import math
from dataclasses import replace

import pytest
import torch

from lab.bases.models import INDEX, encode
from lab.runs.reinforce import (
    _WANTED,
    REWARDS,
    Progress,
    ReinforceConfig,
    advantages_of,
    policy_loss,
    reinforce,
    reinforce_many,
)
from lora_core import AdapterConfig

F64 = torch.float64
SHORT = ReinforceConfig(steps=3, prompts=2, samples=4, context=5, length=6)


def adapter(rank: int, **changes: object) -> AdapterConfig:
    return AdapterConfig(**{"rank": rank, "alpha": 32.0, "targets": "blocks", **changes})  # type: ignore[arg-type]


def last(configs: list[ReinforceConfig], **options: object) -> list[Progress]:
    *_, end = reinforce_many(configs, **options)
    return end


# The loss


def test_rewards_are_one_bit_about_the_whole_text() -> None:
    assert set(_WANTED) == set(REWARDS)
    texts = torch.stack([encode("sweet!"), encode("salty."), encode("bitter")])
    assert _WANTED["no_e"](texts).tolist() == [False, True, False]
    assert _WANTED["exclaims"](texts).tolist() == [True, False, False]


def test_advantages_are_rewards_less_their_groups_mean() -> None:
    rewards = torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0]])
    expected = torch.tensor([[0.5, -0.5, 0.0, 0.0], [0.0, 0.0, 0.5, -0.5]])
    assert torch.equal(advantages_of(rewards, 2), expected)
    assert torch.equal(advantages_of(rewards, 4).sum(1), torch.zeros(2))


def test_the_loss_of_many_is_each_ones(generator: torch.Generator) -> None:
    logits = torch.randn(2, 4, 3, 7, generator=generator, dtype=F64)
    actions = torch.randint(7, (2, 4, 3), generator=generator)
    log_q, advantages = (torch.randn(*shape, generator=generator, dtype=F64) for shape in ((2, 4, 3), (2, 4)))
    found = policy_loss(logits, actions, log_q, advantages)
    for k in range(2):
        assert found[k] == policy_loss(logits[k], actions[k], log_q[k], advantages[k])


def test_on_policy_the_gradient_is_reinforces(generator: torch.Generator) -> None:
    """−1/N Σ A Σ ∇ log p, by the loss that says so."""
    logits = torch.randn(4, 3, 7, generator=generator, dtype=F64, requires_grad=True)
    actions = torch.randint(7, (4, 3), generator=generator)
    advantages = torch.randn(4, generator=generator, dtype=F64)
    log_p = logits.log_softmax(-1).gather(-1, actions[..., None])[..., 0]
    (expected,) = torch.autograd.grad(-(advantages[:, None] * log_p).sum(1).mean(), logits)
    (found,) = torch.autograd.grad(policy_loss(logits, actions, log_p.detach(), advantages), logits)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)


# Runs


def test_runs_side_by_side_are_the_single_ones() -> None:
    configs = [
        replace(SHORT, adapter=adapter(1), lr=2e-3),
        replace(SHORT, adapter=adapter(4, method="adalora"), lr=1e-3, seed=1, samples=2),
        replace(SHORT, adapter=None, lr=5e-4, reward="exclaims"),
    ]
    for updates in (1, 2):
        for found in last([replace(each, updates=updates) for each in configs], dtype=F64):
            *_, expected = reinforce(found.config, dtype=F64)
            assert (found.rewards, found.text) == (expected.rewards, expected.text)
            assert found.state == expected.state == "done"
            assert len(found.rewards) == found.step == SHORT.steps


def test_it_learns_to_do_without_a_letter() -> None:
    """As the recipe has it, shorter: a third of the texts at first, nearly all after 14 steps."""
    config = ReinforceConfig(steps=14, adapter=adapter(1), lr=8e-3)
    for progress in last([config, replace(config, seed=1)]):
        assert sum(progress.rewards[:3]) / 3 < 0.7
        assert sum(progress.rewards[-4:]) / 4 > 0.9
        assert "e" not in progress.text[config.context :]


def test_the_same_seed_gives_the_same_run_and_another_another() -> None:
    one, two, other = last([SHORT, SHORT, replace(SHORT, seed=1)])
    assert (one.rewards, one.text) == (two.rewards, two.text)
    assert one.text != other.text
    assert all(character in INDEX for character in one.text)


def test_it_tells_as_it_goes_and_stops_between_steps() -> None:
    told = list(reinforce(SHORT, every=0.0))
    assert [each.state for each in told] == ["running"] * SHORT.steps + ["done"]
    assert [each.step for each in told] == [1, 2, 3, 3]
    asked = iter([False, True])
    *_, end = reinforce(SHORT, stop=lambda: next(asked))
    assert (end.state, end.step) == ("stopped", 1)


def test_a_run_that_diverges_says_so_and_the_others_go_on() -> None:
    wild, calm = last([replace(SHORT, lr=1e30), SHORT], every=math.inf)
    assert wild.state == "diverged"
    assert len(wild.rewards) < SHORT.steps
    (alone,) = last([SHORT])
    assert (calm.state, calm.rewards, calm.text) == ("done", alone.rewards, alone.text)
    *_, single = reinforce(replace(SHORT, lr=1e30))
    assert single.state == "diverged"


def test_refusals_name_the_field() -> None:
    for changes, message in (
        ({"reward": "x"}, "reward is 'x', expected one of: no_e, exclaims"),
        ({"samples": 1}, "samples is 1, expected a whole number from 2"),
        ({"lr": 0.0}, "lr is 0.0, expected a number above 0"),
        ({"context": 60}, "length is 12, expected at most 4 after a context of 60"),
    ):
        with pytest.raises(ValueError, match=message):
            ReinforceConfig(**changes)  # type: ignore[arg-type]
    for configs in ([SHORT, replace(SHORT, steps=4)], []):
        with pytest.raises(ValueError, match="at least one, and all of the same number of steps"):
            last(configs)
