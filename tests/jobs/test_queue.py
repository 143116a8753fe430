"""Who runs, who waits, who is refused."""

import pytest

from content.catalog import LANGUAGES, catalog
from jobs import Refused
from jobs.kinds import check
from lab.bases.base import LIMITS
from lab.claims import ExperimentConfig
from lab.runs.config import TrainConfig
from lora_core.config import AdapterConfig
from tests.jobs.fake_worker import LONG, QUICK
from tests.jobs.helpers import ask, end_of, running, wait_until, workers


def say(refused):
    """The message in every language, with its fields filled in."""
    return [catalog(language)[f"jobs.{refused.key}"].format(**refused.values) for language in LANGUAGES]


def test_a_job_runs_and_brings_its_result(pool):
    view = end_of(pool, ask(pool, QUICK))
    assert view.state == "done"
    assert [each["step"] for each in view.snapshots] == [0, 1, 2, 3]
    assert view.adapter == b"adapter 0"
    assert view.device == pool.device == "fake"
    assert view.config == TrainConfig(seed=QUICK, steps=3)
    assert view.message_key is None
    assert not view.live


def test_a_poll_brings_what_is_newer_and_the_arrays_that_came_once(pool):
    job = ask(pool, QUICK, steps=2)
    view = end_of(pool, job)
    assert view.next == 3
    assert pool.poll(job, "ana", since=view.next).snapshots == []
    assert [each["step"] for each in pool.poll(job, "ana", since=2).snapshots] == [2]
    assert sorted(view.arrays) == [
        "images",
        "run.delta.head",
    ]  # the pictures came with the first snapshot only


def test_first_come_first_served_and_each_knows_its_place(pool):
    first = ask(pool, LONG, "ana")
    running(pool, first, "ana")
    second, third = ask(pool, QUICK, "bo"), ask(pool, QUICK, "chai")
    assert pool.poll(second, "bo").position == 1
    assert pool.poll(third, "chai").position == 2
    assert pool.poll(first, "ana").position is None
    pool.cancel(first, "ana")
    assert end_of(pool, second, "bo").state == "done"
    assert end_of(pool, third, "chai").state == "done"


def test_two_workers_run_two_readers_at_once_but_one_job_of_each(make_pool):
    pool = make_pool(workers=2)
    a, a2, b = ask(pool, LONG, "ana"), ask(pool, LONG, "ana"), ask(pool, LONG, "bo")
    running(pool, a, "ana")
    running(pool, b, "bo")  # though the second of ana came before
    assert pool.poll(a2, "ana").state == "queued"
    pool.cancel(a, "ana")
    running(pool, a2, "ana")
    assert pool.poll(b, "bo").state == "running"


def test_one_worker_is_kept_warm_and_no_more(make_pool):
    pool = make_pool(workers=3)
    wait_until(lambda: pool.device)
    assert len(workers(pool)) == 1
    jobs = {reader: ask(pool, LONG, reader) for reader in ("ana", "bo")}
    for reader, job in jobs.items():
        running(pool, job, reader)
    wait_until(lambda: len(workers(pool)) == 3)
    for reader, job in jobs.items():
        pool.cancel(job, reader)
    wait_until(lambda: len(workers(pool)) == 1)


def test_a_third_waiting_job_of_one_reader_is_refused(pool):
    running(pool, ask(pool, LONG))
    ask(pool, LONG)
    ask(pool, LONG)
    with pytest.raises(Refused) as refused:
        ask(pool, LONG)
    assert refused.value.key == "reader_waiting"
    assert all("2" in message for message in say(refused.value))
    assert len(pool.of("ana", "train")) == 3  # what was refused left nothing behind
    running(pool, ask(pool, LONG, "bo") and pool.of("ana", "train")[0])  # and others may still ask


def test_the_queue_of_all_readers_is_bounded(pool):
    running(pool, ask(pool, LONG, "first"), "first")
    for i in range(64):
        ask(pool, QUICK, f"reader {i}")
    with pytest.raises(Refused) as refused:
        ask(pool, QUICK, "late")
    assert refused.value.key == "pool_waiting"
    assert all("64" in message for message in say(refused.value))


@pytest.mark.parametrize("field", LIMITS)
def test_every_bound_is_held_on_this_side_too_and_has_its_message(pool, field):
    _, high = LIMITS[field]
    too_much = 10**9 * 5 if field == "seed" else high * 2
    config = TrainConfig()
    inner = isinstance(getattr(config.adapter, field, None), int | float)
    object.__setattr__(config.adapter if inner else config, field, too_much)  # past the constructor
    with pytest.raises(Refused) as refused:
        pool.submit(config, "ana")
    assert pool.of("ana", "train") == []
    if field != "dropout":  # its upper end is also the end of what is a probability
        assert refused.value.key == f"limit.{field}"
    assert all(message and "{" not in message for message in say(refused.value))


