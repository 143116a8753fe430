"""An experiment as a link writes it and as its controls change it."""

import pytest

from lab.bases.registry import BASES, lesson
from lab.runs.defaults import default
from web.fine_tune import experiment
from web.fine_tune.experiment import change, config_of, read, to_link, to_url

PAIRS = [(base, task) for base in BASES for task in BASES[base].lessons]


@pytest.mark.parametrize(("base", "task"), PAIRS)
def test_a_base_and_a_task_begin_with_their_recipe(base: str, task: str) -> None:
    query, invalid = read({"base": base, "task": task})
    assert not invalid
    assert config_of(query) == default(base, task)


@pytest.mark.parametrize(("base", "task"), PAIRS)
@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_link_opens_the_same_experiment(base: str, task: str, method: str) -> None:
    query = change(read({"base": base, "task": task})[0], "method", method)
    for key, value in (("lr", "0.0016"), ("steps", "77"), ("seed", "5"), ("batch", "3"), ("values", "time")):
        query = change(query, key, value)
    again, invalid = read(to_url(query))
    assert not invalid
    assert again == query
    assert config_of(read(to_link(config_of(query)))[0]) == config_of(query)


def test_full_fine_tuning_is_its_own_yardstick_at_its_own_rate() -> None:
    query = change(read({})[0], "method", "full")
    config = config_of(query)
    assert config.adapter is None
    assert not config.yardstick
    assert config.lr == lesson("gpt-en", "python").full_lr
    assert config_of(change(query, "method", "lora")) == default("gpt-en", "python")


def test_a_method_brings_its_own_rate_unless_the_link_names_one() -> None:
    own = lesson("gpt-en", "python").rate("lora+")
    assert own != default("gpt-en", "python").lr
    assert config_of(change(read({})[0], "method", "lora+")).lr == own
    assert config_of(read({"method": "lora+"})[0]).lr == own
    assert config_of(read({"method": "lora+", "lr": "0.005"})[0]).lr == 0.005
    assert config_of(change(read({"method": "lora+"})[0], "method", "dora")).lr == 5e-3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("base", "gpt-9"),
        ("task", "fashion"),
        ("method", "magic"),
        ("rank", "99"),
        ("rank", "eight"),
        ("rank", "9" * 5000),
        ("alpha", "nan"),
        ("lr", "-1"),
        ("steps", "1000000"),
        ("batch", "0"),
        ("seed", "1.5"),
        ("targets", "names:nothing"),
        ("targets", "(a+)+$"),
        ("layer", "<script>"),
        ("axis", "polar"),
        ("gamma", "beta"),
    ],
)
def test_of_an_invalid_value_the_recipe_stands_in(key: str, value: str) -> None:
    query, invalid = read({key: value, "seed": "7"} if key != "seed" else {key: value})
    assert [each.key for each in invalid] == [key]
    assert query[key] == invalid[0].used == read({})[0][key]
    if key != "seed":
        assert query["seed"] == "7"


def test_a_bad_rank_is_refused_though_full_fine_tuning_does_not_use_it() -> None:
    query, invalid = read({"method": "full", "rank": "999"})
    assert [each.key for each in invalid] == ["rank"]
    assert config_of(change(query, "method", "lora")).adapter is not None


def test_the_rank_stays_within_the_smallest_chosen_matrix() -> None:
    query = read({"base": "mlp-mnist", "task": "fashion", "targets": "blocks", "rank": "64"})[0]
    assert query["rank"] == "64"
    assert change(query, "targets", "all-linear")["rank"] == "10"


def test_numbers_of_a_link_are_written_in_one_way() -> None:
    assert read({"lr": "1.6e-3"})[0]["lr"] == "0.0016"


def test_the_layer_that_is_shown_trains() -> None:
    query = change(read({})[0], "targets", experiment.presets("gpt-en")["head"])
    assert query["layer"] == "head"


def test_embeddings_are_offered_to_full_fine_tuning_only() -> None:
    query = read({"task": "thai"})[0]
    assert "everything" not in experiment.offered(query)
    full = change(query, "method", "full")
    assert "everything" in experiment.offered(full)
    everything = change(full, "targets", experiment.everything("gpt-en") or "")
    assert config_of(change(everything, "method", "lora")).targets == "blocks"
