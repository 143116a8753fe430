"""Curves by rank."""

from __future__ import annotations

from lora_core.experiments import Result
from lora_core.experiments.base import Recipe
from web.experiments.chart import LORA, Axis, Chart, line
from web.experiments.words import axis, rank, rank_short, two, whole

DASHES = {1: "dot", 4: "dash", 16: "longdash", 64: "solid"}


def early(result: Result, recipe: Recipe) -> Chart:
    """Loss over steps by rank at one learning rate."""
    drawn = [
        line(
            rank(r),
            result.curves.get(f"r{r}"),
            least=1,
            short=rank_short(r),
            colour=LORA,
            dash=DASHES.get(r, "solid"),
        )
        for r in recipe["ranks"]
    ]
    steps = [step for step in (1, 3, 10, 30, 100, 300, 800) if step <= recipe["steps"]]
    return Chart(
        tuple(drawn),
        Axis(axis("step"), whole, log=True, ticks=steps, few=steps[::2], low=1, high=recipe["steps"]),
        Axis(axis("loss_text"), two),
    )
