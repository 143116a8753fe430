"""C4: adapt all layers, above all the MLPs; attention alone is worse even at as many parameters.

Attention, MLPs and all layers of the GPT's blocks get adapters of equal size; beside them the head alone,
trained whole ("last layer only"), and full fine-tuning of the blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.claims.base import Experiment, Recipe, Request, Result, Setting, Update, Verdict, judge
from lab.claims.tuned_runs import Condition, condition, tuned
from lora_core.config import Targets

ALIKE = 0.05  # of what full fine-tuning learns: two choices of layers that differ by less are as good
CERTAIN = 2  # standard errors of the mean gap

# Targets, and ranks that have the same number of parameters: 245,760 at these.
TARGETS: Mapping[str, tuple[Targets, int]] = {
    "attention": (("attn.qkv", "attn.proj"), 320),
    "mlp": (("mlp.up", "mlp.down"), 192),
    "all": ("blocks", 120),
}

RECIPE = {
    "task": "python",
    "rank": 10,  # of all layers
    "alpha": 32.0,
    "rates": {
        "lora": [2.5e-3, 4e-3, 6.3e-3, 1e-2],
        "full": [1e-3, 1.6e-3, 2.5e-3, 4e-3],
        "last": [4e-3, 8e-3, 1.6e-2, 3.2e-2],
    },
    "batch": 8,
    "steps": 150,
    "points": [0, 1, 2, 4, 8, 15, 30, 60, 90, 120, 150],
}
QUICK = {
    **RECIPE,
    "rates": {"lora": [6.3e-3], "full": [2.5e-3], "last": [1.6e-2]},
    "steps": 90,
    "points": [0, 8, 30, 60, 90],
}


def conditions(recipe: Recipe) -> list[str]:
    return [*TARGETS, "last", "full"]


def measure(request: Request) -> Iterator[Update]:
    every = _conditions(request.recipe)
    yield from tuned(request, {name: every[name] for name in request.conditions})


def verdict(result: Result) -> Verdict:
    """Central: attention is worse than the MLPs at equal parameters, by two standard errors. Then: worse than
    all layers too; and the MLPs are as good as all layers, within a twentieth of what full learns."""
    learned = result.curves["full"].mean()[0] - result.mean("full")
    mlp, mlp_error = result.gap("attention", "mlp")
    every, every_error = result.gap("attention", "all")
    rest, _ = result.gap("mlp", "all")
    return judge(
        {
            "attention_worse_than_mlp": mlp > CERTAIN * mlp_error,
            "attention_worse_than_all": every > CERTAIN * every_error,
            "mlp_as_good_as_all": rest <= ALIKE * learned,
        },
        {
            "attention_minus_mlp": mlp,
            "attention_minus_all": every,
            "mlp_minus_all": rest,
            "all_minus_full": result.gap("all", "full")[0],
            "last_minus_all": result.gap("last", "all")[0],
            "learned_by_full": learned,
        },
        central="attention_worse_than_mlp",
    )


def rank_of(name: str, rank: int) -> int:
    """The rank at which a choice of layers has about as many parameters as all of them at `rank`."""
    return round(rank * TARGETS[name][1] / TARGETS["all"][1])


def _conditions(recipe: Recipe) -> dict[str, Condition]:
    def made(rank: int | None, targets: Targets, rates: str) -> Condition:
        return condition(
            recipe["task"],
            rank,
            recipe["rates"][rates],
            steps=recipe["steps"],
            batch=recipe["batch"],
            points=recipe["points"],
            alpha=recipe["alpha"],
            targets=targets,
        )

    adapted = {
        name: made(rank_of(name, int(recipe["rank"])), targets, "lora")
        for name, (targets, _) in TARGETS.items()
    }
    return adapted | {"last": made(None, ("head",), "last"), "full": made(None, "blocks", "full")}


EXPERIMENT = Experiment(
    name="c04_layers",
    recipe=RECIPE,
    quick=QUICK,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    settings=(Setting("rank", 10, (2, 5, 10, 20)),),
)
