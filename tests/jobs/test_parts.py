"""The small parts: payloads, history, settings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import Limits
from jobs.history import History
from jobs.protocol import as_array, pack, unpack
from workers.pipe import ProtocolError

LARGE = 1 << 20


def test_arrays_come_back_as_they_went():
    arrays = {"run.delta.head": np.arange(6, dtype=np.float32).reshape(2, 3).T, "zip": as_array(b"abc")}
    found = unpack(pack(arrays))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    assert unpack(pack({})) == {}


@given(st.binary(min_size=1, max_size=64))
def test_a_payload_that_holds_no_arrays_is_refused(content):
    with pytest.raises(ProtocolError):
        unpack(content)


def snapshot(step, evaluated=True, **more):
    return {"step": step, "run": {"validation_loss": 1.0 if evaluated else None}, **more}


def steps(history, since=0):
    return [each["step"] for each in history.since(since)]


def test_history_is_thinned_evenly_and_keeps_the_first_and_the_last():
    history = History(limit=20, budget=LARGE)
    for step in range(1000):
        history.add(snapshot(step))
        kept = steps(history)
        assert len(kept) <= 20
        assert kept[0] == 0
        assert kept[-1] == step
    gaps = np.diff(kept)
    assert gaps.max() <= 4 * 1000 / 20  # no stretch of the run is lost
    assert history.count == 1000
    assert steps(history, since=history.count - 1) == [999]


def test_history_gives_up_snapshots_without_an_evaluation_first():
    history = History(limit=12, budget=LARGE)
    for step in range(100):
        history.add(snapshot(step, evaluated=step % 10 == 0))
    assert set(range(0, 100, 10)) <= set(steps(history))


def test_history_is_bounded_in_bytes_too_and_holds_one_curve():
    history = History(limit=1000, budget=20_000)
    for step in range(100):
        history.add(snapshot(step, sample="x" * 1000, history=[{"step": i} for i in range(step)]))
    assert len(steps(history)) <= 20
    curves = [len(each["history"]) for each in history.since(0)]
    assert curves == [0] * (len(curves) - 1) + [99]


def test_history_holds_one_result_however_often_it_came():
    history = History(limit=1000, budget=20_000)
    for step in range(100):
        history.add({"done": step / 99, "state": "running", "result": {"per_seed": {"a": [1.0] * step}}})
    kept = history.since(0)
    assert len(kept) == 100
    assert [each["result"] for each in kept[:-1]] == [{}] * 99
    assert kept[-1]["result"]["per_seed"]["a"] == [1.0] * 99


def test_history_never_drops_the_last_even_over_its_budget():
    history = History(limit=10, budget=10)
    for step in range(5):
        history.add(snapshot(step))
    assert steps(history) == [0, 4]


def test_limits_come_from_the_environment():
    limits = Limits.from_environment(
        {"PRADIT_WORKERS": "3", "PRADIT_LEASE": "2.5", "PRADIT_MEMORY": "512", "PRADIT_DEVICE": "cuda"}
    )
    assert (limits.workers, limits.lease, limits.memory, limits.device) == (3, 2.5, 512 << 20, "cuda")
    assert Limits.from_environment({}).workers >= 1
    assert Limits.from_environment({"PRADIT_LEASE": ""}).lease == 15
    assert (limits.running_each, limits.waiting_each, limits.waiting) == (1, 2, 64)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRADIT_WORKERS", "0"),
        ("PRADIT_WORKERS", "many"),
        ("PRADIT_LEASE", "-1"),
        ("PRADIT_LEASE", "inf"),
        ("PRADIT_LEASE", "nan"),
        ("PRADIT_MEMORY", "0"),
        ("PRADIT_DEVICE", "gpu"),
    ],
)
def test_a_wrong_setting_is_named(name, value):
    with pytest.raises(ValueError, match=rf"{name} is '{value}', expected"):
        Limits.from_environment({name: value})
