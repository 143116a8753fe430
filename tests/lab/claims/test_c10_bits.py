"""C10: bits and parameters by hand, and the rule."""

import math

import pytest

from lab.claims import Result, load
from lab.claims.c10_bits import parameters, stored
from lab.claims.memorise import Learned
from tests.lab.claims.common import judged, seeds


def test_bits_stored() -> None:
    assert stored(Learned(math.log(10), 0.1), 100) == pytest.approx(0)
    assert stored(Learned(0.0, 1.0), 100) == pytest.approx(100 * math.log2(10))
    assert stored(Learned(math.log(10) - math.log(2), 0.2), 100) == pytest.approx(100)
    assert stored(Learned(None, 0.1), 100) is None


def test_parameters_of_both_blocks_and_of_the_first() -> None:
    assert parameters("both/r2") == 2 * (196 + 128 + 128 + 128)
    assert parameters("first/r4") == 4 * (196 + 128)


def holding(bits: float, *, power: float = 1.0, last: float = 1.0) -> Result:
    """bits a parameter of the smallest; capacity as a power of the parameters. last: over the one before."""
    found: dict[str, list[float | None]] = {}
    smallest = parameters("first/r1")
    for adapter in (f"{where}/r{rank}" for where in ("both", "first") for rank in (1, 2, 4)):
        capacity = bits * smallest * (parameters(adapter) / smallest) ** power
        found[f"{adapter}/n512"] = seeds(capacity)
        found[f"{adapter}/n256"] = seeds(capacity / last)
    return Result(found)


def test_the_rule() -> None:
    assert judged("c10_bits", holding(2)) == ("reproduces", set())
    assert judged("c10_bits", holding(0.8)) == ("partly", {"two_bits"})
    assert judged("c10_bits", holding(2, last=1.5)) == ("partly", {"full"})
    assert judged("c10_bits", holding(3, power=0.6)) == ("does_not", {"proportional"})
    assert load("c10_bits").verdict(holding(3, power=0.6)).numbers["slope"] == pytest.approx(0.6, abs=1e-3)
    assert judged("c10_bits", holding(-1))[0] == "does_not"
