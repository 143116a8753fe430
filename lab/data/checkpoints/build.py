"""Trains what is shipped: ``python -m lab.data.checkpoints.build WHAT [name …]``, where WHAT is one of

bases    pretrains gpt-en, gpt-en-th and mlp-mnist from the vendored data: three minutes on one thread
tune     sweeps the learning rates of every task for the defaults in bases/records: six minutes
methods  sweeps those of the methods that need rates of their own, on every task: three minutes each
firsts   runs the defaults of every task once, for the fine-tune page to open on: a minute
starts   computes how every method starts, for the methods page: ten seconds
retrain  trains the adapters of every γ rule and rank in retrain/: five minutes
tenants  trains the adapters that the serving page serves, in tenants/: four minutes

All run on the CPU. Each result has a JSON record: recipe, seeds, losses, versions, date and command.
"""

from __future__ import annotations

import datetime
import json
import math
import platform
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors.torch import save
from torch import nn

from lab.bases.registry import BASES, base_of
from lab.runs.defaults import default
from lab.bases.models import GPT, MLP, encode
from lab.bases.tasks import (
    CONTEXT,
    Batch,
    ImageTask,
    evaluate,
    loss_of,
    read_pictures,
    read_text,
    scaled,
    windows,
)
from lab.bases.tenants import TENANTS
from lab.data import CHECKPOINTS
from lab.data.checkpoints import tenants
from lab.data.checkpoints.starts import starts
from lab.runs.config import TrainConfig
from lab.runs.fine_tune import fine_tune
from lab.runs.starts import ALPHA, ARRAYS, BASE, LAYER, RANK, RECORD, SEED, TASK
from lab.sweep import best_lrs, sweep
from lora_core.config import AdapterConfig
from lora_core.training import train

WARM_UP = 50
SEEDS = (0, 1, 2)
# Rates to try, 1.6 apart.
RATES: dict[str, dict[str, tuple[float, ...]]] = {
    "lora": {"text": (1.2e-3, 2e-3, 3e-3, 5e-3, 8e-3, 1.2e-2), "image": (1.2e-3, 2e-3, 3e-3, 5e-3, 8e-3)},
    "full": {
        "text": (1e-3, 1.5e-3, 2.5e-3, 4e-3, 6.5e-3, 1e-2),
        "image": (8e-4, 1.2e-3, 2e-3, 3e-3, 5e-3, 8e-3),
    },
}
# Methods whose steps are larger than LoRA's at the same rate: λ times for B, and √r times for all of γ B A.
OWN_RATES = {
    "lora+": (2e-4, 3e-4, 5e-4, 8e-4, 1.2e-3, 2e-3),
    "rslora": (8e-4, 1.2e-3, 2e-3, 3e-3, 5e-3, 8e-3),
}
# γ rule -> its name among files, and α. With "constant", γ = α.
RULES = {
    "alpha/r": ("alpha_over_r", 32.0),
    "alpha/sqrt(r)": ("alpha_over_sqrt_r", 32.0),
    "constant": ("constant", 2.0),
}
RANKS = (1, 2, 4, 8, 16, 32)
RETRAIN_RATES = (1.5e-3, 3e-3, 6e-3, 1.2e-2)


@dataclass(frozen=True)
class Recipe:
    """How a base is pretrained: Adam, a short warm-up, then a cosine down to a twentieth of the rate.

    Attributes:
        texts: vendored text and its share of the windows (GPT only).
    """

    steps: int
    batch: int
    lr: float
    seed: int = 0
    texts: tuple[tuple[str, float], ...] = ()


PRETRAINED = {
    "gpt-en": Recipe(steps=2500, batch=16, lr=3e-3, texts=(("shakespeare", 1.0),)),
    "gpt-en-th": Recipe(
        steps=4000,
        batch=16,
        lr=3e-3,
        texts=(
            ("shakespeare", 0.46),
            ("thai-titles", 0.38),
            ("udhr-en", 0.04),
            ("udhr-th", 0.04),
            ("article-en", 0.04),
            ("article-th", 0.04),
        ),
    ),
    "mlp-mnist": Recipe(steps=2500, batch=128, lr=1e-3),
}


