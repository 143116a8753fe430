"""C6: in policy gradient even rank 1 matches full fine-tuning, as an episode teaches a bit at most.

Texts: the GPT of Shakespeare writes and is told of each text whether it was as wanted, "no letter e" or "an
exclamation mark": rewards that the base already earns now and then. Pictures, the counter-example: the MLP of
upright digits sees them turned by 45°, names one, and is told whether it was right: one bit again. Reported:
the share of texts rewarded over the last steps, and the share of other pictures named rightly.

Bits: I(G; R) ≤ H(R) ≤ 1 an episode ("LoRA Without Regret"); `extra["bits"]` sets the number of episodes, and
the sum of H(R) as rewarded, beside the parameters that train.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lab.bases.registry import BASES, base_of
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
)
from lab.claims.picture_rewards import base_accuracy, learn
from lab.claims.tuned_runs import SELECTION_SEEDS, best_rate
from lab.runs.reinforce_config import Progress, ReinforceConfig
from lora_core.config import AdapterConfig, select
from lora_core.planning.cost import parameters_of

if TYPE_CHECKING:
    from lab.bases.tasks import Split

MATCH = 0.02  # share of rewards: rank 1 that is less behind has matched
LEARNED = 0.5  # of what there was to gain: below, full fine-tuning has learned nothing to be matched

RECIPE: Recipe = {
    "texts": {"no_e": 40, "exclaims": 60},  # steps
    "prompts": 4,
    "samples": 8,
    "tail": 10,
    "picture_steps": 600,
    "picture_batch": 64,
    "picture_ranks": [1, 32],
    "alpha": 32.0,
    "rates": {
        "texts/full": [5e-4, 1e-3, 2e-3],
        "texts/r1": [2e-3, 4e-3, 8e-3],
        "rotated/full": [2.5e-4, 5e-4, 1e-3, 2e-3],
        "rotated/r1": [1e-3, 2e-3, 4e-3, 8e-3],
        "rotated/r32": [5e-4, 1e-3, 2e-3, 4e-3],
    },
}
QUICK: Recipe = {
    **RECIPE,
    "rates": {
        "texts/full": [1e-3],
        "texts/r1": [4e-3],
        "rotated/full": [5e-4],
        "rotated/r1": [2e-3],
        "rotated/r32": [1e-3],
    },
}


def conditions(recipe: Recipe) -> list[str]:
    texts = [f"{reward}/{kind}" for reward in recipe["texts"] for kind in ("full", "r1")]
    return [*texts, "rotated/full", *(f"rotated/r{rank}" for rank in recipe["picture_ranks"])]


def verdict(result: Result) -> Verdict:
    """Rank 1 matches where it is at most a fiftieth behind full fine-tuning, which has gained half of what
    there was to gain. It is to match in every task; central: in that without the letter e."""
    tasks = list(dict.fromkeys(name.split("/")[0] for name in result.per_seed))
    checks: dict[str, bool] = {}
    numbers: dict[str, float] = {}
    for task in tasks:
        full, base = result.mean(f"{task}/full"), result.extra.get("base", {}).get(task, math.nan)
        behind, _ = result.gap(f"{task}/full", f"{task}/r1")
        checks[f"{task}_matches"] = behind <= MATCH and full >= base + LEARNED * (1 - base)
        numbers |= {f"{task}_behind": behind, f"{task}_base": base}
    numbers["rotated_r32_behind"] = result.gap("rotated/full", "rotated/r32")[0]
    for name, counted in result.extra.get("bits", {}).items():
        numbers[f"bits_a_parameter_{name.replace('/', '_')}"] = counted["bits"] / counted["parameters"]
    return judge(checks, numbers, central="no_e_matches")


def measure(request: Request) -> Iterator[Update]:
    result = Result(extra={"bits": {}, "base": {}})
    names, done = request.conditions, 0.0
    rates = {name: _rates(request.recipe, name) for name in names}
    open_ = [name for name in names if name not in request.chosen and len(rates[name]) > 1]
    work = {name: _steps(request.recipe, name) * (1 if name.startswith("rotated") else 50) for name in names}
    total = sum(work[name] * len(request.seeds) for name in names)
    total += sum(work[name] * len(rates[name]) * len(SELECTION_SEEDS) for name in open_)
    for name in open_:
        runs = [(rate, seed) for seed in SELECTION_SEEDS for rate in rates[name]]
        trials: list[Trial] = []
        for trials in trained(request, name, runs, "validation"):
            made = len(trials[0].rewards) / _steps(request.recipe, name)
            yield Update((done + made * work[name] * len(runs)) / total, result)
        if not trials or not trials[0].ended:
            return
        done += work[name] * len(runs)
        count = len(rates[name])
        wrong = [
            [_less(trial.value) for trial in trials[at : at + count]] for at in range(0, len(trials), count)
        ]
        result.selection[name] = Curve(rates[name], wrong)
        result.chosen[name] = best_rate(result.selection[name])
    for name in names:
        result.chosen.setdefault(name, request.chosen.get(name, rates[name][0]))
        found: list[Trial] = []
        for seed in request.seeds:
            trials = []
            for trials in trained(request, name, [(result.chosen[name], seed)], "test"):
                result.curves[name] = _curve([*found, *trials])
                made = len(trials[0].rewards) / _steps(request.recipe, name)
                yield Update(min(0.99, (done + made * work[name]) / total), result)
            if not trials or not trials[0].ended:
                return
            found += trials
            done += work[name]
        result.per_seed[name] = [trial.value for trial in found]
        _count(request, name, found, result)
    yield Update(1.0, result)


class Trial(NamedTuple):
    """A run: the share rewarded at each step so far; what is reported once it ended, None if it diverged."""

    rewards: Sequence[float]
    value: Value = None
    ended: bool = False


def trained(
    request: Request, name: str, runs: Sequence[tuple[float, int]], split: Split
) -> Iterator[list[Trial]]:
    """All runs, of a rate and a seed each. Not ended in the last list if it was stopped."""
    recipe = request.recipe
    task, kind = name.split("/")
    adapter = None
    if kind != "full":
        adapter = AdapterConfig(rank=int(kind[1:]), alpha=recipe["alpha"], targets="blocks")
    if task == "rotated":
        for rewards, accuracies in learn(
            [(adapter, lr, seed) for lr, seed in runs],
            steps=int(recipe["picture_steps"]),
            size=recipe["picture_batch"],
            split=split,
            stop=request.stop,
        ):
            ended = len(accuracies) > 0
            values: list[Value] = list(accuracies) if ended else [None] * len(runs)
            yield [Trial(each, value, ended) for each, value in zip(rewards, values, strict=True)]
        return
    from lab.runs.reinforce import reinforce_many

    configs = [
        ReinforceConfig(
            task,
            adapter,
            lr=lr,
            steps=recipe["texts"][task],
            prompts=recipe["prompts"],
            samples=recipe["samples"],
            seed=seed,
        )
        for lr, seed in runs
    ]
    for progress in reinforce_many(configs, device=request.device, every=request.every, stop=request.stop):
        yield [_trial(each, recipe["tail"]) for each in progress]


def _trial(progress: Progress, tail: int) -> Trial:
    late = progress.rewards[-tail:]
    value = sum(late) / len(late) if progress.state == "done" else None
    return Trial(progress.rewards, value, progress.state in ("done", "diverged"))


def _count(request: Request, name: str, found: Sequence[Trial], result: Result) -> None:
    """Episodes, bits and parameters, and what the base was rewarded."""
    recipe, task = request.recipe, name.split("/")[0]
    base = base_of(task).name if task == "rotated" else "gpt-en"
    size = recipe["picture_batch"] if task == "rotated" else recipe["prompts"] * recipe["samples"]
    kind = name.split("/")[1]
    shapes = BASES[base].layers
    rank = None if kind == "full" else int(kind[1:])
    result.extra["bits"][name] = {
        "episodes": size * _steps(recipe, name),
        "bits": sum(size * sum(map(_entropy, trial.rewards)) for trial in found) / len(found),
        "parameters": sum(parameters_of(shapes[each], rank) for each in select(shapes, "blocks")),
    }
    if task == "rotated":
        result.extra["base"][task] = base_accuracy("test")
    else:
        result.extra["base"][task] = sum(trial.rewards[0] for trial in found) / len(found)


def _entropy(share: float) -> float:
    """H(R) in bits of a reward that is 1 with this probability."""
    return -sum(p * math.log2(p) for p in (share, 1 - share) if p > 0)


def _curve(trials: Sequence[Trial]) -> Curve:
    """The share rewarded at each step, None where a run is not yet or no longer."""
    steps = max(len(trial.rewards) for trial in trials)
    padded = [[*trial.rewards, *[None] * (steps - len(trial.rewards))] for trial in trials]
    return Curve([float(step) for step in range(1, steps + 1)], padded)


def _less(value: Value) -> Value:
    """The share that was not rewarded: what a rate is chosen by."""
    return None if value is None else 1 - value


def _steps(recipe: Recipe, name: str) -> int:
    task = name.split("/")[0]
    return int(recipe["picture_steps"] if task == "rotated" else recipe["texts"][task])


def _rates(recipe: Recipe, name: str) -> list[float]:
    task, kind = name.split("/")
    return list(recipe["rates"][f"{'rotated' if task == 'rotated' else 'texts'}/{kind}"])


EXPERIMENT = Experiment(
    name="c06_reinforcement",
    recipe=RECIPE,
    quick=QUICK,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    settings=(
        Setting("picture_steps", 600, (100, 300, 600, 1200)),
        Setting("alpha", 32.0, (8.0, 16.0, 32.0, 64.0)),
    ),
)
