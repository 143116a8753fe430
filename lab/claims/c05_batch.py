"""C5: LoRA tolerates large batches less than full fine-tuning, and more rank does not help.

Two panels, on text and on pictures: the same number of examples at every batch size ("examples", as in the
article), where a larger batch means fewer updates; and the same number of updates, where it does not. What
grows with the batch in both is due to the batch, what grows in the first alone to the missing updates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product

from lab.claims.base import (
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
    sd,
)
from lab.claims.tuned_runs import Condition, condition, tuned

CERTAIN = 2  # standard errors of the mean
HELPS = 0.5  # of the lowest rank's gap: rank helps if the highest closes as much

LORA = [1.6e-3, 2.5e-3, 4e-3, 6.3e-3, 1e-2, 1.6e-2, 2.5e-2]
FULL = [1.25e-3, 2e-3, 3.2e-3, 5e-3, 8e-3, 1.25e-2]
RECIPE = {
    "alpha": 32.0,
    "text": {"ranks": [8, 32], "batches": [8, 32, 128], "examples": 1024, "updates": 32},
    "pictures": {"ranks": [8, 32], "batches": [16, 64, 256], "examples": 10240, "updates": 160},
    "rates": {"lora": LORA, "full": FULL},
    "selection_seeds": [100, 101],
}
QUICK = {  # the outermost batch sizes
    **RECIPE,
    "text": {"ranks": [8, 32], "batches": [8, 128], "examples": 1024, "updates": 32},
    "pictures": {"ranks": [8, 32], "batches": [16, 256], "examples": 10240, "updates": 160},
    "rates": {"lora": [1e-2], "full": [3.2e-3]},
}
TASKS = {"text": "python", "pictures": "fashion"}
PANELS = ("examples", "updates")


def conditions(recipe: Recipe) -> list[str]:
    return list(_conditions(recipe))


def measure(request: Request) -> Iterator[Update]:
    every = _conditions(request.recipe)
    asked = {name: every[name] for name in request.conditions}
    yield from tuned(request, asked, selection_seeds=request.recipe["selection_seeds"])


def verdict(result: Result) -> Verdict:
    """Central: on the text, at the same number of examples, the distance of the highest rank from full
    fine-tuning is larger at the largest batch than at the smallest, by two standard errors.

    Then: so it is at the same number of updates; so it is on the pictures, at the same number of examples;
    and at the largest batch the highest rank does not close half of the distance that the lowest leaves.
    """
    numbers: dict[str, float] = {}
    grows: dict[tuple[str, str], bool] = {}
    for part, panel in product(TASKS, PANELS):
        gaps = _gaps(result, part, panel)
        numbers |= {f"gap_{part}/{panel}:b{batch}": mean(gap) for batch, gap in gaps.items()}
        growth = [large - small for large, small in zip(gaps[max(gaps)], gaps[min(gaps)], strict=True)]
        numbers[f"growth_{part}/{panel}"] = mean(growth)
        grows[part, panel] = mean(growth) > CERTAIN * sd(growth) / math.sqrt(len(growth))
    batch = max(_gaps(result, "text", "examples"))
    low, high = (mean(_gaps(result, "text", "examples", rank)[batch]) for rank in (min, max))
    return judge(
        {
            "grows_at_fixed_examples": grows["text", "examples"],
            "grows_at_fixed_updates": grows["text", "updates"],
            "grows_on_pictures": grows["pictures", "examples"],
            "rank_does_not_help": high > HELPS * low,
        },
        numbers | {"gap_lowest_rank": low},
        central="grows_at_fixed_examples",
    )


def _gaps(
    result: Result, part: str, panel: str, rank: Callable[[set[int]], int] = max
) -> dict[int, list[float]]:
    """Batch size -> loss of a rank minus that of full fine-tuning, for each seed; NaN where one diverged."""
    found: dict[tuple[str, int], list[Value]] = {}
    for name, values in result.per_seed.items():
        if name.startswith(f"{part}/{panel}/"):
            who, batch = name.rsplit("/", 1)[1].split(":b")
            found[who, int(batch)] = values
    chosen = f"r{rank({int(who[1:]) for who, _ in found if who != 'full'})}"
    return {
        batch: [
            math.nan if ours is None or theirs is None else ours - theirs
            for ours, theirs in zip(values, found["full", batch], strict=True)
        ]
        for (who, batch), values in found.items()
        if who == chosen
    }


def _conditions(recipe: Recipe) -> dict[str, Condition]:
    """Named like "text/examples/r32:b8". The panel of equal updates has the highest rank alone."""
    found = {}
    for part, panel in product(TASKS, PANELS):
        sizes = recipe[part]
        ranks = sizes["ranks"] if panel == "examples" else sizes["ranks"][-1:]
        for rank, batch in product([*ranks, None], sizes["batches"]):
            steps = sizes["examples"] // batch if panel == "examples" else sizes["updates"]
            found[f"{part}/{panel}/{f'r{rank}' if rank else 'full'}:b{batch}"] = condition(
                TASKS[part],
                rank,
                recipe["rates"]["lora" if rank else "full"],
                steps=steps,
                batch=batch,
                points=[0, steps // 2],
                alpha=recipe["alpha"],
            )
    return found


EXPERIMENT = Experiment(
    name="c05_batch",
    recipe=RECIPE,
    quick=QUICK,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    quick_seeds=(0, 1),  # of one seed alone any difference would be certain
    settings=(Setting("alpha", 32.0, (8.0, 32.0, 128.0)),),
)
