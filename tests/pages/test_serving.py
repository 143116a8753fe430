"""The serving page in both languages, with the real pool behind it."""

import html
import re
import time
from dataclasses import replace
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

import jobs
from content.catalog import catalog
from jobs.limits import Refused
from lab.bases.tenants import TENANTS
from lab.runs import serving_record
from lab.runs.serving_config import WAYS
from tests.pages.app import heard, opened, told
from web.serving.state import State

pytestmark = pytest.mark.usefixtures("pool", "own_reader")


page = partial(opened, "serving")


def state(app: AppTest) -> State:
    found: State = app.session_state["serving"]
    return found


def ended(app: AppTest, seconds: float = 120) -> AppTest:
    """Look again until nothing runs or waits."""
    end = time.monotonic() + seconds
    while any(view.live for view in state(app).jobs.views.values()):
        assert time.monotonic() < end, state(app).jobs.views
        time.sleep(0.1)
        app.run()
        assert not app.exception, app.exception
    return app.run()


def headings(app: AppTest) -> list[str]:
    return [
        re.sub("<.*?>", "", html.unescape(each))
        for each in re.findall(r"<h[12]>(.*?)</h[12]>", told(app), re.DOTALL)
    ]


@pytest.mark.parametrize("language", ["en", "th"])
def test_it_opens_on_a_recorded_measurement_and_says_so(language: str) -> None:
    app = page(language)
    words = catalog(language)
    first, finding, *_ = headings(app)
    assert "64" in first
    recorded = serving_record.read().of(64, 16)
    assert recorded
    ratio = sorted(recorded["rate"]["batched"])[len(recorded["rate"]["batched"]) // 2]
    assert ratio > 0
    assert re.search(r"\d\.\d", finding)
    assert serving_record.COMMAND in told(app)
    assert "2026" in told(app)
    assert app.button(key="sv_run").label == words["serving.run"]
    for name in TENANTS:
        assert str(words[f"serving.tenant.{name}"]) in told(app)
    assert len(re.findall('<pre class="sv-text"', told(app))) == len(TENANTS) + 1


def test_the_slider_moves_the_picture_the_counts_and_the_url() -> None:
    app = page()
    before = headings(app)
    app.select_slider(key="sv_adapters").set_value("2").run()
    assert app.query_params["adapters"] == "2"
    assert headings(app)[0] == before[0].replace("64", "2")
    assert headings(app)[1] != before[1]
    assert "2 whole models" in told(app)
    assert "are copies of them" not in told(app)
    app.select_slider(key="sv_adapters").set_value("256").run()
    assert "the other 248 are copies of them" in told(app)


@pytest.mark.parametrize(
    ("none", "said", "passed"),
    [(1, "1 request, dotted, wants", "2 adapters"), (63, "63 requests, dotted, want ", "1 adapter")],
)
def test_one_request_and_one_adapter_are_one(
    none: int, said: str, passed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [None] * none + [list(TENANTS)[i % 2] for i in range(64 - none)]
    monkeypatch.setattr("web.serving.panels.asked", lambda *_: wanted)
    app = page()
    assert said in told(app)
    assert heard(app, "batch_flow")["text"]["adapters"] == f"+ γBA x of {passed}"


def test_one_copy_is_one() -> None:
    assert "the other 1 is a copy, in memory and files of its own" in told(page(adapters="9"))


def test_a_live_measurement_takes_the_place_of_the_recorded_one() -> None:
    app = page(adapters="2", characters="4")
    app.button(key="sv_run").click().run()
    assert app.button(key="sv_stop").label == "Stop"
    ended(app)
    job = state(app).job("rounds")
    assert job
    assert job.state == "done"
    result = job.snapshots[-1]["result"]
    assert all(len(result["rate"][way]) == job.config.rounds for way in WAYS)
    assert f"Measured live on this machine, {job.config.rounds} rounds" in told(app)
    assert serving_record.COMMAND not in told(app)
    app.select_slider(key="sv_adapters").set_value("4").run()
    assert serving_record.COMMAND in told(app)  # of this setting there is the record alone


def test_the_language_changes_while_it_runs_and_it_runs_on() -> None:
    app = page(adapters="64", characters="64")
    app.button(key="sv_run").click().run()
    (job,) = state(app).jobs.views
    app.segmented_control(key="lang").set_value("th").run()
    assert not app.exception
    assert list(state(app).jobs.views) == [job]
    assert state(app).jobs.views[job].live
    assert app.button(key="sv_stop").label == catalog("th")["serving.stop"]
    app.button(key="sv_stop").click().run()
    ended(app)
    assert state(app).jobs.views[job].state == "stopped"
    assert str(catalog("th")["jobs.stopped"]) in told(app)


def test_everybody_writes_on_from_the_reader_s_own_words() -> None:
    app = page()
    app.text_input(key="sv_own").set_value("ข้อ ").run()
    assert app.query_params["prompt"] == "ข้อ "
    assert app.text_input(key="sv_own").value == ""
    assert not re.findall('<pre class="sv-text"', told(app))
    app.button(key="sv_write").click().run()
    ended(app)
    texts = re.findall(r'<pre class="sv-text".*?><b>(.*?)</b>(.*?)</pre>', told(app), re.DOTALL)
    assert [start for start, _ in texts] == ["ข้อ "] * (len(TENANTS) + 1)
    assert len({rest for _, rest in texts}) > 6
    app.button(key="sv_write").click().run()
    assert app.query_params["seed"] == "1"  # the same words once more are other dice
    ended(app)
    again = re.findall(r'<pre class="sv-text".*?><b>(.*?)</b>(.*?)</pre>', told(app), re.DOTALL)
    assert again != texts


def test_a_prompt_is_a_choice_letter_by_letter() -> None:
    app = page()
    app.text_input(key="sv_own").set_value(":material/none: *x* # 1.").run()
    assert state(app).query["prompt"] == ":material/none: *x* # 1."
    chosen = app.segmented_control(key="sv_prompt")
    assert chosen.options[-1] == r"\:material\/none\: \*x\* \# 1\.", "Markdown that shows what was typed"
    assert not app.exception


def test_a_letter_that_the_model_has_not_is_refused_in_words() -> None:
    app = page()
    app.text_input(key="sv_own").set_value("a日b").run()
    assert "no letter 日" in told(app)
    assert state(app).query["prompt"] == "\n"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"adapters": "1000"}, "between 2 and 256"),
        ({"characters": "x"}, "Characters in a request = x"),
        ({"prompt": "日"}, "no letter 日"),
        ({"adapters": "1000"}, "asked for: 1,000."),
        ({"seed": "-1"}, "The seed must lie between 0 and 2,147,483,647; it is -1."),
        ({"seed": "9" * 100}, f"it is {'9' * 39}…."),
    ],
)
def test_a_link_that_asks_for_what_cannot_be(query: dict[str, str], said: str) -> None:
    app = page(**query)
    assert said in told(app)
    assert state(app).query["adapters"] == "64"


def test_a_link_opens_its_settings_even_unusual_ones() -> None:
    app = page(adapters="3", characters="10", prompt="S")
    assert "One base, 3 adapters" in headings(app)[0]
    assert headings(app)[1] == catalog("en")["serving.unmeasured"]
    assert app.select_slider(key="sv_adapters").value == "3"
    assert "<b>S</b>" in told(app)


def test_a_refusal_is_told_where_the_button_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise Refused("pool_waiting", limit=64)

    app = page("th")
    monkeypatch.setattr(jobs.pool(), "submit", full)
    app.button(key="sv_run").click().run()
    assert str(catalog("th")["jobs.pool_waiting"]).format(limit=64) in told(app)
    app.select_slider(key="sv_adapters").set_value("4").run()
    assert str(catalog("th")["jobs.pool_waiting"]).format(limit=64) not in told(app)


def test_what_a_tenant_writes_is_text_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    record = serving_record.read()
    hostile = {"\n": dict.fromkeys(("base", *TENANTS), "\n<script>alert(1)</script>")}
    monkeypatch.setattr(serving_record, "read", lambda: replace(record, texts=hostile))
    app = page()
    assert "<script>" not in told(app)
    assert "&lt;script&gt;" in told(app)
