"""The page in both languages, with the real pool behind it."""

import html
import re
import time
from dataclasses import replace
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

import jobs
from content.catalog import catalog
from content.terms import glossary
from jobs.limits import Refused
from tests.pages.app import opened, told
from web.fine_tune.controls import TERMS

pytestmark = pytest.mark.usefixtures("pool", "own_reader")
QUICK = {"base": "mlp-mnist", "task": "fashion", "batch": "8"}


page = partial(opened, "fine_tune")


def sentence(app: AppTest) -> str:
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", told(app), re.DOTALL)
    assert heading
    return re.sub("<.*?>", "", heading[1])


def until(app: AppTest, state: str, seconds: float = 120) -> AppTest:
    """Look again until the newest run is in a state."""
    end = time.monotonic() + seconds
    while app.session_state["fine_tune"].runs[-1].view.state != state:
        assert time.monotonic() < end, app.session_state["fine_tune"].runs[-1].view
        time.sleep(0.1)
        app.run()
        assert not app.exception, app.exception
    return app


@pytest.mark.parametrize("language", ["en", "th"])
def test_every_control_explains_its_term(language: str) -> None:
    app = page(language)
    controls = [*app.selectbox, *app.select_slider, *app.number_input]
    explained = {control.key: control.help for control in controls if control.help}
    assert {*explained} == {f"ft_{key}" for key in TERMS}
    assert glossary()["rank"].meaning(language) in explained["ft_rank"]


@pytest.mark.parametrize(
    ("language", "will", "train"), [("en", "will learn Python", "Train"), ("th", "จะเรียน Python", "เริ่มฝึก")]
)
def test_the_page_says_what_is_set_up(language: str, will: str, train: str) -> None:
    app = page(language)
    assert will in sentence(app)
    assert app.button(key="ft_train").label == train
    assert app.selectbox(key="ft_base").value == "gpt-en"


def test_a_link_sets_every_control() -> None:
    app = page(
        base="gpt-en", task="python", rank="4", alpha="16", lr="0.001", batch="4", steps="30", seed="9"
    )
    assert app.select_slider(key="ft_rank").value == "4"
    assert app.select_slider(key="ft_alpha").value == "16"
    assert app.select_slider(key="ft_lr").value == "0.001"
    assert [app.number_input(key=f"ft_{key}").value for key in ("batch", "steps", "seed")] == [4, 30, 9]
    assert "rank-4 LoRA" in sentence(app)


def test_a_control_writes_the_url_and_a_new_task_brings_its_recipe() -> None:
    app = page()
    app.select_slider(key="ft_rank").set_value("16").run()
    assert app.query_params["rank"] == "16"
    app.selectbox(key="ft_base").set_value("mlp-mnist").run()
    assert app.query_params["task"] == "fashion"
    assert app.query_params["rank"] == "8"
    assert app.query_params["lang"] == "en"
    assert "clothes" in sentence(app)


@pytest.mark.parametrize(("language", "words"), [("en", "rank r = 99"), ("th", "แรงก์ r = 99")])
def test_what_a_link_asks_for_in_vain_is_said_and_escaped(language: str, words: str) -> None:
    app = page(language, rank="99", lr="<img src=x>")
    assert words.lower() in told(app).lower()
    assert "&lt;img src=x&gt;" in told(app)
    assert "<img" not in told(app)
    assert app.select_slider(key="ft_rank").value == "8"


@pytest.mark.parametrize(
    ("language", "query", "words"),
    [
        ("th", {"seed": "-1"}, "ซีด = -1 แต่ค่าต้องอยู่ระหว่าง 0 ถึง 2,147,483,647 จึงใช้ 0 แทน"),
        ("th", {"lr": "5"}, "อัตราการเรียนรู้ = 5 แต่ค่าต้องอยู่ระหว่าง 1.0e-6 ถึง 1 จึงใช้ 5.0e-3 แทน"),
        ("en", {"steps": "9999"}, "Steps = 9999, but it can only lie between 1 and 2,000."),
        ("th", {"axis": "q"}, "แกนของก้าว = q ซึ่งไม่มีที่นี่ จึงใช้ “ลอการิทึม” แทน"),
        ("th", {"base": "q"}, "โมเดลฐาน = q ซึ่งไม่มีที่นี่ จึงใช้ “GPT-64 อ่านเชกสเปียร์มาแล้ว” แทน"),
        ("th", {"base": "mlp-mnist", "targets": "q"}, "ชั้นที่ปรับ = q ซึ่งไม่มีที่นี่ จึงใช้ “ทุกบล็อก” แทน"),
        ("en", {"gamma": "q"}, "Scale γ = q, which does not exist here. Used instead: α/r."),
        ("en", {"yardstick": "2"}, "beside the run = 2, which does not exist here. Used instead: on."),
        ("en", {"dropout": ".95"}, "Dropout = .95, but it can only lie between 0 and 0.9. Used instead: 0."),
    ],
)
def test_what_is_used_instead_is_said_as_the_controls_say_it(
    language: str, query: dict[str, str], words: str
) -> None:
    assert words in told(page(language, **query))


