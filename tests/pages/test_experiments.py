"""The page in both languages, with the real pool behind it."""

import html
import re
import time
from collections import Counter
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

import jobs
from jobs.limits import Refused
from lab.claims import NAMES, read
from tests.pages.app import opened, told
from web.experiments.source import ITEMS

pytestmark = pytest.mark.usefixtures("pool", "own_reader")
QUICK = "c07_invariance"  # seconds


page = partial(opened, "experiments")


def card(app: AppTest, name: str = QUICK):
    return app.session_state["experiments"].cards[name]


def until(app: AppTest, state: str, name: str = QUICK, seconds: float = 120) -> AppTest:
    """Look again until the live run of a card is in a state."""
    end = time.monotonic() + seconds
    while card(app, name).run.state != state:
        assert time.monotonic() < end, card(app, name).run
        time.sleep(0.1)
        app.run()
        assert not app.exception, app.exception
    return app


@pytest.mark.parametrize(("language", "run"), [("en", "Run it live"), ("th", "รันสดตอนนี้")])
def test_every_claim_has_its_card_its_anchor_and_its_button(language: str, run: str) -> None:
    app = page(language)
    assert re.findall(r'<h2 id="(\w+)">', told(app)) == [*NAMES, "compare"]
    for name in NAMES:
        assert app.button(key=f"ex_run_{name}").label == run
        assert f"/results/{name}.csv" in told(app)


def test_the_tally_counts_the_verdicts_of_the_records() -> None:
    counted = Counter(record.verdict.outcome for name in NAMES if (record := read(name)))
    tally = re.findall(r'class="verdict (\w+)">[^<]*</span><b>(\d+)</b>', told(page()))
    assert dict(tally) == {name: str(counted[name]) for name in ("reproduces", "partly", "does_not")}


def test_the_comparison_has_every_figure_of_the_source_and_links_that_lead_somewhere() -> None:
    table = told(page()).partition('<section class="ex-compare"')[2]
    for figure in range(1, 10):
        assert f"<b>Figure {figure}</b>" in table
    assert table.count("<tr>") == len(ITEMS) + 1
    links = set(re.findall(r'href="#(\w+)"', table))
    assert links == set(NAMES)
    assert table.count("Not shown.") == sum(not names for names in ITEMS.values())


def test_a_link_opens_the_same_state_and_a_control_writes_it() -> None:
    app = page(c07_invariance__p="10", c01_capacity__view="teacher")
    assert card(app).config.settings["p"] == 10
    assert app.select_slider(key="ex_c07_invariance_p").value == 10
    assert card(app, "c01_capacity").view == "teacher"
    app.select_slider(key="ex_c07_invariance_q").set_value(0.5).run()
    assert app.query_params["c07_invariance.q"] == "0.5"
    app.select_slider(key="ex_c07_invariance_p").set_value(3.0).run()
    assert app.query_params["c07_invariance.p"] == "3"
    assert "c09_compute.depth" not in app.query_params, "the usual needs no place in the URL"
    assert app.query_params["lang"] == "en"


@pytest.mark.parametrize(("language", "words"), [("en", "does not exist here"), ("th", "ไม่มีที่นี่")])
def test_what_a_link_asks_for_in_vain_is_said_and_escaped(language: str, words: str) -> None:
    app = page(language, c07_invariance__p="<img src=x>", c01_capacity__view="nowhere", c09_compute__x="1")
    assert told(app).count(words) == 3
    assert "<img" not in told(app)
    assert card(app).config.settings["p"] == 3


@pytest.mark.parametrize(
    ("language", "key", "words"),
    [
        ("th", "c07_invariance__q", "ลิงก์นี้ขอ “q ตัวคูณของ B” = z"),
        ("th", "c01_capacity__view", "ลิงก์นี้ขอ “รูป” = z"),
        ("en", "early_curves__gamma_rule", "The link asks for “Scale γ” = z"),
        ("en", "c09_compute__x", "The link asks for “x” = z"),
    ],
)
def test_a_invalid_names_the_control(language: str, key: str, words: str) -> None:
    assert words in html.unescape(told(page(language, **{key: "z"})))


def test_a_refusal_writes_its_numbers_as_the_page_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> str:
        raise Refused("limit.lr", field="lr", value=5e-7, low=1e-6, high=1.0)

    app = page("th")
    monkeypatch.setattr(jobs.pool(), "submit", never)
    app.button(key=f"ex_run_{QUICK}").click().run()
    assert "ระหว่าง 1.0e-6 ถึง 1 แต่ค่าที่ได้รับคือ 5.0e-7" in told(app)


def test_a_live_run_from_press_to_verdict_through_a_switch_of_language() -> None:
    app = page()
    app.select_slider(key="ex_c07_invariance_q").set_value(3.0).run()
    app.button(key=f"ex_run_{QUICK}").click().run()
    assert not app.exception, app.exception
    app.segmented_control(key="lang").set_value("th").run()  # in the middle
    until(app, "done")
    one = card(app)
    assert one.last["done"] == 1
    assert one.run.config.settings == {"p": 3.0, "q": 3.0}
    assert one.result.mean("exact") < 1e-11
    assert 'aria-valuenow="100"' in told(app)
    assert "กฎเดียวกันกับรอบนี้" in told(app)
    assert "สีจาง" in told(app), "the record stands behind the run"
    assert app.button(key=f"ex_run_{QUICK}").label == "รันสดตอนนี้"


def test_a_run_is_stopped_and_says_so() -> None:
    app = page()
    app.button(key="ex_run_c01_capacity").click().run()
    until(app, "running", "c01_capacity")
    app.button(key="ex_stop_c01_capacity").click().run()
    until(app, "stopped", "c01_capacity")
    app.run()
    assert "Stopped" in told(app)
    assert app.button(key="ex_run_c01_capacity").label == "Run it live"


@pytest.mark.parametrize(("language", "words"), [("en", "Runs are closed"), ("th", "ยังรันไม่ได้")])
def test_what_is_refused_is_said_in_the_readers_language(language: str, words: str) -> None:
    app = page(language)
    pool = jobs.pool()
    pool.stop()
    try:
        app.button(key=f"ex_run_{QUICK}").click().run()
        assert words in told(app)
        assert card(app).run is None
    finally:
        pool.start()


def test_a_new_session_of_the_same_reader_finds_the_run() -> None:
    app = page()
    app.button(key=f"ex_run_{QUICK}").click().run()
    until(app, "done")
    assert card(page()).run.id == card(app).run.id
