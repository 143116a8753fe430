"""C7: exact for other p and q than the recipe's, and the rule. Its quick run is in test_live."""

import pytest

from lab.claims import Result, load
from tests.lab.claims.common import judged


@pytest.mark.parametrize(("p", "q"), [(0.1, 10.0), (10.0, 0.5)])
def test_it_is_exact_whatever_p_and_q(p: float, q: float) -> None:
    experiment = load("c07_invariance")
    *_, last = experiment.run({**experiment.quick, "steps": 20}, seeds=(), settings={"p": p, "q": q})
    result = last.result
    assert experiment.verdict(result).outcome == "reproduces"
    assert 0 < result.mean("exact") <= 1e-11 < result.mean("common_eps")
    steps = len(result.curves["plain"].x)
    assert steps == 20
    assert result.per_seed["exact"] == [max(result.curves["difference/exact"].y[0])]


def exactness(exact: float, control: float) -> Result:
    return Result({"exact": [exact], "common_eps": [1e-6], "twice_lr_b": [control]})


def test_the_rule() -> None:
    assert judged("c07_invariance", exactness(1e-13, 0.5)) == ("reproduces", set())
    assert judged("c07_invariance", exactness(1e-13, 1e-9)) == ("partly", {"control_differs"})
    assert judged("c07_invariance", exactness(1e-6, 0.5)) == ("does_not", {"exact"})
