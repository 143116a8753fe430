"""The figure of each claim: pure functions from a result and its recipe to a chart.

A function takes a record as it takes what a live run has found so far, however little that is.
"""

from collections.abc import Callable, Mapping

from lab.claims import Result
from lab.claims.base import Recipe
from web.kit.claims.chart import Chart
from web.kit.claims.figures import exact, layers, memory, race, ranks, rates, rewards, updates

Draw = Callable[[Result, Recipe], Chart]

# By claim, in the order of the page; by view, the first shown first.
FIGURES: Mapping[str, Mapping[str, Draw]] = {
    "c01_capacity": {
        "curves": ranks.curves,
        "behind": ranks.behind,
        "memory": ranks.memory,
        "teacher": ranks.teacher,
    },
    "c02_learning_rate": {"alpha": rates.ratio, "text": rates.text, "pictures": rates.pictures},
    "c03_rank": {"text": rates.best_text, "pictures": rates.best_pictures},
    "c04_layers": {"layers": layers.layers},
    "c05_batch": {"text": updates.batch_text, "pictures": updates.batch_pictures},
    "c06_reinforcement": {
        "no_e": rewards.no_e,
        "exclaims": rewards.exclaims,
        "rotated": rewards.rotated,
    },
    "c07_invariance": {"difference": exact.difference},
    "c08_warmup": {"steps": updates.steps, "norms": updates.norms, "rates": updates.rates},
    "c09_compute": {"layer": exact.layer, "network": exact.network},
    "c10_bits": {"capacity": memory.capacity, "stored": memory.stored},
    "c11_kernel": {"kernels": layers.kernels},
    "c12_forgetting": {"frontier": memory.frontier},
    "early_curves": {"curves": ranks.early},
    "methods_race": {"late": race.late, "middle": race.middle, "early": race.early, "descent": race.descent},
}
VIEWS: Mapping[str, tuple[str, ...]] = {name: tuple(views) for name, views in FIGURES.items()}
