"""Each verdict's rule on numbers made by hand, on both sides of its thresholds."""

import math

import pytest

from lab.bases.registry import BASES
from lab.claims import Curve, Result, load
from lab.claims.c02_learning_rate import ratios
from lab.claims.c03_rank import gamma
from lab.claims.c04_layers import TARGETS, rank_of
from tests.lab.claims.common import judged, seeds


def curve(*losses: float) -> Curve:
    """At steps 0, 10 and 100."""
    return Curve([0.0, 10.0, 100.0], [list(losses)] * 5)


def capacity(**changed: float) -> Result:
    ends = {"r1": 2.4, "r4": 2.2, "r16": 2.05, "r64": 2.01, "full": 2.0} | changed
    middle = {"r1": 2.9, "r4": 2.63, "r16": 2.61, "r64": 2.6, "full": 2.5}
    remembered = {"r1": 0.5, "r2": 0.8, "r4": 1.0, "full": 1.0}
    return Result(
        per_seed={f"text/{name}": seeds(loss) for name, loss in ends.items()}
        | {f"memory/{name}": seeds(share, 0) for name, share in remembered.items()}
        | {"teacher/r1": [0.71], "teacher/r8": [0.0]},
        curves={f"text/{name}": curve(4.0, middle[name], loss) for name, loss in ends.items()},
        extra={"floor": {"r1": 0.7, "r8": 0.0}},
    )


def test_capacity() -> None:
    assert judged("c01_capacity", capacity()) == ("reproduces", set())
    numbers = load("c01_capacity").verdict(capacity()).numbers
    assert [numbers[f"leaves_r{rank}"] for rank in (1, 4, 16)] == [10, 100, math.inf]
    assert judged("c01_capacity", capacity(r64=2.12)) == ("does_not", {"high_rank_matches"})
    outcome, failed = judged("c01_capacity", capacity(r1=2.08))
    assert outcome == "partly"
    assert failed == {"low_rank_falls_behind", "leaving_grows_with_rank"}
    missed = capacity()
    missed.per_seed["teacher/r8"] = [0.05]
    missed.per_seed["memory/r1"] = seeds(0.95, 0)
    assert judged("c01_capacity", missed) == ("partly", {"teacher_on_floor", "memory_grows_with_rank"})


def rates(full: float, r1: float, r4: float, r16: float, edge: str | None = None) -> Result:
    chosen = {"text/full": full, "text/r1": r1, "text/r4": r4, "text/r16": r16}
    return Result(
        per_seed={name: seeds(rate, 0) for name, rate in chosen.items()},
        chosen=chosen,
        extra={"optima": {name: {"edge": edge} for name in chosen}},
    )


def test_learning_rate() -> None:
    assert judged("c02_learning_rate", rates(1e-3, 2e-3, 8e-3, 1.2e-2)) == ("reproduces", set())
    assert judged("c02_learning_rate", rates(1e-3, 1e-2, 2e-3, 2e-3)) == ("does_not", {"about_ten"})
    assert judged("c02_learning_rate", rates(1e-3, 1e-2, 1e-2, 1e-2, "highest")) == ("partly", {"u_curves"})
    lower = rates(1e-3, 1e-2, 1e-2, 1e-2)
    lower.per_seed["text/r4"][2] = 5e-4
    assert judged("c02_learning_rate", lower) == ("partly", {"higher_than_full"})
    assert ratios(rates(1e-3, 2e-3, 8e-3, 1.2e-2))["text/r16"] == pytest.approx(12)


def by_rank(r1: float, r4: float, r64: float, constant: float) -> Result:
    """constant: the best rate of rank 4 under a constant γ over that of rank 64."""
    chosen = {}
    for part in ("text", "pictures"):
        chosen |= {f"{part}/alpha/r:r{rank}": rate for rank, rate in ((1, r1), (4, r4), (64, r64))}
        chosen |= {f"{part}/alpha/sqrt(r):r4": 1e-3, f"{part}/alpha/sqrt(r):r64": 1e-3}
        chosen |= {f"{part}/constant:r4": constant * 1e-3, f"{part}/constant:r64": 1e-3}
    return Result(per_seed={name: seeds(rate, 0) for name, rate in chosen.items()}, chosen=chosen)


