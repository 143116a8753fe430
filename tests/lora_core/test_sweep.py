"""Sweeps: many runs at once, each the same as on its own; and what a finished sweep answers."""

import copy
import json
import math
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lora_core import AdapterConfig, attach, delta_weights, optimizer_for, recipes
from lora_core.adapter import linear_layers
from lora_core.config import METHODS, Targets, TrainConfig, select
from lora_core.models import GPT, MLP
from lora_core.sweep import Curve, SweepSnapshot, best_lrs, sweep
from lora_core.sweep.batch import Batch, Member
from lora_core.sweep.layers import Adapted, Workspace
from lora_core.sweep.plan import FORMS, LONE, Kind, at_once, batches, waves
from lora_core.sweep.run import _Sweep
from lora_core.tasks import Batch as Examples
from lora_core.tasks import loss_of
from lora_core.training import fine_tune

F64 = torch.float64
CPU = torch.device("cpu")
FASHION = replace(recipes.default("mlp-mnist", "fashion"), steps=12, yardstick=False)
PYTHON = replace(recipes.default("gpt-en", "python"), steps=4, batch=2, yardstick=False)


def varied(targets: Targets) -> list[Member]:
    """One of each: ranks, α, rates, seeds, rules of γ, methods."""
    some = AdapterConfig(rank=1, alpha=16, targets=targets)
    return [
        Member(some, 1e-3, 0),
        Member(replace(some, rank=4, method="rslora"), 2e-3, 1),
        Member(replace(some, rank=8, method="lora+"), 2e-4, 2),
        Member(replace(some, rank=10, alpha=32), 1e-3, 3),
        Member(replace(some, rank=3, alpha=2, gamma_rule="constant"), 5e-4, 3),
    ]


def whole(targets: Targets) -> list[Member]:
    return [Member(None, lr, 0, targets) for lr in (1e-3, 2e-4, 5e-4)]


def offset(targets: Targets) -> list[Member]:
    """W − γ B₀A₀ is another matrix for each: by rank and γ, by what it starts from."""
    some = AdapterConfig(method="pissa", rank=1, alpha=16, targets=targets)
    return [
        Member(some, 1e-3, 0),
        Member(replace(some, rank=4, alpha=32), 5e-4, 1),
        Member(replace(some, rank=6, method="lora-ga"), 1e-3, 2),
        Member(replace(some, rank=2, method="lora-ga", gamma_rule="constant", alpha=1.0), 1e-3, 3),
    ]


def decomposed(targets: Targets) -> list[Member]:
    some = AdapterConfig(method="dora", rank=1, alpha=16, targets=targets)
    return [Member(replace(some, rank=rank), 1e-3, rank) for rank in (1, 4, 10)]


def quantised(targets: Targets) -> list[Member]:
    some = AdapterConfig(method="qlora", rank=1, alpha=16, targets=targets)
    return [Member(replace(some, rank=rank), 1e-3, rank) for rank in (1, 4, 10)]


def gradients(model: GPT | MLP) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(3)
    return {
        name: torch.randn(layer.weight.shape, generator=g) for name, layer in linear_layers(model).items()
    }


def alone(base: GPT | MLP, member: Member, data: list[Examples]) -> tuple[list[float], dict[str, Tensor]]:
    """Losses and ΔW of one member by the plain path: attach, optimizer_for, autograd, in float64."""
    model = copy.deepcopy(base)
    if member.adapter is not None:
        generator = torch.Generator().manual_seed(member.seed)
        attach(model, member.adapter, generator=generator, gradients=member.gradients).to(F64)
        optimizer = optimizer_for(model, member.adapter, lr=member.lr)
    else:
        model.to(F64).requires_grad_(False)
        names = select(linear_layers(model), member.targets)
        weights = [model.get_parameter(f"{name}.weight").requires_grad_() for name in names]
        before = [weight.detach().clone() for weight in weights]
        optimizer = torch.optim.AdamW(weights, lr=member.lr, weight_decay=0.0)
    losses = []
    for batch in data:
        optimizer.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    if member.adapter is not None:
        return losses, delta_weights(model)
    pairs = zip(names, weights, before, strict=True)
    return losses, {name: weight.detach() - start for name, weight, start in pairs}


