"""A character GPT that has read Shakespeare. It learns Python, and fails at Thai, which it cannot spell.

The rates are the best of a sweep on each task's validation split, three seeds a rate, with the batch, steps,
rank, α and targets beside them: ``checkpoints/records/<base>--<task>.json``, by ``python -m
lab.data.checkpoints.build tune``. Two methods have rates of their own: ``records/methods/<name>.json``, by
``… build methods``.
"""

from lab.bases.base import Lesson
from lab.bases.records._gpt import gpt, text

BASE = gpt(
    "gpt-en",
    {
        "python": Lesson(
            text("python", "def "),
            lr=5e-3,
            full_lr=2.5e-3,
            batch=8,
            steps=200,
            targets="all-linear",
            rates={"rslora": 0.002, "lora+": 8e-4},
        ),
        "thai": Lesson(
            text("thai-titles", "\n"),
            lr=8e-3,
            full_lr=6.5e-3,
            batch=8,
            steps=200,
            rates={"rslora": 0.005, "lora+": 2e-3},
            caution="frozen_embeddings",
        ),
    },
)
