"""A character GPT that has read English and Thai. It invents names in both; rates as in `gpt_en`."""

from lab.bases.base import Lesson
from lab.bases.records._gpt import gpt, text

BASE = gpt(
    "gpt-en-th",
    {
        task: Lesson(
            text(task, "\n"),
            lr=3e-3,
            full_lr=2.5e-3,
            batch=8,
            steps=200,
            targets="all-linear",
            rates=rates,
        )
        for task, rates in (
            ("thai-names", {"rslora": 0.002, "lora+": 5e-4}),
            ("english-names", {"rslora": 0.0012, "lora+": 3e-4}),
        )
    },
)
