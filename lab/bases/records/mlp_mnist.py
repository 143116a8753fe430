"""An MLP that tells upright digits apart. It learns clothes, and digits turned by 45°.

The rates come from sweeps, as those in `gpt_en` do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.bases.base import Base, Lesson

if TYPE_CHECKING:
    from torch import nn

    from lab.bases.tasks import ImageTask

_DIGITS = tuple(f"digit_{digit}" for digit in range(10))
_CLOTHES = (
    "tshirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle_boot",
)


def _load() -> nn.Module:
    from lab.bases.models import MLP, trained

    return trained(MLP, "mlp-mnist")


def _pictures(file: str, degrees: float = 0) -> Callable[[], ImageTask]:
    def load() -> ImageTask:
        from lab.bases.tasks import image_task

        return image_task(file, degrees)

    return load


BASE = Base(
    "mlp-mnist",
    "image",
    _load,
    {"blocks.0": (128, 196), "blocks.1": (128, 128), "head": (10, 128)},
    {
        "fashion": Lesson(
            _pictures("fashion"),
            lr=3e-3,
            full_lr=3e-3,
            batch=64,
            steps=600,
            rates={"rslora": 0.002, "lora+": 5e-4},
            classes=_CLOTHES,
        ),
        "rotated": Lesson(
            _pictures("mnist", degrees=45),
            lr=3e-3,
            full_lr=3e-3,
            batch=64,
            steps=400,
            rates={"rslora": 0.002, "lora+": 8e-4},
            classes=_DIGITS,
        ),
    },
    {"blocks": "blocks", "head": ("head",), "all-linear": "all-linear"},
    memory=350 * 2**20,  # measured: 336 MiB
)
