"""The claims of "LoRA Without Regret", one file each: a recipe as data, a run, a verdict by a stated rule.

    load("c03_rank").verdict(read("c03_rank").result)

Nothing here imports torch until an experiment runs. `python -m lora_core.experiments` records them.
"""

from lora_core.experiments.base import (
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
from lora_core.experiments.record import Record, read, write
from lora_core.experiments.registry import NAMES, ExperimentConfig, live, load

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
