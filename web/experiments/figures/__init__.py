"""The figure of each claim: pure functions from a result and its recipe to a chart.

A function takes a record as it takes what a live run has found so far, however little that is.
"""

from collections.abc import Callable, Mapping

from lora_core.experiments import Result
from lora_core.experiments.base import Recipe
from web.experiments.chart import Chart
from web.experiments.figures import exact, layers, ranks

Draw = Callable[[Result, Recipe], Chart]

# By claim, in the order of the page; by view, the first shown first.
FIGURES: Mapping[str, Mapping[str, Draw]] = {
    "c04_layers": {"layers": layers.layers},
    "c07_invariance": {"difference": exact.difference},
    "c09_compute": {"layer": exact.layer, "network": exact.network},
    "early_curves": {"curves": ranks.early},
}
VIEWS: Mapping[str, tuple[str, ...]] = {name: tuple(views) for name, views in FIGURES.items()}