@pytest.mark.parametrize(("steps", "words"), [("1", "<b>1</b> step<"), ("2", "<b>2</b> steps<")])
def test_one_step_is_one(steps: str, words: str) -> None:
    assert words in told(page(steps=steps))


def test_the_failing_lesson_says_so_before_it_starts_and_offers_the_cure() -> None:
    app = page(task="thai")
    assert "fails" in told(app)
    app.button(key="ft_everything").click().run()
    assert app.query_params["method"] == "full"
    assert "full fine-tuning" in sentence(app)
    assert not [button for button in app.button if button.key == "ft_everything"]


def test_a_run_from_press_to_end_in_two_languages() -> None:
    app = page(**QUICK, steps="12")
    app.button(key="ft_train").click().run()
    assert not app.exception, app.exception
    app.segmented_control(key="lang").set_value("th").run()  # in the middle
    until(app, "done")
    run = app.session_state["fine_tune"].runs[-1]
    assert run.step == 12
    assert run.config.task == "fashion"
    assert "เรียน" in sentence(app)
    assert "แล้ว" in sentence(app)
    assert app.button(key="ft_train").label == "เริ่มฝึก"
    names = [element.proto.component_name for element in app.get("bidi_component")]
    assert sum("figure" in name for name in names) == 2
    assert sum("heatmap" in name for name in names) == 2
    assert {"ft_adapter", "ft_curve"} <= {button.key for button in app.get("download_button")}


def test_a_run_can_be_stopped_and_started_again() -> None:
    app = page(**QUICK, steps="2000")
    app.button(key="ft_train").click().run()
    until(app, "running")
    app.button(key="ft_stop").click().run()
    until(app, "stopped")
    assert "Stopped" in told(app)
    app.button(key="ft_train").click().run()
    assert len(app.session_state["fine_tune"].runs) == 2
    app.button(key="ft_stop").click().run()
    until(app, "stopped")


@pytest.mark.parametrize(
    "key", ["diverged.loss_not_finite", "died", "hung", "memory", "unwatched", "crashed"]
)
def test_a_run_that_was_ended_says_why_and_train_can_be_pressed_again(key: str) -> None:
    app = page(**QUICK, steps="3")
    app.button(key="ft_train").click().run()
    until(app, "done")
    views = app.session_state["fine_tune"].jobs.views
    (run,) = views.values()
    views[run.id] = replace(run, state="failed", message_key=key)
    app.run()
    assert html.escape(str(catalog("en")[f"jobs.{key}"])) in told(app)
    assert app.button(key="ft_train").label == "Train"


def test_a_run_that_ends_worse_than_it_began_is_told_what_to_change() -> None:
    app = page(**QUICK, steps="8", lr="1", alpha="1024")
    app.button(key="ft_train").click().run()
    until(app, "done")
    assert "above where it began" in told(app)


def test_what_is_over_a_limit_is_refused_in_words() -> None:
    app = page(**QUICK, steps="2000")
    pool = jobs.pool()
    pool.stop()
    try:
        app.button(key="ft_train").click().run()
        assert "Runs are closed" in told(app)
        assert app.session_state["fine_tune"].runs == []
    finally:
        pool.start()


def test_a_refusal_writes_its_numbers_as_the_page_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> str:
        raise Refused("limit.seed", field="seed", value=-1, low=0, high=2**31 - 1)

    app = page("th")
    monkeypatch.setattr(jobs.pool(), "submit", never)
    app.button(key="ft_train").click().run()
    assert "ระหว่าง 0 ถึง 2,147,483,647 แต่ค่าที่ได้รับคือ -1" in told(app)


def test_a_new_session_of_the_same_reader_finds_the_runs() -> None:
    app = page(**QUICK, steps="10")
    app.button(key="ft_train").click().run()
    until(app, "done")
    again = page()
    assert [run.id for run in again.session_state["fine_tune"].runs] == [
        run.id for run in app.session_state["fine_tune"].runs
    ]
