"""What the fine-tune page reads from a URL and from a run, without a page."""

import csv
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from content.catalog import LANGUAGES
from jobs.job import JobView
from lab.bases import recipes
from lab.runs.config import LIMITS, TASKS, TrainConfig
from lora_core.config import AdapterConfig
from web.fine_tune import cost, experiment, first, words
from web.fine_tune.charts import values_title
from web.fine_tune.experiment import change, config_of, read, to_link, to_url
from web.fine_tune.runs import Run, curve_csv, file_stem, guarded, told_apart

PAIRS = [(base, task) for base, tasks in TASKS.items() for task in tasks]


@pytest.mark.parametrize(("base", "task"), PAIRS)
def test_a_base_and_a_task_begin_with_their_recipe(base: str, task: str) -> None:
    query, complaints = read({"base": base, "task": task})
    assert not complaints
    assert config_of(query) == recipes.default(base, task)


@pytest.mark.parametrize(("base", "task"), PAIRS)
@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_link_opens_the_same_experiment(base: str, task: str, method: str) -> None:
    query = change(read({"base": base, "task": task})[0], "method", method)
    for key, value in (("lr", "0.0016"), ("steps", "77"), ("seed", "5"), ("batch", "3"), ("values", "time")):
        query = change(query, key, value)
    again, complaints = read(to_url(query))
    assert not complaints
    assert again == query
    assert config_of(read(to_link(config_of(query)))[0]) == config_of(query)


@pytest.mark.parametrize(("base", "task"), PAIRS)
def test_the_page_opens_on_the_recorded_run_of_the_defaults(base: str, task: str) -> None:
    kept = first.recorded(base, task)
    assert TrainConfig.from_json(kept["recipe"]) == recipes.default(base, task), "record it anew"
    spec, told, table = first.first_chart(base, task, log=True)
    drawn = [trace for trace in spec["data"] if len(trace["x"])]
    assert len(drawn) == 2
    assert table is not None
    assert len(table["rows"]) == len(kept["history"])
    assert first.recorded_on(base, task) in told
    last = kept["history"][-1]
    assert table["rows"][-1][1:] == [f"{last[f'{who}_validation']:.2f}" for who in ("run", "yardstick")]


def test_full_fine_tuning_is_its_own_yardstick_at_its_own_rate() -> None:
    query = change(read({})[0], "method", "full")
    config = config_of(query)
    assert config.adapter is None
    assert not config.yardstick
    assert config.lr == recipes.full_lr("gpt-en", "python")
    assert config_of(change(query, "method", "lora")) == recipes.default("gpt-en", "python")


def test_a_method_brings_its_own_rate_unless_the_link_names_one() -> None:
    own = recipes.lr_of("gpt-en", "python", "lora+")
    assert own != recipes.default("gpt-en", "python").lr
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
def test_what_cannot_be_is_complained_of_and_the_recipe_stands_in(key: str, value: str) -> None:
    query, complaints = read({key: value, "seed": "7"} if key != "seed" else {key: value})
    assert [complaint.key for complaint in complaints] == [key]
    assert query[key] == complaints[0].used == read({})[0][key]
    if key != "seed":
        assert query["seed"] == "7"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", experiment.KEYS)
