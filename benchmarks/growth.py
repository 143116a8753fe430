"""How the cost of a sweep grows with configurations, rank and steps: numbers and a picture."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import Work, side_by_side
from benchmarks.training import Ours
from lab.bases.models import load_base
from lab.bases.tasks import load_task
from lab.sweep.batch import Member
from lora_core import AdapterConfig

PICTURE = Path(__file__).parent / "growth.svg"
CONFIGURATIONS, RANKS, STEPS = (1, 2, 4, 8, 16, 32, 64), (1, 2, 4, 8, 16, 32, 64), (25, 50, 100, 200)
BATCH = 64


def growth(rounds: int) -> dict[str, Any]:
    """Microseconds a configuration and step: against K at r = 8, against r at K = 8, and for longer runs.

    Returns:
        {"growth": …} with `by_configurations`, `by_rank` and `by_steps`, each {x: median}; writes growth.svg.
    """
    panels = {
        "by_configurations": _medians({K: (_sweep(K, 8, 1), K) for K in CONFIGURATIONS}, rounds),
        "by_rank": _medians({rank: (_sweep(8, rank, 1), 8) for rank in RANKS}, rounds),
        "by_steps": _medians({steps: (_sweep(8, 8, steps), 8 * steps) for steps in STEPS}, rounds),
    }
    PICTURE.write_text(picture(panels))
    first, last = (panels["by_configurations"][K] for K in (CONFIGURATIONS[0], CONFIGURATIONS[-1]))
    notes = (
        f"µs a configuration and step, MLP 196-128-128-10, batch {BATCH}; K = {CONFIGURATIONS[-1]} over K = 1"
    )
    return {
        "growth": {
            "median": round(last / first, 3),
            "min": round(min(panels["by_configurations"].values()) / first, 3),
            "max": round(max(panels["by_configurations"].values()) / first, 3),
            "rounds": rounds,
            "target": None,
            "better": "lower",
            "notes": notes,
            **panels,
        }
    }


def picture(panels: Mapping[str, Mapping[int, float]]) -> str:
    """One panel beside the other as SVG: x in equal steps, y from zero."""
    titles = {
        "by_configurations": "configurations K, r = 8",
        "by_rank": "rank r, K = 8",
        "by_steps": "steps, K = 8, r = 8",
    }
    width, height, margin = 260, 160, 46
    parts = []
    for index, (name, values) in enumerate(panels.items()):
        left, top = margin + index * (width + margin), margin
        highest = max(values.values())
        places = {
            x: (left + width * (position + 0.5) / len(values), top + height * (1 - value / highest))
            for position, (x, value) in enumerate(values.items())
        }
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y in places.values())
        parts.append(f'<text x="{left}" y="{top - 18}" font-weight="bold">{titles[name]}</text>')
        parts.append(f'<path d="M{left},{top}V{top + height}H{left + width}" fill="none" stroke="#888"/>')
        parts.append(f'<polyline points="{line}" fill="none" stroke="#b5482a" stroke-width="2"/>')
        for x, (across, down) in places.items():
            parts.append(f'<text x="{across:.0f}" y="{top + height + 16}" text-anchor="middle">{x}</text>')
            parts.append(
                f'<text x="{across:.0f}" y="{down - 6:.0f}" text-anchor="middle">{values[x]:.0f}</text>'
            )
    size = f"{margin + len(panels) * (width + margin)} {height + 2 * margin + 10}"
    style = 'font-family="sans-serif" font-size="11" fill="#333"'
    label = f'<text x="{margin}" y="14">µs a configuration and step</text>'
    body = "\n".join([label, *parts])
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" {style}>\n{body}\n</svg>\n'


def _medians(works: Mapping[int, tuple[Work, int]], rounds: int) -> dict[int, float]:
    """Median microseconds of each work, over how many configurations and steps it makes."""
    seconds = side_by_side({str(x): work for x, (work, _) in works.items()}, rounds, turn=0.05)
    return {x: round(statistics.median(seconds[str(x)]) / units * 1e6, 1) for x, (_, units) in works.items()}


def _sweep(K: int, rank: int, steps: int) -> Work:
    """Steps of K configurations in the batches that a sweep would choose."""
    task = load_task("fashion")
    generator = torch.Generator().manual_seed(0)
    adapter = AdapterConfig(rank=rank, alpha=32.0, targets="blocks")
    members = [Member(adapter, 1e-3 * 1.05**index, 0) for index in range(K)]
    ours = Ours(load_base("mlp-mnist"), members, [task.batch(BATCH, generator) for _ in range(32)])
    return lambda: ours.advance(steps)
