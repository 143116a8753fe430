"""A real run through a real worker."""

import io
import json
import math
import zipfile
from itertools import pairwise

import numpy as np
import psutil
import pytest
from safetensors.numpy import load

from content.catalog import LANGUAGES, catalog
from jobs import Limits, Pool, Refused
from jobs.kinds import experiment, train
from lab import claims as experiments
from lab.bases.registry import BASES
from lab.claims import ExperimentConfig, Result, Update
from lab.runs.config import TrainConfig
from lab.runs.defaults import default
from lab.runs.serving_config import WAYS, ServeConfig
from lab.runs.snapshot import Measure, Snapshot
from lora_core.config import AdapterConfig
from tests.jobs.helpers import end_of, wait_until, workers


@pytest.fixture(scope="module")
def pool():
    pool = Pool(Limits(device="cpu"))
    pool.start()
    wait_until(lambda: pool.device, timeout=120)
    yield pool
    pool.stop()


def test_a_run_from_press_to_adapter(pool):
    config = TrainConfig(steps=30, batch=4, adapter=AdapterConfig(rank=4, alpha=32, targets="blocks"))
    job = pool.submit(config, "ana")
    view = end_of(pool, job, timeout=120)
    assert (view.state, view.device, view.message_key) == ("done", "cpu", None)
    last = Snapshot.from_json(view.snapshots[-1])
    assert (last.step, last.steps, last.state) == (30, 30, "done")
    assert last.history[0].step == 0
    assert last.history[-1].run_validation < last.history[0].run_validation  # it learned
    assert last.yardstick.validation_loss < last.history[0].yardstick_validation
    assert last.run.sample != Snapshot.from_json(view.snapshots[0]).run.sample
    assert view.arrays["yardstick.delta.blocks.1.mlp.up"].shape == (256, 64)

    with zipfile.ZipFile(io.BytesIO(view.adapter)) as archive:
        assert sorted(archive.namelist()) == ["adapter_config.json", "adapter_model.safetensors"]
        assert json.loads(archive.read("adapter_config.json"))["r"] == 4
        tensors = load(archive.read("adapter_model.safetensors"))
    for layer, shape in list(BASES["gpt-en"].layers.items())[:-1]:
        a, b = (tensors[f"base_model.model.{layer}.lora_{name}.weight"] for name in "AB")
        assert (b.shape[0], a.shape[1]) == shape
        np.testing.assert_allclose(view.arrays[f"run.delta.{layer}"], 8 * b @ a, atol=1e-5)  # γ = 32 / 4


