"""Learning rate against loss, and the rate at which it is lowest. No torch until something runs.

Every run is measured on the test split. The best rate of each seed is the vertex of a parabola in ln lr
(`best_lrs`). It is what is reported, nothing is chosen by it, so there are no selection seeds here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.claims.base import Curve, Request, Result, Update
from lab.claims.tuned_runs import Condition, ended, trained
from lab.sweep.result import Curve as Run
from lab.sweep.result import best_lrs


def u_curves(request: Request, conditions: Mapping[str, Condition]) -> Iterator[Update]:
    """Every condition over all of its rates.

    Yields:
        Results whose `curves` are loss by learning rate, at the last point measured. Of ended conditions,
        `per_seed` is each seed's best rate, `chosen` that of the mean curve, and `extra["optima"]` its band
        (low, high), its loss, and its edge where the best rate is the grid's lowest or highest.
    """
    for done, found in trained(request, conditions, request.seeds, split="test"):
        result = Result(extra={"optima": {}})
        for name, condition in conditions.items():
            runs = [[found[name, rate, seed] for rate in condition.rates] for seed in request.seeds]
            losses = [[each.validation[-1] if _sound(each) else None for each in mine] for mine in runs]
            result.curves[name] = Curve(list(condition.rates), losses)
            if all(ended(each) for mine in runs for each in mine):
                _tell(result, name, runs)
        yield Update(done, result)


def _tell(result: Result, name: str, runs: list[list[Run]]) -> None:
    result.per_seed[name] = [best_lrs(mine)[0].lr for mine in runs]
    (best,) = best_lrs(each for mine in runs for each in mine)
    if best.lr is not None:
        result.chosen[name] = best.lr
    result.extra["optima"][name] = {
        "low": best.low,
        "high": best.high,
        "loss": best.loss,
        "edge": best.edge,
    }


def _sound(run: Run) -> bool:
    return bool(run.validation) and run.state != "diverged"
