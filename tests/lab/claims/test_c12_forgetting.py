"""C12: reading a frontier, and the rule."""

import pytest

from lab.bases.tasks import CONTEXT
from lab.claims import Result, load
from lab.claims.c12_forgetting import _before, forgotten_at
from tests.lab.claims.common import judged, seeds

# Rates go up: Python is learned until the rate is too high, Shakespeare is forgotten ever more.
FRONTIER: dict[str, list[float | None]] = {"new": [3.0, 2.6, 2.4, 2.5], "forgotten": [0.1, 0.3, 0.6, 1.0]}


@pytest.mark.parametrize(
    ("loss", "forgotten"),
    [(3.4, 0.0), (3.2, 0.05), (3.0, 0.1), (2.8, 0.2), (2.6, 0.3), (2.45, 0.525), (2.4, 0.6), (2.3, 0.6)],
)
def test_what_was_forgotten_where_as_much_was_learned(loss: float, forgotten: float) -> None:
    """The base is at 3.4; nothing is read behind the best rate."""
    assert forgotten_at(loss, 3.4, FRONTIER) == pytest.approx(forgotten)


def test_a_frontier_that_broke_says_nothing_beyond() -> None:
    broken: dict[str, list[float | None]] = {"new": [2.6, None], "forgotten": [0.3, None]}
    assert forgotten_at(2.6, 3.0, broken) == pytest.approx(0.3)
    assert forgotten_at(None, 3.0, broken) is None
    assert forgotten_at(2.7, 3.0, {"new": [None], "forgotten": [None]}) is None


def test_the_old_task_is_what_the_base_was_not_trained_on() -> None:
    inputs, targets = _before("shakespeare")
    assert inputs.shape == targets.shape == (64, CONTEXT)


def forgetting(new: float, forgotten: float, equal: float) -> Result:
    """Of rank 16, beside full fine-tuning with a loss of 2 and 0.5 forgotten."""
    return Result(
        {
            "new/r16": seeds(new),
            "forgotten/r16": seeds(forgotten),
            "equal/r16": seeds(equal),
            "new/full": seeds(2.0, 0.011),
            "forgotten/full": seeds(0.5, 0.011),
            "new/r4": seeds(2.4),
        }
    )


def test_the_rule() -> None:
    assert judged("c12_forgetting", forgetting(2.1, 0.3, 0.4)) == ("reproduces", set())
    assert judged("c12_forgetting", forgetting(2.1, 0.3, 0.31)) == (
        "partly",
        {"forgets_less_at_equal_learning"},
    )
    assert judged("c12_forgetting", forgetting(2.1, 0.485, 0.6))[0] == "does_not"  # less, but by too little
    assert judged("c12_forgetting", forgetting(2.0, 0.3, 0.4)) == ("partly", {"learns_less"})
    outcome, failed = judged("c12_forgetting", forgetting(2.1, 0.6, 0.4))
    assert outcome == "does_not"
    assert failed == {"forgets_less", "forgets_less_at_equal_learning"}
    assert load("c12_forgetting").verdict(forgetting(2.1, 0.3, 0.4)).numbers["rank"] == 16