def test_a_choice_and_a_type_have_their_message_too():
    config = TrainConfig()
    object.__setattr__(config, "base", "gpt-5")
    with pytest.raises(Refused, match=r"limit\.choice") as refused:
        check(config)
    assert all("gpt-5" in message and "gpt-en" in message for message in say(refused.value))
    config = TrainConfig(adapter=AdapterConfig())
    object.__setattr__(config, "steps", "many")
    with pytest.raises(Refused, match=r"limit\.type") as refused:
        check(config)
    assert all("many" in message for message in say(refused.value))


def test_a_setting_of_an_experiment_is_held_on_this_side_too():
    config = ExperimentConfig("c07_invariance")
    object.__setattr__(config, "settings", {"p": 1e9})
    with pytest.raises(Refused, match=r"limit\.choice") as refused:
        check(config)
    assert all("p" in message and "0.5" in message for message in say(refused.value))
    config = ExperimentConfig("c07_invariance")
    object.__setattr__(config, "name", "../c07_invariance")
    with pytest.raises(Refused, match=r"limit\.choice"):
        check(config)


def test_what_is_no_request_is_a_mistake_of_ours(pool):
    with pytest.raises(TypeError, match="dict is no request; the kinds are: train, "):
        pool.submit({"base": "gpt-en"}, "ana")


def test_layers_that_do_not_exist_and_a_rank_above_theirs_are_refused():
    with pytest.raises(Refused, match=r"limit\.targets") as refused:
        check(TrainConfig(adapter=AdapterConfig(targets=("q_proj",))))
    assert all("blocks.0.attn.qkv" in message for message in say(refused.value))
    with pytest.raises(Refused, match=r"limit\.rank") as refused:
        check(TrainConfig("mlp-mnist", "fashion", AdapterConfig(rank=16, targets="all-linear")))
    assert all("10" in message for message in say(refused.value))  # the head has ten rows
    check(TrainConfig(adapter=None, targets=("embed", "head")))
    with pytest.raises(Refused, match=r"limit\.targets"):
        check(TrainConfig(adapter=AdapterConfig(targets=("embed",))))  # no adapter fits an embedding


@pytest.mark.parametrize("key", ["closed", "unknown_job", "stopped", "unwatched", "shutdown"])
def test_what_needs_no_fields_has_its_message(key):
    for message in say(Refused(key)):
        assert message
        assert "{" not in message


def test_a_closed_pool_refuses(pool):
    pool.stop()
    with pytest.raises(Refused, match="closed"):
        ask(pool, QUICK)
    pool.start()
    assert end_of(pool, ask(pool, QUICK)).state == "done"


def test_a_reload_finds_a_readers_jobs_ended_running_and_waiting(pool):
    assert pool.of("ana", "train") == []
    first = ask(pool, QUICK)
    assert pool.of("ana", "train") == [first]
    end_of(pool, first)
    assert pool.of("ana", "train") == [first]
    second, third = ask(pool, LONG), ask(pool, QUICK)
    running(pool, second)
    assert pool.of("ana", "train") == [first, second, third]
    assert pool.of("bo", "train") == []


def test_ended_jobs_are_kept_a_while(make_pool):
    pool = make_pool(kept_each=2, kept=3)
    mine = [ask(pool, QUICK) and end_of(pool, pool.of("ana", "train")[-1]).id for _ in range(3)]
    assert pool.of("ana", "train") == mine[1:]
    for reader in ("bo", "chai"):
        end_of(pool, ask(pool, QUICK, reader), reader)
    assert pool.of("ana", "train") == mine[2:]


def test_ended_jobs_that_nobody_asks_for_are_forgotten(make_pool, clock):
    pool = make_pool(kept_for=100.0)
    job, other = ask(pool, QUICK), ask(pool, QUICK, "bo")
    end_of(pool, job)
    end_of(pool, other, "bo")
    clock.now += 99
    pool.poll(job, "ana")
    clock.now += 2
    pool.sweep()
    assert pool.of("ana", "train") == [job]
    assert pool.of("bo", "train") == []
    with pytest.raises(Refused, match="unknown_job"):
        pool.poll(other, "bo")


def test_a_job_answers_to_its_reader_alone(pool):
    job = ask(pool, LONG)
    refusals = []
    for act in (pool.poll, pool.cancel):
        for name, reader in ((job, "bo"), ("no such job", "bo"), ("", "ana")):
            with pytest.raises(Refused) as refused:
                act(name, reader)
            refusals.append(str(refused.value))
    assert set(refusals) == {"unknown_job"}  # a foreign id looks like no id
    assert pool.poll(job, "ana").live


def test_ids_cannot_be_guessed(pool):
    ids = [ask(pool, QUICK, f"reader {i}") for i in range(20)]
    assert len(set(ids)) == 20
    assert all(len(each) >= 32 for each in ids)  # 24 random bytes
    assert not any(a[:8] == b[:8] for a in ids for b in ids if a is not b)
