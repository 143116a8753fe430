"""The claims of "LoRA Without Regret", one file each: a recipe as data, a run, a verdict by a stated rule.

    load("c03_rank").verdict(read("c03_rank").result)

Nothing here imports torch until an experiment runs. `python -m lab.claims` records them.
"""

from lab.claims.base import (
    Curve,
    Experiment,
    Outcome,
    Request,
    Result,
    Setting,
    Update,
    Verdict,
    judge,
    mean,
    sd,
)
from lab.claims.record import Record, read, write
from lab.claims.registry import NAMES, ExperimentConfig, live, load

__all__ = [
    "NAMES",
    "Curve",
    "Experiment",
    "ExperimentConfig",
    "Outcome",
    "Record",
    "Request",
    "Result",
    "Setting",
    "Update",
    "Verdict",
    "judge",
    "live",
    "load",
    "mean",
    "read",
    "sd",
    "write",
]
