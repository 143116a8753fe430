"""Rates chosen on the validation split by seeds of their own, runs reported on the test split."""

from dataclasses import replace

import pytest
import torch

import lab.sweep
from lab.claims import Curve, Request, Result
from lab.claims.memorise import Learner, memorise
from lab.claims.rate_curves import u_curves
from lab.claims.teacher import energies, errors, floor
from lab.claims.tuned_runs import best_rate, condition, trained, tuned
from lab.runs.fine_tune import fine_tune

LORA = condition("fashion", 4, [1e-5, 1e-3, 1e-2], steps=30, batch=16, points=[0, 10])
FULL = condition("fashion", None, [1e-3], steps=30, batch=16, points=[0, 10])


def request(**changed: object) -> Request:
    return replace(Request({}, (0, 1), (), {}, "cpu", lambda: False, 0.0), **changed)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found() -> Result:
    *_, last = tuned(request(), {"lora": LORA, "full": FULL})
    assert last.done == pytest.approx(1)
    return last.result


def test_the_rate_of_least_validation_loss_is_chosen_by_seeds_that_are_not_reported(found: Result) -> None:
    selection = found.selection["lora"]
    assert selection.x == [1e-5, 1e-3, 1e-2]
    for place, seed in enumerate((100, 101)):
        for rate, loss in zip(selection.x, selection.y[place], strict=True):
            *_, last = fine_tune(replace(LORA.config, lr=rate, seed=seed), split="validation")
            assert loss == pytest.approx(last.run.validation_loss, abs=1e-4)
    assert found.chosen["lora"] == best_rate(selection) != 1e-5
    assert found.chosen["full"] == 1e-3  # nothing to choose from
    assert "full" not in found.selection


def test_what_is_reported_is_the_test_loss_of_lone_runs(found: Result) -> None:
    for name, each in (("lora", LORA), ("full", FULL)):
        for seed in (0, 1):
            config = replace(each.config, lr=found.chosen[name], seed=seed)
            *_, last = fine_tune(config, split="test")
            assert found.per_seed[name][seed] == pytest.approx(last.run.validation_loss, abs=1e-4)
            assert found.curves[name].y[seed][-1] == found.per_seed[name][seed]
    assert found.curves["lora"].x == [0, 10, 30]


def test_a_known_rate_is_taken_and_one_seed_alone_gives_its_value_again(found: Result) -> None:
    *_, again = tuned(request(seeds=(1,), chosen=found.chosen), {"lora": LORA})
    assert again.result.per_seed["lora"] == [found.per_seed["lora"][1]]
    assert not again.result.selection


def test_conditions_that_come_to_one_configuration_are_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(configs: list[object], **rest: object) -> object:
        asked.append(len(configs))
        return real(configs, **rest)

    real = lab.sweep.sweep
    monkeypatch.setattr(lab.sweep, "sweep", counted, raising=False)
    *_, (done, runs) = trained(request(), {"a": FULL, "b": FULL}, [0], split="test")
    assert asked == [1]
    assert done == pytest.approx(1)
    assert runs["a", 1e-3, 0] == runs["b", 1e-3, 0]


def test_a_stopped_choice_chooses_nothing() -> None:
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 5

    *_, last = tuned(request(stop=stop), {"lora": LORA})
    assert last.result == Result()
    assert 0 < last.done < 1


def test_a_rate_that_diverged_is_never_the_best() -> None:
    assert best_rate(Curve([1.0, 2.0, 3.0], [[0.1, 0.5, 0.6], [None, 0.5, 0.7]])) == 2.0
    with pytest.raises(ValueError, match="every learning rate diverged"):
        best_rate(Curve([1.0], [[None]]))


def test_a_best_rate_is_that_of_its_seed_and_the_edge_is_told() -> None:
    low = replace(LORA, rates=(1e-5, 1e-4, 1e-3))
    *_, last = u_curves(request(), {"low": low, "wide": replace(LORA, rates=(1e-3, 1e-2, 1.0))})
    result = last.result
    assert result.extra["optima"]["low"]["edge"] == "highest"
    assert result.extra["optima"]["wide"]["edge"] is None
    assert all(1e-3 < rate < 1.0 for rate in result.per_seed["wide"])
    *_, alone = u_curves(request(seeds=(1,)), {"low": low})
    assert alone.result.per_seed["low"] == pytest.approx(result.per_seed["low"][1:], rel=1e-5)
    # A product of another batch size may be summed in another order, as the processor likes it.
    assert alone.result.curves["low"].y == [pytest.approx(y, rel=1e-5) for y in result.curves["low"].y[1:]]


def test_learning_by_heart_does_not_depend_on_who_learns_beside() -> None:
    some = [Learner(1, 3e-3, 0), Learner(8, 3e-3, 1), Learner(None, 3e-3, 0)]
    sizes = {"images": 32, "steps": 150, "batch": 16}
    *_, (done, together) = memorise(some, **sizes, stop=lambda: False)
    assert done == 1
    losses = [together[each].loss for each in some]
    assert None not in losses
    assert losses[0] > losses[2]  # rank 1 has less room than the whole matrices
    *_, (_, alone) = memorise(some[1:2], **sizes, stop=lambda: False)
    assert alone[some[1]].loss == pytest.approx(together[some[1]].loss, abs=1e-5)


def test_the_floor_is_eckart_and_youngs() -> None:
    delta = torch.diag(torch.tensor(energies(8)).sqrt())
    U, S, Vh = torch.linalg.svd(delta)
    for rank in (1, 3, 8):
        best = U[:, :rank] * S[:rank] @ Vh[:rank]
        assert floor(8, rank) == pytest.approx((delta - best).norm().item(), abs=1e-6)


def test_the_teacher_is_learned_down_to_its_floor() -> None:
    recipe = {"rank": 2, "size": 16, "steps": 300, "batch": 32}
    assert errors(recipe, 1, 3e-2, 0) == pytest.approx(floor(2, 1), abs=0.02)
    assert errors(recipe, 2, 3e-2, 0) < 0.02
