"""The language model's lessons on the fine-tune page, in both languages."""

from pathlib import Path

import pytest

from content.catalog import LANGUAGES, catalog
from lab.bases.lessons import lesson_called
from tests.pages.app import heard, opened, told
from web.fine_tune.teach.state import KEYS, OFFERED
from web.kit.text import running

LESSONS = tuple(lesson for lesson in OFFERED if lesson != "own")

pytestmark = pytest.mark.usefixtures("pool", "own_reader")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_opens_with_its_questions_and_what_it_teaches(lesson: str, language: str) -> None:
    app = opened("fine_tune", language, lesson=lesson)
    words = catalog(language)
    assert str(words[f"teach.what.{lesson}"]) in told(app)
    data = heard(app, "answers")
    assert [asked for asked, _ in data["questions"]] == [each.text for each in lesson_called(lesson).shown]
    meanings = [running(str(words[f"lesson.{lesson}.question{i}"])) for i in (1, 2, 3)]
    assert [meaning for _, meaning in data["questions"]] == (meanings if language == "th" else [""] * 3)
    assert app.button(key="te_train").label == words["fine_tune.train"]
    assert app.select_slider(key="te_lr").help


def test_without_a_lesson_in_the_link_the_toys_open_and_the_switch_leads_over_and_back() -> None:
    app = opened("fine_tune", rank="4", base="gpt-en")
    assert app.select_slider(key="ft_rank").value == "4"
    app.segmented_control(key="te_model").set_value("language").run()
    assert not app.exception
    assert app.radio(key="te_lesson").value == "json"
    assert "rank" not in app.query_params
    app.segmented_control(key="te_model").set_value("toys").run()
    assert app.select_slider(key="ft_rank").value == "4"
    assert app.query_params["rank"] == "4"


def test_a_control_writes_the_link_and_a_lesson_brings_its_own_settings() -> None:
    app = opened("fine_tune", lesson="json")
    app.select_slider(key="te_rank").set_value("16").run()
    assert app.query_params["rank"] == "16"
    app.selectbox(key="te_method").set_value("full").run()
    assert not app.exception
    assert app.query_params["method"] == "full"
    app.radio(key="te_lesson").set_value("voice").run()
    assert app.query_params["lesson"] == "voice"
    assert app.query_params["rank"] == "8"


def test_a_link_that_asks_too_much_says_so() -> None:
    app = opened("fine_tune", lesson="json", rank="5000")
    assert "5000" in told(app)
    assert app.select_slider(key="te_rank").value == "8"


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_the_model_the_record_stays_and_the_page_says_how_to_get_it(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRADIT_MODEL", "nowhere")
    app = opened("fine_tune", language, lesson="json")
    assert "nowhere" in told(app)
    assert app.button(key="te_train").disabled
    assert heard(app, "answers")["columns"][1]["rounds"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_of_ones_own_is_shown_as_it_is_read_before_it_trains(language: str) -> None:
    words = catalog(language)
    app = opened("fine_tune", language, lesson="own")
    assert str(words["teach.own.empty"]) in told(app)
    assert app.button(key="te_train").disabled
    app.text_area(key="te_text").set_value(
        "Who is <b>Lek</b>? → He keeps the gate.\nHow do I park? → Slowly."
    ).run()
    assert not app.exception
    assert not app.button(key="te_train").disabled
    assert '<span class="pale" lang="en">Who is &lt;b&gt;Lek&lt;/b&gt;?</span>' in told(app)
    assert '<span class="ink" lang="en">He keeps the gate.</span>' in told(app)
    app.text_area(key="te_text").set_value('{"prompt": "a", "completion": "b"}\n{"prompt": "c"}').run()
    assert app.button(key="te_train").disabled
    assert 'role="alert"' in told(app)
    assert "2" in told(app).split('role="alert"')[1].split("</p>")[0]
    assert "te_text" not in str(dict(app.query_params))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", KEYS)
def test_each_setting_of_a_link_that_cannot_be_is_named(key: str, language: str) -> None:
    app = opened("fine_tune", language, **{"lesson": "json", key: "nonsense"})
    assert "nonsense" in told(app)
    assert app.button(key="te_train").label == catalog(language)["fine_tune.train"]


def test_another_model_is_not_compared_with_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRADIT_MODEL", str(tmp_path))
    app = opened("fine_tune", lesson="json")
    assert "SmolLM2-135M" in told(app), "what is shown is the record"
    assert len(heard(app, "answers")["columns"]) == 2, "without full fine-tuning of another model"
    assert str(catalog("en")["teach.takes.unknown"]).format(steps="24 steps") in told(app)