def schedule(step: int, steps: int) -> float:
    """What the rate is multiplied by: 0 to 1 over the warm-up, then a cosine from 1 to 0.05."""
    return min(1.0, (step + 1) / WARM_UP) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def held_out(name: str, recipe: Recipe) -> dict[str, Batch]:
    """What the losses in a record are measured on: the last twentieth of each text, or the test pictures."""
    if BASES[name].kind == "image":
        arrays = read_pictures("mnist")
        return {
            "mnist": (
                scaled(torch.from_numpy(arrays["test_images"])),
                torch.from_numpy(arrays["test_labels"]).long(),
            )
        }
    found = {}
    for source, _ in recipe.texts:
        text = encode(read_text(source))
        text = text[len(text) * 95 // 100 :]
        found[source] = windows(text, torch.linspace(0, len(text) - CONTEXT - 1, 128).long())
    return found


def batches(name: str, recipe: Recipe, generator: torch.Generator) -> Callable[[], Batch]:
    """A function that draws the next training batch."""
    if BASES[name].kind == "image":
        arrays = read_pictures("mnist")
        train = (torch.from_numpy(arrays["train_images"]), torch.from_numpy(arrays["train_labels"]).long())
        return lambda: ImageTask({"train": train}).batch(recipe.batch, generator)
    texts = [encode(read_text(source)) for source, _ in recipe.texts]
    texts = [text[: len(text) * 95 // 100] for text in texts]
    shares = torch.tensor([share for _, share in recipe.texts])

    def draw() -> Batch:
        chosen = torch.multinomial(shares, recipe.batch, replacement=True, generator=generator).tolist()
        parts = [
            windows(texts[index], torch.randint(len(texts[index]) - CONTEXT, (1,), generator=generator))
            for index in chosen
        ]
        return torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts])

    return draw


def losses(model: nn.Module, sets: dict[str, Batch]) -> dict[str, float]:
    """Loss on each held-out set, in nats, to six decimals."""
    return {name: round(evaluate(model, batch)[0], 6) for name, batch in sets.items()}


def pretrain(name: str) -> None:
    """Trains one base and writes ``<name>.safetensors`` and ``<name>.json``."""
    recipe, started = PRETRAINED[name], time.perf_counter()
    generator = torch.Generator().manual_seed(recipe.seed)
    model = MLP(generator=generator) if BASES[name].kind == "image" else GPT(generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.lr, fused=True)
    sets, draw = held_out(name, recipe), batches(name, recipe, generator)
    drawn = (draw() for _ in range(recipe.steps))
    for step in train(model, optimizer, loss_of, drawn, schedule=lambda step: schedule(step, recipe.steps)):
        if step.number % 500 == 1:
            print(name, step.number, losses(model, sets), flush=True)
    (CHECKPOINTS / f"{name}.safetensors").write_bytes(save(model.state_dict()))
    result: dict[str, Any] = {"loss": losses(model, sets)}
    if BASES[name].kind == "image":
        result["accuracy"] = evaluate(model, sets["mnist"])[1]
    record(CHECKPOINTS / f"{name}.json", asdict(recipe), result, started)


def final_loss(config: TrainConfig, folder: Path | None = None) -> float:
    """Validation loss at the end of a run, in nats; a run that diverges is infinitely bad."""
    *_, last = fine_tune(config, every=math.inf, split="validation", adapter_folder=folder)
    return math.inf if last.run.validation_loss is None else round(last.run.validation_loss, 6)


def swept(configs: dict[float, list[TrainConfig]]) -> dict[str, Any]:
    """Validation losses of each rate's runs, and the rate whose mean is least."""
    losses: dict[float, list[float]] = {}
    for rate, runs in configs.items():
        losses[rate] = [final_loss(config) for config in runs]
        print(rate, losses[rate], flush=True)
    best = min(losses, key=lambda rate: sum(losses[rate]))
    return {"best": best, "sweep": [{"lr": rate, "losses": found} for rate, found in losses.items()]}


def tune(task: str) -> None:
    """Sweeps LoRA's rate and full fine-tuning's on a task, and writes ``records/<base>--<task>.json``."""
    started = time.perf_counter()
    base = base_of(task).name
    config = replace(default(base, task), yardstick=False)
    result = {}
    for method, rates in RATES.items():
        start = replace(config, adapter=None) if method == "full" else config
        result[method] = swept(
            {
                lr: [replace(start, lr=lr, seed=seed) for seed in SEEDS]
                for lr in rates[BASES[base].kind]
            }
        )
    record(
        CHECKPOINTS / "records" / f"{base}--{task}.json",
        config.to_json(),
        {"seeds": SEEDS, **result},
        started,
    )


def tune_method(name: str) -> None:
    """Sweeps a method's rate on every task, and writes ``records/methods/<name>.json``."""
    started = time.perf_counter()
    result = {}
    for base, task in ((base, task) for base in BASES for task in BASES[base].lessons):
        start = default(base, task)
        assert start.adapter is not None
        start = replace(start, adapter=replace(start.adapter, method=name), yardstick=False)
        configs = [replace(start, lr=lr, seed=seed) for lr in OWN_RATES[name] for seed in SEEDS]
        *_, last = sweep(configs, points=())
        losses: dict[float, list[float | None]] = {}
        for curve in last.curves:
            losses.setdefault(curve.config.lr, []).append(curve.validation[-1] if curve.validation else None)
        (best,) = best_lrs(last.curves)
        rows = [{"lr": rate, "losses": found} for rate, found in losses.items()]
        result[task] = {"best": best.condition.lr, "sweep": rows, "recipe": start.to_json()}
        print(task, result[task]["best"], losses, flush=True)
    record(CHECKPOINTS / "records" / "methods" / f"{name}.json", {"seeds": SEEDS}, {"tasks": result}, started)


def first(task: str) -> None:
    """Runs the defaults of a task, and keeps its curves in ``records/firsts/<base>--<task>.json``."""
    started = time.perf_counter()
    base = base_of(task).name
    config = default(base, task)
    *_, last = fine_tune(config, every=math.inf)
    points = last.to_json()["history"]
    path = CHECKPOINTS / "records" / "firsts" / f"{base}--{task}.json"
    record(path, config.to_json(), {"seeds": [config.seed], "history": points}, started)


def start(name: str) -> None:
    """Computes how every method starts, and writes ``starts/``."""
    started = time.perf_counter()
    arrays, about = starts()
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    ARRAYS.write_bytes(save({key: array.half().contiguous() for key, array in arrays.items()}))
    recipe = {"base": BASE, "task": TASK, "layer": LAYER, "rank": RANK, "alpha": ALPHA, "seed": SEED}
    record(RECORD, recipe, {"methods": about}, started)


def retrain(rule: str) -> None:
    """Trains an adapter of each rank under one γ rule, at the rate that is best over ranks 1, 8 and 32."""
    started = time.perf_counter()
    name, alpha = RULES[rule]
    start = replace(default("gpt-en", "python"), yardstick=False)

    def config(rank: int, lr: float, steps: int) -> TrainConfig:
        adapter = AdapterConfig(rank=rank, alpha=alpha, targets="blocks", gamma_rule=rule)
        return replace(start, adapter=adapter, lr=lr, steps=steps)

    sweep = swept({lr: [config(rank, lr, 150) for rank in (1, 8, 32)] for lr in RETRAIN_RATES})
    for rank in RANKS:
        folder = CHECKPOINTS / "retrain" / f"{name}-r{rank}"
        chosen = config(rank, sweep["best"], 300)
        loss = final_loss(chosen, folder)
        record(
            folder / "record.json",
            chosen.to_json(),
            {"validation_loss": loss, "rates": sweep["sweep"]},
            started,
        )


def tenant(name: str) -> None:
    """Trains one tenant into ``tenants/<name>/``."""
    started, recipe = time.perf_counter(), TENANTS[name]
    record(recipe.folder / "record.json", asdict(recipe), tenants.train(recipe, schedule), started)


def record(path: Path, recipe: dict[str, Any], result: dict[str, Any], started: float) -> None:
    """Writes how a file came to be, and what it reached."""
    about = {
        "recipe": recipe,
        **result,
        "seconds": round(time.perf_counter() - started, 1),
        "command": f"python -m lab.data.checkpoints.build {' '.join(sys.argv[1:])}",
        "date": datetime.date.today().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(about, indent=2) + "\n")
    print(path, flush=True)


def main() -> None:
    torch.set_num_threads(1)
    what, names = sys.argv[1], sys.argv[2:]
    tasks = [task for base in BASES.values() for task in base.lessons]
    kinds: dict[str, tuple[Callable[[str], None], Iterable[str]]] = {
        "bases": (pretrain, PRETRAINED),
        "tune": (tune, tasks),
        "methods": (tune_method, OWN_RATES),
        "firsts": (first, tasks),
        "starts": (start, ("all",)),
        "retrain": (retrain, RULES),
        "tenants": (tenant, TENANTS),
    }
    build, every = kinds[what]
    for name in names or every:
        build(name)


if __name__ == "__main__":
    main()
