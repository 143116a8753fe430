"""What a fine-tune says while it runs: plain values and numpy arrays, so that a server needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

State = Literal["running", "done", "stopped", "diverged"]


@dataclass(frozen=True)
class Measure:
    """One model at one step. A field is None where it was not evaluated at this step or does not apply.

    Attributes:
        train_loss: loss of the batch of this step, before its update; None at step 0 and when not finite.
        validation_loss: loss on fixed held-out data that neither trained nor chose the default rates.
        accuracy: share of that set classified rightly, 0 to 1 (images only).
        sample: text drawn from the model with a fixed seed, so that only the weights differ (text only).
        predictions: class of each picture in the array ``images`` (images only).
        spectra: singular values of each ΔW, largest first; an adapter has as many as its rank allows.

    Losses are in nats: a character for text, an image for pictures.
    """

    train_loss: float | None
    validation_loss: float | None = None
    accuracy: float | None = None
    sample: str | None = None
    predictions: list[int] | None = None
    spectra: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """One evaluated step of the learning curve. The clock has no say in which steps these are."""

    step: int
    run_train: float | None
    run_validation: float | None
    yardstick_train: float | None = None
    yardstick_validation: float | None = None
    run_accuracy: float | None = None
    yardstick_accuracy: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """One moment of a run.

    Attributes:
        step: updates made so far; 0 is the base model before training.
        steps: updates asked for.
        seconds: since the run began.
        steps_per_second: 0.0 until a step was made. With a yardstick, a step updates both models.
        run: the model being fine-tuned.
        yardstick: full fine-tuning of the same matrices on the same batches, or None when not asked for.
        state: ``running`` until the last snapshot, which says how the run ended.
        reason: a key that says why a run diverged: ``loss_not_finite`` or ``yardstick_loss_not_finite``.
        history: the learning curve from step 0 to now; the last snapshot alone is enough to draw a run.
        arrays: float32, not part of the JSON. ``run.delta.<layer>`` and ``yardstick.delta.<layer>``: ΔW
            (d_out, d_in). At step 0 of an image task also ``images`` (n, 14, 14), 0 to 1, and ``labels``.
    """

    step: int
    steps: int
    seconds: float
    steps_per_second: float
    run: Measure
    yardstick: Measure | None = None
    state: State = "running"
    reason: str | None = None
    history: list[Point] = field(default_factory=list)
    arrays: dict[str, NDArray[np.float32]] = field(default_factory=dict, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Everything but the arrays, as JSON can hold it (no NaN, no infinity)."""
        fields = {key: value for key, value in vars(self).items() if key != "arrays"}
        fields["run"] = asdict(self.run)
        fields["yardstick"] = None if self.yardstick is None else asdict(self.yardstick)
        fields["history"] = [asdict(point) for point in self.history]
        return fields

    @classmethod
    def from_json(cls, data: Mapping[str, Any], arrays: dict[str, NDArray[np.float32]] | None = None) -> Self:
        """The inverse of ``to_json``; the arrays travel beside it."""
        fields = dict(data)
        fields["run"] = Measure(**fields["run"])
        fields["yardstick"] = None if fields["yardstick"] is None else Measure(**fields["yardstick"])
        fields["history"] = [Point(**point) for point in fields["history"]]
        return cls(**fields, arrays=arrays or {})