def test_every_key_of_a_link_has_a_name_and_a_label(
    key: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.kit.i18n.language", lambda: language)
    query, complaints = read({key: "?"})
    (said,) = (words.complaint(each, query["base"]) for each in complaints)
    name, used = words.control(key), words.label(key, query[key], query["base"])
    assert f"{name} = ?" in said
    assert used in said.split("?")[1]
    assert name != key
    assert used != query[key] or key in LIMITS, "as the URL has it"


def test_a_run_of_one_step_and_another_gamma_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.kit.i18n.language", lambda: "en")
    config = TrainConfig(adapter=AdapterConfig(gamma_rule="alpha/sqrt(r)"), steps=1)
    assert words.setting("steps", config) == "1 step"
    assert words.setting("gamma", config) == "γ = α/√r"


def test_a_bad_rank_is_refused_though_full_fine_tuning_does_not_use_it() -> None:
    query, complaints = read({"method": "full", "rank": "999"})
    assert [complaint.key for complaint in complaints] == ["rank"]
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


def test_costs_are_counted_against_full_fine_tuning() -> None:
    config = recipes.default("gpt-en", "python")
    assert config.adapter is not None
    shapes = recipes.layers("gpt-en")
    blocks = [shape for name, shape in shapes.items() if name.startswith("blocks")]
    config = replace(config, adapter=replace(config.adapter, targets="blocks"))
    assert cost.trained(config) == 8 * sum(d_out + d_in for d_out, d_in in blocks)
    assert cost.trained(experiment.yardstick_of(config)) == sum(d_out * d_in for d_out, d_in in blocks)
    everything = replace(experiment.yardstick_of(config), targets=recipes.EVERYTHING)
    assert cost.trained(everything) == sum(a * b for a, b in shapes.values()) + 192 * 64 + 64 * 64


def measure(loss: float, **more: Any) -> dict[str, Any]:
    plain = {"accuracy": None, "sample": None, "predictions": None, "spectra": {}}
    return {"train_loss": loss, "validation_loss": loss, **plain, **more}


def run_of(config: TrainConfig | None = None, *, id: str = "a", state: str = "done", number: int = 1) -> Run:
    """A run that was seen three times: at steps 0, 4 and 8."""
    history = [
        {"step": step, "run_train": None if step == 0 else 3.0, "run_validation": 3.5 - step / 10}
        | {"yardstick_train": 2.9, "yardstick_validation": 3.5 - step / 8}
        | {"run_accuracy": None, "yardstick_accuracy": None}
        for step in (0, 4, 8)
    ]
    snapshots = [
        {
            "step": step,
            "steps": 8,
            "seconds": step / 2,
            "steps_per_second": 2.0 if step else 0.0,
            "run": measure(3.0, sample="abc" if step < 8 else None, spectra={"head": [step, 0.0]}),
            "yardstick": measure(3.0, sample="xyz" if step == 4 else None),
            "state": "running",
            "reason": None,
            "history": history if step == 8 else [],
        }
        for step in (0, 4, 8)
    ]
    arrays = {
        "run.delta.head": np.ones((2, 3), np.float32),
        "yardstick.delta.head": np.ones((2, 3), np.float32),
    }
    view = JobView(id, state, None, snapshots, 3, arrays, config or TrainConfig(), "cpu", None, {}, None)  # type: ignore[arg-type]
    return Run(number, view)


def test_a_run_tells_its_curve_its_texts_and_its_time() -> None:
    run = run_of()
    assert run.curve("run", "validation") == ([0, 4, 8], [3.5, 3.1, 2.7])
    assert run.before() == 3.5
    assert run.result("yardstick") == 2.5
    assert run.result("run", at=5) == 3.1
    assert run.behind() == pytest.approx(0.2)
    assert run.first("sample") == "abc"
    assert run.latest("run", "sample") == (4, "abc")
    assert run.latest("yardstick", "predictions") is None
    assert run.spectra("run", "head") == [(0, [0, 0.0]), (4, [4, 0.0]), (8, [8, 0.0])]
    assert (run.step, run.seconds, run.left) == (8, 4.0, (run.config.steps - 8) / 2)


def test_an_ended_run_keeps_only_what_can_be_shown() -> None:
    run = run_of(state="running")
    run.take(run.view)
    assert run.layers == ["head"]
    assert "yardstick.delta.head" in (run.view.arrays or {})
    run.take(replace(run.view, state="done"))
    assert set(run.view.arrays or {}) == {"run.delta.head"}
    assert run.delta("head") is not None


def test_a_run_the_pool_forgot_keeps_what_was_seen() -> None:
    run = run_of(state="running")
    run.lose("unknown_job")
    assert (run.view.state, run.view.message_key) == ("failed", "unknown_job")
    assert run.result("run") == 2.7


def test_twins_are_told_apart_by_what_differs() -> None:
    one = run_of(TrainConfig(seed=1), id="a")
    two = run_of(TrainConfig(seed=2, lr=1e-3), id="b")
    other = run_of(TrainConfig(adapter=AdapterConfig(rank=4), seed=3), id="c")
    assert told_apart([one, two, other], ("lr", "seed")) == {
        "a": ["lr", "seed"],
        "b": ["lr", "seed"],
        "c": [],
    }


def test_the_curve_is_a_table_of_numbers_and_settings() -> None:
    head = ["step", "a", "b", "c", "d", "e", "f"]
    rows = list(csv.reader(io.StringIO(curve_csv(run_of(), head))))
    assert rows[0][:7] == head
    assert [row[0] for row in rows[1:]] == ["0", "4", "8"]
    assert rows[1][1:5] == ["", "2.9", "3.5", "3.5"]
    assert rows[1][rows[0].index("base")] == "gpt-en"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_a_cell_is_never_a_formula(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"
    assert guarded(f"a{cell}") == f"a{cell}"


def test_a_file_name_is_letters_digits_dots_and_hyphens() -> None:
    adapter = AdapterConfig(method="lora+", targets=("../../etc/passwd",))
    name = file_stem(run_of(TrainConfig(adapter=adapter)))
    assert name == "gpt-en-python-lora--r8-lr0.004-200-seed0"


@pytest.mark.parametrize(
    ("ours", "full", "said"),
    [
        ([], [], "Its singular values"),
        ([0.0, 0.0], [0.0, 0.0], "Its singular values"),
        ([3.0], [], "90% of its energy lies in 1 direction"),
        ([1.0, 1.0], [], "90% of its energy lies in 2 directions"),
        ([3.0, 0.1], [1.0] * 10, "90% of its energy lies in 1 direction, of full fine-tuning’s in 9"),
    ],
)
def test_the_singular_values_say_what_they_show(
    monkeypatch: pytest.MonkeyPatch, ours: list[float], full: list[float], said: str
) -> None:
    monkeypatch.setattr("web.kit.i18n.language", lambda: "en")
    run = run_of()
    last = run.view.snapshots[-1]
    last["run"]["spectra"], last["yardstick"]["spectra"] = {"up": ours}, {"up": full}
    assert values_title(run, "up") == said