def minibatches(kind: str, count: int, *shape: int) -> Examples:
    g = torch.Generator().manual_seed(7)
    if kind == "mlp":
        *lead, _ = shape
        return torch.randn(count, *shape, generator=g, dtype=F64), torch.randint(
            10, (count, *lead), generator=g
        )
    return tuple(torch.randint(192, (count, *shape), generator=g) for _ in range(2))  # type: ignore[return-value]


CASES = [
    ("mlp", "blocks", (16, 196), 40),
    ("mlp", "all-linear", (16, 196), 40),
    ("mlp", ("head",), (8, 196), 10),
    ("mlp", ("blocks.1",), (8, 196), 10),
    ("gpt", "blocks", (4, 64), 5),
    ("gpt", "all-linear", (2, 17), 5),
    ("gpt", ("head",), (2, 9), 4),
    ("gpt", ("up", "down"), (2, 9), 4),
    ("gpt", ("blocks.1.attn.proj",), (2, 9), 4),
    ("gpt", ("down",), (2, 9), 4),
]


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
@pytest.mark.parametrize("make", [varied, whole, offset, decomposed, quantised])
@pytest.mark.parametrize(("kind", "targets", "rows", "steps"), CASES, ids=str)
def test_each_member_is_its_lone_run(
    kind: str, targets: Targets, rows: tuple[int, int], steps: int, make: object, shared: bool
) -> None:
    base = MLP(generator=torch.Generator().manual_seed(1)) if kind == "mlp" else _gpt()
    members = [replace(each, gradients=gradients(base)) for each in make(targets)]  # type: ignore[operator]
    lead = () if shared else (len(members),)
    inputs, classes = minibatches(kind, steps, *lead, *rows)
    batch = Batch(base, members, rows, Workspace(F64, CPU), shared=shared)
    losses = torch.stack([batch.step(*data) for data in zip(inputs, classes, strict=True)], dim=1)
    for k, member in enumerate(members):
        own = [(x, y) if shared else (x[k], y[k]) for x, y in zip(inputs, classes, strict=True)]
        expected, deltas = alone(base, member, own)
        assert losses[k].tolist() == pytest.approx(expected, abs=1e-12, rel=0)
        found = batch.deltas(k)
        assert found.keys() == deltas.keys()
        for name, delta in found.items():
            torch.testing.assert_close(delta, deltas[name].to(F64), rtol=0, atol=1e-11)


def _gpt() -> GPT:
    return GPT(generator=torch.Generator().manual_seed(1))


def test_the_cases_visit_every_way_of_computing_a_layer() -> None:
    ways = set()
    for kind, targets, rows, _ in CASES:
        base = MLP() if kind == "mlp" else _gpt()
        for shared in (True, False):
            batch = Batch(base, varied(targets), rows, Workspace(F64, CPU), shared=shared)
            layers = [layer for layer in batch.layers.values() if isinstance(layer, Adapted)]
            ways |= {(layer.shared, layer.merged, layer.dense) for layer in layers}
    dense = Batch(
        _gpt(), [Member(AdapterConfig(rank=32), 1e-3, 0)], (8, 64), Workspace(F64, CPU), shared=True
    )
    ways |= {(x.shared, x.merged, x.dense) for x in dense.layers.values() if isinstance(x, Adapted)}
    assert ways == {(True, False, False), (False, False, False), (False, True, False), (False, True, True)}


def test_high_rank_with_many_rows_is_its_lone_run() -> None:
    """The way through dW."""
    members = [Member(AdapterConfig(rank=rank, alpha=16), 1e-3, rank) for rank in (32, 64)]
    inputs, classes = minibatches("gpt", 3, 8, 64)
    batch = Batch(_gpt(), members, (8, 64), Workspace(F64, CPU), shared=True)
    losses = torch.stack([batch.step(*data) for data in zip(inputs, classes, strict=True)], dim=1)
    for k, member in enumerate(members):
        expected, _ = alone(_gpt(), member, list(zip(inputs, classes, strict=True)))
        assert losses[k].tolist() == pytest.approx(expected, abs=1e-12, rel=0)


