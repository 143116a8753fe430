"""C9: a LoRA step costs a little over two thirds of a full one.

For a layer n x n behind another that trains, in multiply-adds a row ("LoRA Without Regret"):

    full 3 n²,   LoRA 2 n² + 6 n r,   equal at r = n/6

The first layer that trains needs no gradient of its input, which takes n² from both sides; so of a network of
L layers LoRA saves a larger share, (2L − 1)/(3L − 1) in the limit of small ranks. Nothing is trained: torch's
FLOP counter says what a step of a real network costs, on tensors without contents, and `cost` what it should.

Reported for each width n: "layer/…", one layer inside a network (a network less the same with a layer fewer),
LoRA over full; "network/…", the whole of it; "break_even/…", the rank at which a layer costs the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from lab.claims.base import (
    Curve,
    Experiment,
    Recipe,
    Request,
    Result,
    Setting,
    Update,
    Verdict,
    judge,
    mean,
)
from lora_core.planning.cost import break_even_rank, cost

LOW_RANK = 1 / 64  # of the width: what "a little over" two thirds is asked of
A_LITTLE = 0.70  # 2/3 + 2r/n at that rank is 0.698
TOLERANCE = 1e-5  # of a ratio: a record keeps six digits

RECIPE: Recipe = {"widths": (64, 256, 1024), "ranks": (1, 4, 16, 64), "depth": 4, "rows": 8}


def conditions(recipe: Recipe) -> list[str]:
    pairs = [(n, r) for n in recipe["widths"] for r in recipe["ranks"]]
    layers = [f"layer/n{n}/r{r}" for n, r in pairs]
    networks = [f"network/n{n}/r{r}" for n, r in pairs]
    return layers + networks + [f"break_even/n{n}" for n in recipe["widths"]]


def verdict(result: Result) -> Verdict:
    """Counts are what the formulas say; low ranks cost between 2/3 and 0.7; n/6 is where it turns."""
    counted = {name: values[0] for name, values in result.per_seed.items() if values[0] is not None}
    formula = result.extra.get("formula", {})
    low = [
        value
        for name, value in counted.items()
        if name.startswith("layer/") and _rank(name) <= _width(name) * LOW_RANK
    ]
    turns = {_width(name): value for name, value in counted.items() if name.startswith("break_even/")}
    checks = {
        "two_thirds": bool(low) and all(2 / 3 < value <= A_LITTLE for value in low),
        "counts_match": bool(counted)
        and all(abs(value - formula[name]) <= TOLERANCE * value for name, value in counted.items()),
        "break_even_sixth": all(abs(value - n / 6) <= TOLERANCE * n for n, value in turns.items()),
    }
    numbers = {"low_rank": mean(low)} | {f"break_even_n{n}": value for n, value in turns.items()}
    return judge(checks, numbers, central="two_thirds")


def measure(request: Request) -> Iterator[Update]:
    depth, rows = request.recipe["depth"], request.recipe["rows"]
    per_seed: dict[str, list[float | None]] = {}
    formula: dict[str, float] = {}
    article: dict[str, float] = {}
    for done, name in enumerate(request.conditions, start=1):
        n = _width(name)
        if name.startswith("break_even/"):
            per_seed[name], formula[name] = [turning(n, depth, rows)], break_even_rank((n, n))
        else:
            rank = _rank(name)
            of = layer if name.startswith("layer/") else counted
            per_seed[name] = [of(n, depth, rank, rows) / of(n, depth, None, rows)]
            formula[name] = _formula(name, n, depth, rank, rows)
            article[name] = 2 / 3 + 2 * rank / n  # every layer taken for an inner one
        extra = {"formula": dict(formula), "article": dict(article)}
        yield Update(done / len(request.conditions), Result(dict(per_seed), curves(per_seed), extra=extra))
        if request.stop():
            return


def curves(per_seed: dict[str, list[float | None]]) -> dict[str, Curve]:
    """Ratio against rank, for each width."""
    found: dict[str, Curve] = {}
    for name, values in per_seed.items():
        if not name.startswith("break_even/"):
            curve = found.setdefault(name.rpartition("/")[0], Curve([], [[]]))
            curve.x.append(float(_rank(name)))
            curve.y[0].append(values[0])
    return found


@cache
def counted(n: int, depth: int, rank: int | None, rows: int) -> int:
    """FLOPs of a forward and backward pass through `depth` layers n x n with ReLUs, by torch's counter."""
    import torch
    from torch import nn
    from torch.utils.flop_counter import FlopCounterMode

    from lora_core.adapter import attach
    from lora_core.config import AdapterConfig

    with torch.device("meta"):  # so that nothing is drawn
        parts = [each for _ in range(depth) for each in (nn.Linear(n, n, bias=False), nn.ReLU())]
    model = nn.Sequential(*parts).to_empty(device="cpu")
    for weight in model.parameters():
        nn.init.zeros_(weight)
    if rank is not None:
        attach(model, AdapterConfig(rank=rank), generator=torch.Generator())
    with FlopCounterMode(display=False) as counter:
        model(torch.ones(rows, n)).sum().backward()
    return int(counter.get_total_flops())


def layer(n: int, depth: int, rank: int | None, rows: int) -> int:
    """FLOPs of one layer of those behind the first."""
    return counted(n, depth, rank, rows) - counted(n, depth - 1, rank, rows)


def turning(n: int, depth: int, rows: int) -> float:
    """The rank at which a layer costs what full fine-tuning does; LoRA's count is a line in r."""
    one, two = layer(n, depth, 1, rows), layer(n, depth, 2, rows)
    return 1 + (layer(n, depth, None, rows) - one) / (two - one)


def _formula(name: str, n: int, depth: int, rank: int, rows: int) -> float:
    if name.startswith("layer/"):
        return (2 * n * n + 6 * n * rank) / (3 * n * n)
    shapes = {str(index): (n, n) for index in range(depth)}
    lora, full = (cost(shapes, list(shapes), rank=r, rows=rows).flops for r in (rank, None))
    return lora / full


def _width(name: str) -> int:
    return int(name.split("/")[1].removeprefix("n"))


def _rank(name: str) -> int:
    return int(name.split("/")[2].removeprefix("r"))


EXPERIMENT = Experiment(
    name="c09_compute",
    recipe=RECIPE,
    quick=RECIPE,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    seeds=(),
    quick_seeds=(),
    settings=(Setting("depth", RECIPE["depth"], (2, 4, 8, 32)),),
)