def _full_disk(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("broken", ["lab.runs.fine_tune.save_adapter", "jobs.kinds.tempfile.gettempdir"])
def test_a_run_whose_adapter_finds_no_room_is_done_and_says_so(monkeypatch, broken):
    monkeypatch.setattr(broken, _full_disk)
    request = TrainConfig("mlp-mnist", "fashion", steps=2, yardstick=False).to_json()
    *_, last, (ended, arrays) = train(request, lambda: False, "cpu", 0.0)
    assert last[0]["snapshot"]["state"] == "done"
    assert (ended["type"], ended["state"], ended["key"], arrays) == ("ended", "done", "unsaved", {})
    for language in LANGUAGES:
        assert catalog(language)["jobs.unsaved"]


@pytest.mark.alone
def test_the_first_point_costs_a_warm_worker_less_than_a_second(pool):
    (pid,) = workers(pool)

    def work():  # not the time on the wall, which a busy machine stretches
        times = psutil.Process(pid).cpu_times()
        return times.user + times.system

    before = work()
    job = pool.submit(TrainConfig(steps=1), "ana")
    wait_until(lambda: pool.poll(job, "ana").snapshots)
    assert work() - before < 1


@pytest.mark.alone
def test_at_most_four_snapshots_a_second_and_a_stop_in_the_middle(pool):
    job = pool.submit(TrainConfig(steps=2000, batch=4), "ana")
    wait_until(lambda: len(pool.poll(job, "ana").snapshots) >= 5, timeout=60)
    pool.cancel(job, "ana")
    view = end_of(pool, job)
    assert (view.state, view.message_key) == ("stopped", "stopped")
    first, *_, last = moments = [each["seconds"] for each in view.snapshots]
    assert len(moments) <= 4 * (last - first) + 2  # neither the first nor the last waits for its turn
    assert view.snapshots[-1]["step"] < 2000
    assert view.adapter


def test_pictures_come_once_and_stay(pool):
    base = default("mlp-mnist", "fashion")
    view = end_of(pool, pool.submit(TrainConfig(base.base, base.task, base.adapter, steps=20), "ana"))
    assert view.state == "done"
    assert view.arrays["images"].shape[1:] == (14, 14)
    assert view.snapshots[-1]["run"]["accuracy"] > view.snapshots[0]["run"]["accuracy"]


def test_full_fine_tuning_has_no_adapter_to_take_home(pool):
    view = end_of(pool, pool.submit(TrainConfig(adapter=None, steps=3, yardstick=False), "ana"))
    assert (view.state, view.adapter) == ("done", None)


def test_a_run_that_diverges_says_so(monkeypatch):
    def diverges(config, **_):
        yield Snapshot(0, 10, 0.0, 0.0, Measure(3.0))
        yield Snapshot(4, 10, 0.1, 40.0, Measure(None), state="diverged", reason="loss_not_finite")

    monkeypatch.setattr("lab.runs.fine_tune.fine_tune", diverges)
    *told, (end, result) = train(TrainConfig().to_json(), lambda: False, "cpu", 0.25)
    assert [header["snapshot"]["step"] for header, _ in told] == [0, 4]
    assert (end["state"], end["key"], result) == ("failed", "diverged.loss_not_finite", {})
    for language in LANGUAGES:
        for reason in ("loss_not_finite", "yardstick_loss_not_finite"):
            assert catalog(language)[f"jobs.diverged.{reason}"]


def test_nothing_is_left_on_the_disk(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = train(TrainConfig(steps=2).to_json(), lambda: False, "cpu", 0.25)
    next(run)
    assert not list(tmp_path.glob("pradit-*"))  # so a worker that is killed leaves nothing either
    *_, (_, result) = run
    assert len(result["result"]) > 1000
    assert not list(tmp_path.glob("pradit-*"))


def test_an_experiment_from_press_to_verdict(pool):
    job = pool.submit(ExperimentConfig("c07_invariance", {"q": 3.0}), "ana")
    view = end_of(pool, job, timeout=120)
    assert (view.state, view.message_key, view.adapter) == ("done", None, None)
    assert view.config.settings == {"p": 3.0, "q": 3.0}
    last = view.snapshots[-1]
    assert (last["done"], last["state"]) == (1, "done")
    assert last["seconds"] > 0
    assert all(a["done"] <= b["done"] and not a["result"] for a, b in pairwise(view.snapshots))
    assert (
        experiments.load("c07_invariance").verdict(Result.from_json(last["result"])).outcome == "reproduces"
    )
    assert pool.of("ana", "experiment") == [job]
    assert job not in pool.of("ana", "train")


def test_an_experiment_is_stopped_where_it_is():
    def live(config, **_):
        yield Update(0.3, Result({"a": [math.nan]}))
        yield Update(0.6, Result({"a": [2 / 3]}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.kinds.live", live)
        asked = ExperimentConfig("c07_invariance").to_json()
        *told, (end, _) = experiment(asked, lambda: True, "cpu", 0.25)
    assert [header["snapshot"]["done"] for header, _ in told] == [0.3, 0.6, 0.6]
    assert told[0][0]["snapshot"]["result"]["per_seed"] == {"a": [None]}  # as JSON can say it
    assert told[-1][0]["snapshot"]["state"] == end["state"] == "stopped"
    assert told[-1][0]["snapshot"]["result"]["per_seed"] == {"a": [0.666667]}


def test_serving_from_press_to_end(pool):
    job = pool.submit(ServeConfig(adapters=9, requests=8, rounds=2, length=6, prompt="S"), "ana")
    view = end_of(pool, job, timeout=120)
    assert (view.state, view.message_key, view.adapter) == ("done", None, None)
    assert view.config.adapters == 9
    last = view.snapshots[-1]
    assert (last["done"], last["state"]) == (1, "done")
    assert all(len(last["result"]["rate"][way]) == 2 for way in WAYS)
    assert len(last["result"]["texts"]["plays"]) == 7
    assert pool.of("ana", "serve") == [job]


def test_serving_is_stopped_between_two_rounds(pool):
    job = pool.submit(ServeConfig(rounds=40, requests=256, characters=64), "ana")
    wait_until(
        lambda: (told := pool.poll(job, "ana").snapshots) and told[-1]["result"]["rate"]["single"],
        timeout=120,
    )
    pool.cancel(job, "ana")
    view = end_of(pool, job)
    assert (view.state, view.message_key) == ("stopped", "stopped")
    assert 0 < len(view.snapshots[-1]["result"]["rate"]["merged"]) < 40


def test_what_serving_cannot_do_is_refused(pool):
    asked = ServeConfig()
    object.__setattr__(asked, "adapters", 1000)  # as no page would
    with pytest.raises(Refused) as refused:
        pool.submit(asked, "ana")
    assert (refused.value.key, refused.value.values["high"]) == ("limit.adapters", 256)
    for language in LANGUAGES:
        assert "256" in str(catalog(language)["jobs.limit.adapters"]).format(**refused.value.values)
