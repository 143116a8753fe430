"""C9: counts against the article's formula by hand, and the rule."""

import math

import pytest

from lab.claims import Result, load
from lab.claims.c09_compute import counted, layer, turning
from tests.lab.claims.common import judged


@pytest.mark.parametrize(("n", "rank"), [(24, 1), (64, 8)])
def test_a_layer_inside_costs_what_the_article_says(n: int, rank: int) -> None:
    """A multiply-add is two FLOPs."""
    assert layer(n, 3, None, 5) == 2 * 5 * 3 * n**2
    assert layer(n, 3, rank, 5) == 2 * 5 * (2 * n**2 + 6 * n * rank)
    assert turning(n, 3, 5) == pytest.approx(n / 6)


def test_the_first_layer_needs_no_gradient_of_its_input() -> None:
    assert counted(24, 1, None, 5) == 2 * 5 * 2 * 24**2
    assert counted(24, 1, 2, 5) == 2 * 5 * (24**2 + 5 * 24 * 2)


def test_every_count_is_its_formula() -> None:
    experiment = load("c09_compute")
    *_, last = experiment.run({**experiment.quick, "widths": [24, 64], "ranks": [1, 3]}, seeds=())
    assert last.done == 1
    for name, (value,) in last.result.per_seed.items():
        assert value == pytest.approx(last.result.extra["formula"][name], rel=1e-12), name
    shares = last.result.per_seed
    assert shares["network/n64/r1"][0] < shares["layer/n64/r1"][0] == pytest.approx(2 / 3 + 2 / 64)
    assert last.result.curves["layer/n64"].y == [[shares["layer/n64/r1"][0], shares["layer/n64/r3"][0]]]


def test_few_ranks_of_a_deep_network_cost_two_thirds_less_what_the_first_layer_saves() -> None:
    """(2 L − 1) / (3 L − 1), but for r/n."""
    for depth in (2, 8):
        ratio = counted(1024, depth, 1, 1) / counted(1024, depth, None, 1)
        assert ratio == pytest.approx((2 * depth - 1) / (3 * depth - 1), abs=3e-3)


def costs(low: float, turn: float, formula: float = 0.68) -> Result:
    found = {"layer/n64/r1": low, "layer/n64/r16": 1.1, "break_even/n64": turn}
    return Result(
        {name: [value] for name, value in found.items()},
        extra={"formula": {"layer/n64/r1": formula, "layer/n64/r16": 1.1, "break_even/n64": turn}},
    )


def test_the_rule() -> None:
    assert judged("c09_compute", costs(0.68, 64 / 6)) == ("reproduces", set())
    assert judged("c09_compute", costs(0.68, 12.0)) == ("partly", {"break_even_sixth"})
    assert judged("c09_compute", costs(0.68, 64 / 6, formula=0.69)) == ("partly", {"counts_match"})
    assert judged("c09_compute", costs(0.72, 64 / 6, formula=0.72)) == ("does_not", {"two_thirds"})
    assert math.isnan(load("c09_compute").verdict(Result()).numbers["low_rank"])
