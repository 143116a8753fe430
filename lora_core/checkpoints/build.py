"""Trains what is shipped: ``python -m lora_core.checkpoints.build bases|retrain [name …]``.

``bases`` pretrains gpt-en, gpt-en-th and mlp-mnist from the vendored data (about ten minutes on one thread).
Each file gets a JSON record beside it: recipe, seed, loss, versions and date.
"""

from __future__ import annotations

import datetime
import json
import math
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lora_core.models import CHECKPOINTS, GPT, MLP, encode
from lora_core.tasks import CONTEXT, Batch, ImageTask, loss_of, read_text, read_pictures, scaled

WARM_UP = 50


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


BASES = {
    "gpt-en": Recipe(steps=2500, batch=16, lr=3e-3, texts=(("shakespeare", 1.0),)),
    "gpt-en-th": Recipe(
        steps=4000,
        batch=16,
        lr=3e-3,
        texts=(("shakespeare", 0.5), ("thai-titles", 0.4), ("udhr-en", 0.05), ("udhr-th", 0.05)),
    ),
    "mlp-mnist": Recipe(steps=2500, batch=128, lr=1e-3),
}


def schedule(step: int, steps: int) -> float:
    """What the rate is multiplied by: 0 to 1 over the warm-up, then a cosine from 1 to 0.05."""
    return min(1.0, (step + 1) / WARM_UP) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def windows(text: Tensor, starts: Tensor) -> Batch:
    found = text[starts[:, None] + torch.arange(CONTEXT + 1)]
    return found[:, :-1], found[:, 1:]


def held_out(name: str, recipe: Recipe) -> dict[str, Batch]:
    """What the losses in a record are measured on: the last twentieth of each text, or the test pictures."""
    if name == "mlp-mnist":
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
    if name == "mlp-mnist":
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


@torch.no_grad()
def losses(model: nn.Module, sets: dict[str, Batch]) -> dict[str, float]:
    """Loss on each held-out set, in nats, to six decimals."""
    return {name: round(float(loss_of(model, batch)), 6) for name, batch in sets.items()}


def pretrain(name: str) -> None:
    """Trains one base and writes ``<name>.safetensors`` and ``<name>.json``."""
    recipe, started = BASES[name], time.perf_counter()
    generator = torch.Generator().manual_seed(recipe.seed)
    model = MLP(generator=generator) if name == "mlp-mnist" else GPT(generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.lr, fused=True)
    sets, draw = held_out(name, recipe), batches(name, recipe, generator)
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * schedule(step, recipe.steps)
        optimizer.zero_grad()
        loss_of(model, draw()).backward()
        optimizer.step()
        if step % 500 == 0:
            print(name, step, losses(model, sets), flush=True)
    save_file(
        {key: value.contiguous() for key, value in model.state_dict().items()},
        CHECKPOINTS / f"{name}.safetensors",
    )
    result: dict[str, Any] = {"loss": losses(model, sets)}
    if name == "mlp-mnist":
        images, labels = sets["mnist"]
        result["accuracy"] = round(float((model(images).argmax(1) == labels).float().mean()), 4)
    record(CHECKPOINTS / f"{name}.json", asdict(recipe), result, started)


def record(path: Path, recipe: dict[str, Any], result: dict[str, Any], started: float) -> None:
    """Writes how a file came to be, and what it reached."""
    about = {
        "recipe": recipe,
        **result,
        "seconds": round(time.perf_counter() - started, 1),
        "command": f"python -m lora_core.checkpoints.build {' '.join(sys.argv[1:])}",
        "date": datetime.date.today().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
    }
    path.write_text(json.dumps(about, indent=2) + "\n")
    print(path.name, result, flush=True)


def main() -> None:
    torch.set_num_threads(1)
    what, names = sys.argv[1], sys.argv[2:]
    if what == "bases":
        for name in names or BASES:
            pretrain(name)


if __name__ == "__main__":
    main()
