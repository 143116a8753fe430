"""What a sweep says when it has ended: its snapshot, and the best learning rates."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest

from lab.sweep import Curve, SweepSnapshot, best_lrs
from tests.lab.sweep.common import FASHION, grid, last


def test_json_brings_a_snapshot_back() -> None:
    end = last([FASHION, replace(FASHION, adapter=None, targets="blocks")], points=(0,))
    assert SweepSnapshot.from_json(json.loads(json.dumps(end.to_json(), allow_nan=False))) == end


def test_what_a_sweep_says_needs_no_torch() -> None:
    code = "import sys, lab.sweep as s; s.best_lrs([]); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# The best learning rate


def parabolas(
    optima: dict[int, float], rates: tuple[float, ...], seeds: tuple[int, ...] = (0,), shift: float = 0.0
) -> list[Curve]:
    """Loss = 2 + (ln lr − ln optimum − shift · seed)² for each rank."""
    return [
        Curve(
            config,
            "done",
            [9],
            [None],
            [2 + (math.log(config.lr / optima[config.adapter.rank]) - shift * config.seed) ** 2],
        )
        for config in grid(FASHION, tuple(optima), rates, seeds)
        if config.adapter
    ]


RATES = (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)


def test_the_vertex_of_a_parabola_is_found() -> None:
    one, four = best_lrs(parabolas({1: 3e-3, 4: 5e-3}, RATES))
    for found, rank, optimum in ((one, 1, 3e-3), (four, 4, 5e-3)):
        assert found.condition.adapter is not None
        assert found.condition.adapter.rank == rank
        assert found.lr == pytest.approx(optimum)
        assert found.low is not None
        assert found.high is not None
        assert found.low < optimum < found.high
        assert (found.edge, found.spread) == (None, None)


def test_the_band_holds_what_each_seed_would_have_said() -> None:
    (found,) = best_lrs(parabolas({4: 4e-3}, RATES, seeds=(0, 1, 2), shift=0.1))
    assert found.lr == pytest.approx(4e-3 * math.exp(0.1))
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 4e-3 * (1 + 1e-9)
    assert found.high >= 4e-3 * math.exp(0.2) * (1 - 1e-9)
    assert found.spread is not None
    assert found.spread > 0


def test_a_flat_curve_has_a_wide_band() -> None:
    """Same noise over seeds, a flatter curve: a wider band."""

    def width(curvature: float) -> float:
        curves = [
            Curve(
                config,
                "done",
                [9],
                [None],
                [curvature * math.log(config.lr / 4e-3) ** 2 + 0.01 * config.seed],
            )
            for config in grid(FASHION, (4,), RATES, (0, 1))
        ]
        (found,) = best_lrs(curves)
        assert found.low is not None
        assert found.high is not None
        return found.high / found.low

    assert width(0.1) > 1.3 * width(1.0)


def test_an_optimum_at_the_edge_says_so() -> None:
    (low,) = best_lrs(parabolas({4: 1e-4}, RATES))
    (high,) = best_lrs(parabolas({4: 1.0}, RATES))
    assert (low.edge, high.edge) == ("lowest", "highest")
    assert low.lr == pytest.approx(RATES[0])
    assert high.lr == pytest.approx(RATES[-1])


def test_diverged_rates_do_not_count() -> None:
    curves = parabolas({4: 4e-3}, RATES, seeds=(0, 1))
    wild = [replace(c, state="diverged") if c.config.lr >= 8e-3 and c.config.seed == 1 else c for c in curves]
    (found,) = best_lrs(wild)
    assert found.lr == pytest.approx(4e-3)
    (none,) = best_lrs([replace(curve, state="diverged") for curve in curves])
    assert (none.lr, none.low, none.high, none.loss) == (None, None, None, None)


def test_with_two_rates_the_better_is_the_answer() -> None:
    (two,) = best_lrs(parabolas({4: 2e-3}, RATES[:2]))
    assert (two.lr, two.low, two.high) == pytest.approx((2e-3, 1e-3, 2e-3))


def test_the_three_best_points_may_be_no_valley() -> None:
    """Where no parabola opens upwards, or it points beyond the neighbours, the grid has the last word."""
    losses = dict(zip(RATES, (1.2, 9.0, 1.0, 1.15, 9.0), strict=True))
    curves = [replace(c, validation=[losses[c.config.lr]]) for c in parabolas({4: 1.0}, RATES)]
    (found,) = best_lrs(curves)
    assert found.lr is not None
    assert RATES[1] <= found.lr <= RATES[3]
    losses = dict(zip(RATES, (1.0, 9.0, 1.5, 1.55, 9.0), strict=True))
    (found,) = best_lrs([replace(c, validation=[losses[c.config.lr]]) for c in curves])
    assert found.lr == pytest.approx(RATES[0])
