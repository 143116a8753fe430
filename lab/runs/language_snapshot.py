"""What a fine-tune of the language model shows while it runs: plain values, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from lab.runs.snapshot import State


@dataclass(frozen=True)
class Answers:
    """What the model says to the questions shown, each with the likeliest token, at one step.

    Attributes:
        marks: of each answer, by the lesson's judge; empty where nothing can be judged.
    """

    step: int
    texts: list[str]
    marks: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class LanguageSnapshot:
    """One moment of a run.

    Attributes:
        step: updates made so far; 0 is the base before training.
        seconds: since the run began.
        losses: of each step's batch before its update, in nats a token; where a reward teaches, empty.
        rewards: share of each step's answers that earned, 0 to 1; only where a reward teaches.
        held_out: (step, loss) on the examples held out.
        tokens: read in training so far.
        tokens_per_second: of training, without what is asked and measured in between.
        peak_mb: most memory of the process in use at a time since training began; 0 if unknown.
        numbers: that train.
        answers: each round of answers so far, the base's first. Earlier rounds stay, so that a reader can
            go back.
        scores: (step, mark -> its mean over the lesson's questions, 0 to 1), where it was measured.
        kept: (step, mark -> its mean over the control questions), likewise.
        state: "running" until the last snapshot, which says how the run ended.
        questions: that were asked, where they are of the reader's own text.
        reason: why it diverged: "loss" or "gradient" was not finite.
    """

    step: int
    steps: int
    seconds: float
    losses: list[float] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    held_out: list[tuple[int, float]] = field(default_factory=list)
    tokens: int = 0
    tokens_per_second: float = 0.0
    peak_mb: int = 0
    numbers: int = 0
    answers: list[Answers] = field(default_factory=list)
    scores: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    kept: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    state: State = "running"
    reason: str | None = None
    questions: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        fields = dict(data)
        fields["answers"] = [Answers(**each) for each in fields["answers"]]
        for name in ("held_out", "scores", "kept"):
            fields[name] = [(step, value) for step, value in fields[name]]
        return cls(**fields)
