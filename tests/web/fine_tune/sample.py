"""A run as tests of the page know it."""

from typing import Any

import numpy as np

from jobs.job import JobView
from lab.runs.config import TrainConfig
from web.fine_tune.runs import Run


def measure(loss: float, **more: Any) -> dict[str, Any]:
    plain = {"accuracy": None, "sample": None, "predictions": None, "spectra": {}}
    return {"train_loss": loss, "validation_loss": loss, **plain, **more}


def run_of(config: TrainConfig | None = None, *, id: str = "a", state: str = "done", number: int = 1) -> Run:
    """A run that was seen three times: at steps 0, 4 and 8."""
    history = [
        {"step": step, "run_train": None if step == 0 else 3.0, "run_validation": 3.5 - step / 10}
        | {"yardstick_train": 2.9, "yardstick_validation": 3.5 - step / 8}
        | {"run_accuracy": None, "yardstick_accuracy": None}
        for step in (0, 4, 8)
    ]
    snapshots = [
        {
            "step": step,
            "steps": 8,
            "seconds": step / 2,
            "steps_per_second": 2.0 if step else 0.0,
            "run": measure(3.0, sample="abc" if step < 8 else None, spectra={"head": [step, 0.0]}),
            "yardstick": measure(3.0, sample="xyz" if step == 4 else None),
            "state": "running",
            "reason": None,
            "history": history if step == 8 else [],
        }
        for step in (0, 4, 8)
    ]
    arrays = {
        "run.delta.head": np.ones((2, 3), np.float32),
        "yardstick.delta.head": np.ones((2, 3), np.float32),
    }
    view = JobView(id, state, None, snapshots, 3, arrays, config or TrainConfig(), "cpu", None, {}, None)  # type: ignore[arg-type]
    return Run(number, view)
