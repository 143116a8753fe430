"""A lesson's settings as a URL, and which run the page shows."""

import pytest

from jobs.job import JobView
from lab.bases.lessons import LESSONS
from lab.runs.language_config import LanguageConfig
from lab.runs.language_snapshot import Answers, LanguageSnapshot
from web.fine_tune.teach.state import KEYS, OFFERED, Teaching, change, config_of, query_of, read


@pytest.mark.parametrize("lesson", OFFERED)
@pytest.mark.parametrize("method", ["lora", "dora", "full"])
def test_a_link_is_the_run_it_was_made_of(lesson: str, method: str) -> None:
    config = LanguageConfig.of(lesson, method, seed=3, lr=2.5e-3)
    query, invalid = read(query_of(config))
    assert (config_of(query), invalid) == (config, [])


def test_a_link_need_not_say_what_the_lesson_says() -> None:
    query, invalid = read({"lesson": "voice"})
    assert (config_of(query), invalid) == (LanguageConfig.of("voice"), [])
    page = Teaching(query=query)
    assert page.to_url(()) == {"lesson": "voice"}
    assert set(page.to_url(KEYS)) == set(KEYS)
    assert Teaching(query={**query, "rank": "4"}).to_url(()) == {"lesson": "voice", "rank": "4"}


@pytest.mark.parametrize(
    ("url", "keys"),
    [
        ({"lesson": "<b>"}, ["lesson"]),
        ({"lesson": "json", "method": "lora2"}, ["method"]),
        ({"lesson": "json", "rank": "9999"}, ["rank"]),
        ({"lesson": "json", "rank": "x", "lr": "nan"}, ["rank", "lr"]),
        ({"lesson": "json", "steps": "1.5"}, ["steps"]),
    ],
)
def test_what_cannot_be_is_named_and_left_out(url: dict[str, str], keys: list[str]) -> None:
    query, invalid = read(url)
    assert [each.key for each in invalid] == keys
    assert config_of(query) == LanguageConfig.of("json")


def test_a_lesson_brings_its_settings_and_a_method_its_rate() -> None:
    query = {**read({"lesson": "json"})[0], "rank": "64"}
    assert config_of(change(query, "lesson", "town")) == LanguageConfig.of("town")
    full = config_of(change(query, "method", "full"))
    assert (full.lr, full.rank) == (LESSONS["json"].full_lr, 64)


def view(config: LanguageConfig, state: str, name: str, snapshots: int = 1) -> JobView:
    last = LanguageSnapshot(step=2, steps=4, seconds=1.0, answers=[Answers(0, ["a"])]).to_json()
    return JobView(
        name,
        state,
        None,
        [last] * snapshots,
        1,
        None,
        config,
        "cpu",
        None,
        {},
        None,  # type: ignore[arg-type]
    )


def test_the_page_shows_what_trains_then_the_last_of_these_settings_then_the_record() -> None:
    page = Teaching()
    recorded = page.shown
    assert recorded.job is None
    assert recorded.record is not None
    assert recorded.config == LanguageConfig.of("json")
    page.jobs.views["a"] = view(page.config, "done", "a")
    assert page.shown.job is page.jobs.views["a"]
    page.jobs.views["b"] = view(LanguageConfig.of("voice"), "running", "b", snapshots=0)
    assert page.shown.job is page.jobs.views["b"]
    assert page.shown.snapshot is None
    page.jobs.views["b"] = view(LanguageConfig.of("voice"), "stopped", "b")
    page.query = change(page.query, "method", "dora")
    assert page.shown.job is None
