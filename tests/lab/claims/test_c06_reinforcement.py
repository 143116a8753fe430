"""C6: the rule, bits by hand, and the policy gradient on pictures."""

import pytest
import torch

from lab.claims import Result
from lab.claims.c06_reinforcement import _entropy
from lab.claims.picture_rewards import base_accuracy, learn
from lora_core import AdapterConfig
from tests.lab.claims.common import judged, seeds

R1 = AdapterConfig(rank=1, alpha=32, targets="blocks")


def rewarded(texts: float, pictures: float, full: float = 0.95) -> Result:
    """The share rewarded at rank 1."""
    per_seed = {"rotated/full": seeds(0.9), "rotated/r1": seeds(pictures), "rotated/r32": seeds(0.89)}
    for reward in ("no_e", "exclaims"):
        per_seed |= {f"{reward}/full": seeds(full), f"{reward}/r1": seeds(texts)}
    return Result(per_seed, extra={"base": {"no_e": 0.3, "exclaims": 0.05, "rotated": 0.4}})


def test_the_rule() -> None:
    assert judged("c06_reinforcement", rewarded(0.94, 0.89)) == ("reproduces", set())
    assert judged("c06_reinforcement", rewarded(0.94, 0.8)) == ("partly", {"rotated_matches"})
    outcome, failed = judged("c06_reinforcement", rewarded(0.9, 0.89))
    assert outcome == "does_not"
    assert failed == {"no_e_matches", "exclaims_matches"}


def test_there_is_nothing_to_match_where_full_fine_tuning_has_not_learned() -> None:
    outcome, failed = judged("c06_reinforcement", rewarded(0.6, 0.89, full=0.6))
    assert (outcome, failed) == ("does_not", {"no_e_matches"})  # half of 0.3 … 1 is 0.65, of 0.05 … 1 is 0.53


def test_the_entropy_of_a_reward() -> None:
    assert [_entropy(share) for share in (0.0, 0.5, 1.0)] == [0, 1, 0]
    assert _entropy(0.25) == pytest.approx(0.811, abs=1e-3)


def learned(members: list[tuple[AdapterConfig | None, float, int]], steps: int) -> list[list[float]]:
    *_, (rewards, accuracies) = learn(members, steps=steps, size=64, split="validation", stop=lambda: False)
    assert len(accuracies) == len(members)
    return rewards


def test_pictures_are_learned_from_a_bit_each_and_alone_as_in_company() -> None:
    together = learned([(R1, 4e-3, 0), (R1, 4e-3, 1)], 40)
    assert together[1] == learned([(R1, 4e-3, 1)], 40)[0]
    assert sum(together[1][-10:]) / 10 > sum(together[1][:5]) / 5 + 0.05
    assert sum(together[0][:1]) == pytest.approx(base_accuracy("train"), abs=0.15)


def test_the_first_gradient_is_reinforces() -> None:
    """A step at a rate of nearly 0 leaves the policy: the rewards are those of the base."""
    assert learned([(None, 1e-12, 3)], 3) == learned([(R1, 1e-12, 3)], 3)


def test_it_stops_between_steps() -> None:
    assert list(learn([(R1, 1e-3, 0)], steps=20, size=8, split="test", stop=lambda: True)) == []
    torch.manual_seed(0)  # nothing is drawn from the global generator
    before = torch.get_rng_state()
    learned([(R1, 1e-3, 0)], 2)
    assert torch.equal(torch.get_rng_state(), before)
