"""C10: capacity is about 2 bits a parameter (Allen-Zhu & Li 2024, arXiv:2404.05405).

N pictures have random labels, log₂ 10 bits each, and the MLP learns them by heart with adapters of several
ranks on both of its blocks ("both") or on the first alone ("first"). What it then knows of the labels is

    stored = N (log₂ 10 − L / ln 2) bits,  L the mean loss in nats over the N pictures

With more and more pictures this stops growing: the capacity is the most it came to. Reported: stored bits
("both/r2/n1024"). The rate is chosen by the loss on pictures and labels of other seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from lab.bases.registry import BASES
from lab.claims.base import (
    Curve,
    Experiment,
    Recipe,
    Request,
    Result,
    Setting,
    Update,
    Value,
    Verdict,
    judge,
    mean,
)
from lab.claims.memorise import LABELS, Learned, Learner, memorise
from lab.claims.tuned_runs import best_rate
from lora_core.config import Targets, select
from lora_core.planning.cost import parameters_of

TWO_BITS = (1.0, 4.0)  # a parameter: within a factor of two of the published 2
PROPORTIONAL = (0.75, 1.25)  # slope of log capacity over log parameters
FULL = 1.3  # times: with so little gained from twice as many pictures or more, the adapter is full

TARGETS: Mapping[str, Targets] = {"both": "blocks", "first": ("blocks.0",)}
SELECTION_SEEDS = (100, 101)

RECIPE: Recipe = {
    "ranks": [1, 2, 4],
    "images": [256, 1024, 2048],
    "alpha": 32.0,
    "rates": [2e-3, 4e-3, 8e-3, 1.6e-2],
    "steps": 3000,
    "batch": 128,
}
QUICK: Recipe = {**RECIPE, "ranks": [1, 4], "images": [256, 1024], "rates": [2e-3], "steps": 1500}


def conditions(recipe: Recipe) -> list[str]:
    adapters = [f"{where}/r{rank}" for where in TARGETS for rank in recipe["ranks"]]
    return [f"{adapter}/n{images}" for images in recipe["images"] for adapter in adapters]


def verdict(result: Result) -> Verdict:
    """Central: capacity grows in proportion to the parameters that train, with a slope of 1 to a quarter.
    Then: it is 2 bits a parameter to a factor of two; and the smallest adapter is full."""
    stored: dict[str, dict[int, float]] = {}
    for name in result.per_seed:
        adapter, _, images = name.rpartition("/n")
        stored.setdefault(adapter, {})[int(images)] = result.mean(name)
    size = {adapter: parameters(adapter) for adapter in stored}
    capacity = {adapter: max(found.values()) for adapter, found in stored.items()}
    each = {adapter: capacity[adapter] / size[adapter] for adapter in stored}
    slope = _slope([math.log(n) for n in size.values()], [_log(bits) for bits in capacity.values()])
    smallest = stored[min(size, key=lambda adapter: size[adapter])]
    *_, fewer, most = sorted(smallest)
    return judge(
        {
            "proportional": PROPORTIONAL[0] <= slope <= PROPORTIONAL[1],
            "two_bits": all(TWO_BITS[0] <= bits <= TWO_BITS[1] for bits in each.values()),
            "full": smallest[most] <= FULL * smallest[fewer],
        },
        {"slope": slope, "bits_a_parameter": mean(list(each.values()))}
        | {f"bits_a_parameter_{adapter.replace('/', '_')}": bits for adapter, bits in each.items()},
        central="proportional",
    )


def parameters(adapter: str) -> int:
    """That train, of "both/r2" for instance."""
    where, rank = adapter.split("/r")
    shapes = BASES["mlp-mnist"].layers
    return sum(parameters_of(shapes[name], int(rank)) for name in select(shapes, TARGETS[where]))


def _slope(x: list[float], y: list[float]) -> float:
    """Of the line of least squares."""
    middle = mean(x)
    return sum((a - middle) * b for a, b in zip(x, y, strict=True)) / sum((a - middle) ** 2 for a in x)


def _log(bits: float) -> float:
    return math.log(bits) if bits > 0 else math.nan


def measure(request: Request) -> Iterator[Update]:
    recipe = request.recipe
    result = Result(extra={"parameters": {}})
    sizes = sorted({_images(name) for name in request.conditions})
    for done, images in enumerate(sizes):
        names = [name for name in request.conditions if _images(name) == images]
        chosen = {name: request.chosen[name] for name in names if name in request.chosen}
        tries = [
            _learner(recipe, name, rate, seed)
            for name in names
            if name not in chosen
            for rate in recipe["rates"]
            for seed in SELECTION_SEEDS
        ]
        found: dict[Learner, Learned] = {}
        share = len(tries) / (len(tries) + len(names) * len(request.seeds))
        for part, ended in _run(request, tries, images):
            found = ended
            yield Update((done + share * part) / len(sizes), result)
        if len(found) < len(tries):
            return
        for name in names:
            if name not in chosen:
                losses = [
                    [found[_learner(recipe, name, rate, seed)].loss for rate in recipe["rates"]]
                    for seed in SELECTION_SEEDS
                ]
                result.selection[name] = Curve(list(recipe["rates"]), losses)
                chosen[name] = best_rate(result.selection[name])
        runs = {
            name: [_learner(recipe, name, chosen[name], seed) for seed in request.seeds] for name in names
        }
        reported = [each for mine in runs.values() for each in mine]
        for place, learner in enumerate(reported):  # each alone: what else is learned shall not matter
            for part, ended in _run(request, [learner], images):
                found = {**found, **ended}
                made = share + (1 - share) * (place + part) / len(reported)
                yield Update((done + made * 0.999) / len(sizes), result)
            if learner not in found:
                return
        result.chosen.update(chosen)
        for name, mine in runs.items():
            result.per_seed[name] = [stored(found[each], images) for each in mine]
            result.extra["parameters"][name] = parameters(name.rpartition("/n")[0])
        _tell(result)
        yield Update((done + 1) / len(sizes), result)


def stored(learned: Learned, images: int) -> Value:
    """Bits; below 0 where the labels are worse known than by guessing."""
    return None if learned.loss is None else images * (math.log2(LABELS) - learned.loss / math.log(2))


def _run(
    request: Request, learners: list[Learner], images: int
) -> Iterator[tuple[float, dict[Learner, Learned]]]:
    steps, batch = int(request.recipe["steps"]), request.recipe["batch"]
    yield from memorise(learners, images=images, steps=steps, batch=batch, stop=request.stop)


def _tell(result: Result) -> None:
    """Stored bits against the number of pictures, for each adapter."""
    for adapter in dict.fromkeys(name.rpartition("/n")[0] for name in result.per_seed):
        names = [name for name in result.per_seed if name.startswith(f"{adapter}/n")]
        by_seed = zip(*(result.per_seed[name] for name in names), strict=True)
        result.curves[adapter] = Curve(
            [float(_images(name)) for name in names], [list(each) for each in by_seed]
        )


def _learner(recipe: Recipe, name: str, lr: float, seed: int) -> Learner:
    where, rank, _ = name.split("/")
    return Learner(int(rank[1:]), lr, seed, recipe["alpha"], TARGETS[where])


def _images(name: str) -> int:
    return int(name.rpartition("/n")[2])


EXPERIMENT = Experiment(
    name="c10_bits",
    recipe=RECIPE,
    quick=QUICK,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    settings=(Setting("steps", 1500, (500, 1500, 3000)), Setting("alpha", 32.0, (8.0, 16.0, 32.0, 64.0))),
)