def test_a_row_of_zeros_has_no_direction_and_is_its_lone_run() -> None:
    """DoRA's m / ‖V‖ is 1 there until B moves, and m = 0 from then on."""
    base = MLP(generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        base.get_parameter("blocks.1.weight")[3] = 0
    member = Member(AdapterConfig(method="dora", rank=3, alpha=16), 1e-3, 0)
    inputs, classes = minibatches("mlp", 5, 8, 196)
    batch = Batch(base, [member], (8, 196), Workspace(F64, CPU), shared=True)
    losses = [batch.step(*data).item() for data in zip(inputs, classes, strict=True)]
    expected, _ = alone(base, member, list(zip(inputs, classes, strict=True)))
    assert losses == pytest.approx(expected, abs=1e-12, rel=0)
    assert not batch.weights(0)["blocks.1"][3].any()


def test_padding_stays_zero_and_factors_have_their_own_rank() -> None:
    members = varied("blocks")
    batch = Batch(MLP(), members, (16, 196), Workspace(F64, CPU), shared=True)
    inputs, classes = minibatches("mlp", 5, 16, 196)
    for data in zip(inputs, classes, strict=True):
        batch.step(*data)
    for tensor in batch.parameters.tensors:
        for k, member in enumerate(members):
            assert member.adapter is not None
            assert not tensor.value[k, member.adapter.rank :].any()
            assert tensor.value[k, : member.adapter.rank].any()
    for k, member in enumerate(members):
        assert member.adapter is not None
        for name, (A, B) in batch.factors(k).items():
            assert (len(A), B.shape[1]) == (member.adapter.rank,) * 2
            torch.testing.assert_close(
                member.adapter.gamma * B @ A, batch.deltas(k)[name], rtol=0, atol=1e-13
            )
    with pytest.raises(ValueError, match="no factors"):
        Batch(MLP(), whole("blocks"), (4, 196), Workspace(F64, CPU), shared=True).factors(0)


def test_one_member_that_diverges_leaves_the_others_alone() -> None:
    calm = Member(AdapterConfig(rank=4), 1e-3, 0)
    wild = Member(AdapterConfig(rank=4), 1e160, 1)  # B A overflows after two steps
    inputs, classes = minibatches("mlp", 6, 8, 196)

    def losses(*members: Member) -> Tensor:
        batch = Batch(
            MLP(generator=torch.Generator().manual_seed(1)),
            members,
            (8, 196),
            Workspace(F64, CPU),
            shared=True,
        )
        return torch.stack([batch.step(*data) for data in zip(inputs, classes, strict=True)], dim=1)

    both = losses(wild, calm)
    assert not both[0].isfinite().all()
    torch.testing.assert_close(both[1], losses(calm)[0], rtol=0, atol=1e-13)


def test_a_batch_refuses_what_it_cannot_do() -> None:
    def build(*members: Member) -> None:
        Batch(MLP(), members, (4, 196), Workspace(F64, CPU), shared=True)

    for method, why in (("adalora", "budget"), ("lora-pro", "whole gradient")):
        with pytest.raises(ValueError, match=rf"'{method}'.*{why}.* one of: lora, .*, qlora, or none"):
            Member(AdapterConfig(method=method), 1e-3, 0)
    with pytest.raises(ValueError, match="dropout"):
        Member(AdapterConfig(dropout=0.1), 1e-3, 0)
    with pytest.raises(ValueError, match="same matrices"):
        build(Member(AdapterConfig(rank=2), 1e-3, 0), Member(None, 1e-3, 0, "all-linear"))
    with pytest.raises(ValueError, match="same matrices"):
        build(Member(None, 1e-3, 0, "blocks"), Member(None, 1e-3, 0, "all-linear"))
    with pytest.raises(ValueError, match="same form"):
        build(Member(AdapterConfig(rank=2), 1e-3, 0), Member(AdapterConfig(rank=2, method="dora"), 1e-3, 0))
    with pytest.raises(ValueError, match="needs the gradient"):
        build(Member(AdapterConfig(rank=2, method="lora-ga"), 1e-3, 0))
    with pytest.raises(ValueError, match="'embed'"):
        build(Member(None, 1e-3, 0, ("head", "embed")))
    with pytest.raises(ValueError, match="rank is 11"):
        build(Member(AdapterConfig(rank=11), 1e-3, 0))


# A sweep


def grid(
    config: TrainConfig, ranks: tuple[int, ...], rates: tuple[float, ...], seeds: tuple[int, ...] = (0,)
) -> list[TrainConfig]:
    assert config.adapter is not None
    return [
        replace(config, adapter=replace(config.adapter, rank=rank), lr=lr, seed=seed)
        for rank in ranks
        for lr in rates
        for seed in seeds
    ]


def last(configs: list[TrainConfig], **options: object) -> SweepSnapshot:
    *_, end = sweep(configs, **options)  # type: ignore[arg-type]
    return end


@pytest.mark.parametrize("config", [FASHION, PYTHON], ids=["mlp", "gpt"])
def test_a_sweep_tells_the_curves_that_fine_tune_tells(config: TrainConfig) -> None:
    configs = [*grid(config, (1, 4), (1e-3,), (0, 1))[:3], replace(config, adapter=None, lr=5e-4)]
    assert config.adapter is not None
    configs += [replace(config, adapter=replace(config.adapter, method=method), lr=5e-4) for method in FORMS]
    for curve in last(configs).curves:
        *_, lone = fine_tune(curve.config, split="validation", every=math.inf)
        assert curve.steps == [point.step for point in lone.history]
        assert curve.validation == pytest.approx([point.run_validation for point in lone.history], abs=2e-3)
        assert curve.train[0] is None
        assert curve.train[1:] == pytest.approx([point.run_train for point in lone.history[1:]], abs=2e-3)
        *_, tested = fine_tune(curve.config, every=math.inf)
        assert curve.test_loss == pytest.approx(tested.run.validation_loss, abs=2e-3)
        assert (curve.test_accuracy, tested.run.accuracy) == (
            None,
            None,
        ) or curve.test_accuracy == pytest.approx(tested.run.accuracy, abs=0.01)


def test_how_the_work_is_cut_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = grid(FASHION, (1, 2, 16), (1e-3, 2e-3), (0, 1))
    at_once = last(configs, dtype=F64).curves
    assert len(_Sweep(configs, CPU, F64).waves(2**30)) == 1
    assert len(_Sweep(configs, CPU, F64).waves(1)) > 1
    few = last(configs, dtype=F64, memory=1).curves
    monkeypatch.setattr("lora_core.sweep.run.at_once", lambda *_: 1)
    assert all(len(places) == 1 for places in _Sweep(configs, CPU, F64).waves(2**30)[0])
    singly = last(configs, dtype=F64).curves
    for other in (few, singly):
        for one, two in zip(at_once, other, strict=True):
            assert one.config == two.config
            assert one.validation == pytest.approx(two.validation, abs=1e-12)


@given(
    st.lists(
        st.builds(
            Kind,
            st.sampled_from(["added", "offset"]),
            st.sampled_from([1, 2, 4, 8, 9, 40, 64]),
            st.integers(0, 3),
        )
        | st.builds(Kind, st.just("whole"), st.just(0), st.integers(0, 3))
    ),
    st.integers(1, 9),
)
def test_every_configuration_is_in_one_batch_with_its_likes(kinds: list[Kind], most: int) -> None:
    found = batches(kinds, most)
    assert sorted(place for places in found for place in places) == list(range(len(kinds)))
    for places in found:
        ranks = [kinds[place].rank for place in places]
        assert 1 <= len(places) <= most
        assert len({kinds[place].form for place in places}) == 1
        assert ranks[0] <= ranks[-1] <= max(8, 2 * ranks[0])
        assert {kinds[place].seed for place in places[most // 2 :]} <= {kinds[places[0]].seed}


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(1, 30))
def test_what_is_held_at_a_time_fits_unless_a_batch_alone_does_not(sizes: list[int], memory: int) -> None:
    found = waves([[place] for place in range(len(sizes))], sizes, memory)
    assert [place for wave in found for (place,) in wave] == list(range(len(sizes)))
    for wave in found:
        assert len(wave) == 1 or sum(sizes[place] for (place,) in wave) <= memory


def test_a_batch_has_as_many_as_the_cache_has_room_for() -> None:
    assert at_once(recipes.layers("gpt-en"), 16 * 64, 4) == 1
    assert 4 < at_once(recipes.layers("mlp-mnist"), 64, 4) < 64
    assert at_once(recipes.layers("gpt-en"), 16 * 64, 4, "cuda") > 8


def test_it_tells_as_it_goes_and_stops_between_steps() -> None:
    configs = grid(FASHION, (1, 4), (1e-3,))
    told = list(sweep(configs, every=0.0))
    assert [snapshot.state for snapshot in told] == ["running"] * (len(told) - 1) + ["done"]
    assert told[0].done == 0.0
    assert told[-1].done == 1.0
    assert all(one.done <= two.done for one, two in pairwise(told))
    assert len(told) > FASHION.steps
    assert [len(curve.steps) for curve in told[0].curves] == [0, 0]

    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    end = last(configs, stop=stop)
    assert end.state == "stopped"
    assert 0 < end.done < 1
    for curve in end.curves:
        assert curve.state == "stopped"
        assert curve.validation
        assert curve.test_loss is None


def test_a_run_that_diverges_ends_its_curve_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    step, steps = Batch.step, []

    def fails_at_the_third(batch: Batch, *data: Tensor) -> Tensor:
        losses = step(batch, *data)
        steps.append(losses)
        return losses * torch.tensor([math.nan, 1.0]) if len(steps) == 3 else losses

    monkeypatch.setattr(Batch, "step", fails_at_the_third)
    wild, calm = last([FASHION, replace(FASHION, lr=1e-3)], points=range(FASHION.steps)).curves
    assert (wild.state, wild.steps, wild.test_loss) == ("diverged", [0, 1, 2], None)
    assert (calm.state, calm.steps[-1]) == ("done", FASHION.steps)


def test_points_are_where_they_are_asked_for() -> None:
    (curve,) = last([FASHION], points=(0, 3)).curves
    assert curve.steps == [0, 3, FASHION.steps]


def test_every_method_is_in_a_batch_or_is_said_why_not() -> None:
    assert FORMS.keys().isdisjoint(LONE)
    assert {*FORMS, *LONE} == set(METHODS)
    assert FASHION.adapter is not None
    with pytest.raises(ValueError, match="'adalora'"):
        next(sweep([replace(FASHION, adapter=replace(FASHION.adapter, method="adalora"))]))


def test_json_brings_a_snapshot_back() -> None:
    end = last([FASHION, replace(FASHION, adapter=None, targets="blocks")], points=(0,))
    assert SweepSnapshot.from_json(json.loads(json.dumps(end.to_json(), allow_nan=False))) == end


def test_configurations_that_disagree_are_refused() -> None:
    for name, value in (("batch", 2), ("steps", 3), ("task", "rotated")):
        with pytest.raises(ValueError, match=f"agree in {name}"):
            next(sweep([FASHION, replace(FASHION, **{name: value})]))
    with pytest.raises(ValueError, match="no configuration"):
        next(sweep([]))
    with pytest.raises(ValueError, match="rank is 64"):
        next(sweep(grid(replace(FASHION, adapter=AdapterConfig()), (64,), (1e-3,))))


def test_what_a_sweep_says_needs_no_torch() -> None:
    code = "import sys, lora_core.sweep as s; s.best_lrs([]); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# The best learning rate


def parabolas(
    optima: dict[int, float], rates: tuple[float, ...], seeds: tuple[int, ...] = (0,), shift: float = 0.0
) -> list[Curve]:
    """Loss = 2 + (ln lr − ln optimum − shift · seed)² for each rank."""
    return [
        Curve(
            config,
            "done",
            [9],
            [None],
            [2 + (math.log(config.lr / optima[config.adapter.rank]) - shift * config.seed) ** 2],
        )
        for config in grid(FASHION, tuple(optima), rates, seeds)
        if config.adapter
    ]


RATES = (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)


def test_the_vertex_of_a_parabola_is_found() -> None:
    one, four = best_lrs(parabolas({1: 3e-3, 4: 5e-3}, RATES))
    for found, rank, optimum in ((one, 1, 3e-3), (four, 4, 5e-3)):
        assert found.condition.adapter is not None
        assert found.condition.adapter.rank == rank
        assert found.lr == pytest.approx(optimum)
        assert found.low is not None
        assert found.high is not None
        assert found.low < optimum < found.high
        assert (found.edge, found.spread) == (None, None)


def test_the_band_holds_what_each_seed_would_have_said() -> None:
    (found,) = best_lrs(parabolas({4: 4e-3}, RATES, seeds=(0, 1, 2), shift=0.1))
    assert found.lr == pytest.approx(4e-3 * math.exp(0.1))
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 4e-3 * (1 + 1e-9)
    assert found.high >= 4e-3 * math.exp(0.2) * (1 - 1e-9)
    assert found.spread is not None
    assert found.spread > 0


def test_a_flat_curve_has_a_wide_band() -> None:
    """Same noise over seeds, a flatter curve: a wider band."""

    def width(curvature: float) -> float:
        curves = [
            Curve(
                config,
                "done",
                [9],
                [None],
                [curvature * math.log(config.lr / 4e-3) ** 2 + 0.01 * config.seed],
            )
            for config in grid(FASHION, (4,), RATES, (0, 1))
        ]
        (found,) = best_lrs(curves)
        assert found.low is not None
        assert found.high is not None
        return found.high / found.low

    assert width(0.1) > 1.3 * width(1.0)


def test_an_optimum_at_the_edge_says_so() -> None:
    (low,) = best_lrs(parabolas({4: 1e-4}, RATES))
    (high,) = best_lrs(parabolas({4: 1.0}, RATES))
    assert (low.edge, high.edge) == ("lowest", "highest")
    assert low.lr == pytest.approx(RATES[0])
    assert high.lr == pytest.approx(RATES[-1])


def test_diverged_rates_do_not_count() -> None:
    curves = parabolas({4: 4e-3}, RATES, seeds=(0, 1))
    wild = [replace(c, state="diverged") if c.config.lr >= 8e-3 and c.config.seed == 1 else c for c in curves]
    (found,) = best_lrs(wild)
    assert found.lr == pytest.approx(4e-3)
    (none,) = best_lrs([replace(curve, state="diverged") for curve in curves])
    assert (none.lr, none.low, none.high, none.loss) == (None, None, None, None)


def test_with_two_rates_the_better_is_the_answer() -> None:
    (two,) = best_lrs(parabolas({4: 2e-3}, RATES[:2]))
    assert (two.lr, two.low, two.high) == pytest.approx((2e-3, 1e-3, 2e-3))


def test_the_three_best_points_may_be_no_valley() -> None:
    """Where no parabola opens upwards, or it points beyond the neighbours, the grid has the last word."""
    losses = dict(zip(RATES, (1.2, 9.0, 1.0, 1.15, 9.0), strict=True))
    curves = [replace(c, validation=[losses[c.config.lr]]) for c in parabolas({4: 1.0}, RATES)]
    (found,) = best_lrs(curves)
    assert found.lr is not None
    assert RATES[1] <= found.lr <= RATES[3]
    losses = dict(zip(RATES, (1.0, 9.0, 1.5, 1.55, 9.0), strict=True))
    (found,) = best_lrs([replace(c, validation=[losses[c.config.lr]]) for c in curves])
    assert found.lr == pytest.approx(RATES[0])