def test_rank() -> None:
    assert judged("c03_rank", by_rank(1e-3, 2e-3, 3e-3, 4)) == ("reproduces", set())
    assert judged("c03_rank", by_rank(3e-3, 2e-3, 3e-3, 4)) == ("partly", {"rank_one_lower"})
    assert judged("c03_rank", by_rank(1e-3, 2e-3, 3e-3, 1.2)) == ("partly", {"constant_depends_more"})
    outcome, failed = judged("c03_rank", by_rank(1e-3, 2e-3, 5e-3, 4))
    assert outcome == "does_not"
    assert failed == {"text_hardly_depends", "pictures_hardly_depend"}


@pytest.mark.parametrize(("rule", "at_16"), [("alpha/r", 2.0), ("alpha/sqrt(r)", 8.0), ("constant", 3.0)])
def test_the_three_rules_of_gamma(rule: str, at_16: float) -> None:
    assert gamma(rule, {"alpha": 32.0, "gamma": 3.0}, 16) == at_16


def by_layers(attention: float, mlp: float, every: float) -> Result:
    ends = {"attention": attention, "mlp": mlp, "all": every, "last": 2.6, "full": 2.0}
    return Result(
        per_seed={name: seeds(loss) for name, loss in ends.items()},
        curves={name: curve(4.0, 3.0, loss) for name, loss in ends.items()},
    )


def test_layers() -> None:
    assert judged("c04_layers", by_layers(2.5, 2.11, 2.1)) == ("reproduces", set())
    assert judged("c04_layers", by_layers(2.5, 2.25, 2.1)) == ("partly", {"mlp_as_good_as_all"})
    outcome, failed = judged("c04_layers", by_layers(2.1, 2.1, 2.1))
    assert outcome == "does_not"
    assert failed == {"attention_worse_than_mlp", "attention_worse_than_all"}


@pytest.mark.parametrize("rank", load("c04_layers").settings[0].choices)
def test_choices_of_layers_have_as_many_parameters(rank: int) -> None:
    shapes = BASES["gpt-en"].layers
    counts = []
    for name, (targets, _) in TARGETS.items():
        wanted = ("attn.", "mlp.") if targets == "blocks" else targets
        each = [sum(shape) for layer, shape in shapes.items() if any(part in layer for part in wanted)]
        counts.append(rank_of(name, rank) * sum(each))
    assert max(counts) / min(counts) < 1.1


def by_batch(small: float, large: float, updates: float, low: float | None = None) -> Result:
    """LoRA above full: at both batch sizes, at the larger with equal updates, and at a lower rank."""
    found = {}
    for part in ("text", "pictures"):
        for panel, gaps in (("examples", (small, large)), ("updates", (small, updates))):
            for batch, gap in zip((8, 128), gaps, strict=True):
                found[f"{part}/{panel}/full:b{batch}"] = seeds(2.0)
                found[f"{part}/{panel}/r32:b{batch}"] = seeds(2.0 + gap, 0.011)
                if panel == "examples":
                    found[f"{part}/{panel}/r8:b{batch}"] = seeds(2.0 + (gap if low is None else low))
    return Result(per_seed=found)


def test_batch() -> None:
    assert judged("c05_batch", by_batch(0.05, 0.2, 0.15)) == ("reproduces", set())
    assert judged("c05_batch", by_batch(0.05, 0.2, 0.03)) == ("partly", {"grows_at_fixed_updates"})
    assert judged("c05_batch", by_batch(0.05, 0.2, 0.15, low=0.5)) == ("partly", {"rank_does_not_help"})
    outcome, failed = judged("c05_batch", by_batch(0.05, 0.04, 0.15))
    assert outcome == "does_not"
    assert failed == {"grows_at_fixed_examples", "grows_on_pictures"}


def early(start: float, end: float) -> Result:
    """Distances of rank 1 from the others at step 10, and of rank 64 from rank 16 at the end."""
    return Result(
        curves={
            "r1": curve(4.0, 3.0 + start, 2.6),
            "r16": curve(4.0, 3.0, 2.5),
            "r64": curve(4.0, 3.0, 2.5 - end),
        }
    )


def test_early_curves() -> None:
    assert judged("early_curves", early(0.05, 0.02)) == ("reproduces", set())
    assert judged("early_curves", early(0.05, 0.0)) == ("partly", {"part_later"})
    assert judged("early_curves", early(0.2, 0.02)) == ("does_not", {"same_at_start"})
    assert load("early_curves").verdict(early(0.05, 0.02)).numbers["span_at_start_nats"] == pytest.approx(
        0.05
    )
