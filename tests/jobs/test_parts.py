"""The small parts: frames, history, settings."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import Limits
from jobs.history import History
from jobs.protocol import MAX_HEADER, ProtocolError, read_frame, write_frame

LARGE = 1 << 20


def frame(header, arrays=None):
    stream = io.BytesIO()
    write_frame(stream, header, arrays)
    return stream.getvalue()


def test_frames_come_back_as_they_went():
    arrays = {"run.delta.head": np.arange(6, dtype=np.float32).reshape(2, 3).T, "zip": np.zeros(3, np.uint8)}
    stream = io.BytesIO(frame({"type": "snapshot", "ก": [1, None]}, arrays) + frame({"type": "ready"}))
    header, found = read_frame(stream)
    assert header == {"type": "snapshot", "ก": [1, None]}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    assert read_frame(stream) == ({"type": "ready"}, {})
    assert read_frame(stream) is None


@pytest.mark.parametrize("cut", [1, 3, 5, 20, -1])
def test_a_frame_cut_short_is_no_end(cut):
    whole = frame({"type": "snapshot"}, {"a": np.zeros(4, np.float32)})
    with pytest.raises(ProtocolError):
        read_frame(io.BytesIO(whole[:cut]))


@pytest.mark.parametrize(
    "content",
    [
        struct.pack(">I", MAX_HEADER + 1) + b"x" * 10,
        struct.pack(">I", 4) + b"null",
        struct.pack(">I", 4) + b"\xff\xff\xff\xff",
        struct.pack(">I", 2) + b"{}",
        struct.pack(">I", 25) + b'{"type": "a", "bytes": -1}'[:25],
        struct.pack(">I", 25) + b'{"type":"a","bytes":"10"}',
        struct.pack(">I", 23) + b'{"type":"a","bytes":10}' + b"0123456789",
    ],
)
def test_what_is_no_frame_is_refused(content):
    with pytest.raises(ProtocolError):
        read_frame(io.BytesIO(content))


@given(st.binary(max_size=64))
def test_no_bytes_bring_anything_but_a_frame_or_a_refusal(content):
    try:
        found = read_frame(io.BytesIO(content))
    except ProtocolError:
        return
    assert found is None or isinstance(found[0]["type"], str)


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
