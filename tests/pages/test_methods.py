"""The page in both languages: any two methods beside each other, in the URL; the race, recorded and live."""

import html
import re
import time
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from content.catalog import catalog
from tests.pages.app import opened, told
from web.methods.family import MEMBERS

pytestmark = pytest.mark.usefixtures("pool", "own_reader")


page = partial(opened, "methods")


def beside(app: AppTest) -> list[str]:
    """The methods that stand beside each other."""
    return re.findall(r'<div class="mt-idea".*?<h2>(.*?)</h2>', told(app))


@pytest.mark.parametrize("language", ["en", "th"])
def test_a_first_visit_has_lora_beside_a_variant_and_says_what_to_try(language: str) -> None:
    app, words = page(language), catalog(language)
    assert beside(app) == ["LoRA", "PiSSA"]
    assert str(words["methods.title"]) in re.sub("<.*?>", "", told(app))
    parts = re.findall(r'<h2 id="mt-(\w+)">', told(app))
    assert parts == ["trains", "formula", "start", "cost", "source"]
    formulas = [str(block.value) for block in app.markdown if str(block.value).startswith("$$")]
    assert len(formulas) == 2
    assert [r"\boxed" in each for each in formulas] == [False, True]


@pytest.mark.parametrize("language", ["en", "th"])
@pytest.mark.parametrize("name", [member.name for member in MEMBERS.values()])
def test_every_method_can_stand_alone_with_all_its_words(name: str, language: str) -> None:
    app = page(language, a=name, b=name)
    assert beside(app) == [name]
    member = next(each for each in MEMBERS.values() if each.name == name)
    plain = re.sub(r"\W", "", html.unescape(re.sub("<.*?>", "", told(app))))
    for part in ("idea", "change", "when"):
        expected = str(catalog(language)[f"methods.{part}.{member.key}"])
        assert re.sub(r"\W", "", expected) in plain, part
    assert f"lora_core/methods/{member.file.name}" in told(app)


def test_a_link_brings_two_methods_and_a_name_that_is_none_is_dropped() -> None:
    assert beside(page(a="QLoRA", b="LoRA-Pro")) == ["QLoRA", "LoRA-Pro"]
    assert beside(page(a="LoRa", b="<b>")) == ["LoRA", "PiSSA"]


def test_the_race_runs_live_with_the_chosen_methods() -> None:
    app = page(methods_race__methods="full lora dora")
    app.button(key="ex_run_methods_race").click().run()
    end = time.monotonic() + 180
    card = app.session_state["methods_page"].cards["methods_race"]
    while card.run.state not in ("done", "failed"):
        assert time.monotonic() < end, card.run
        time.sleep(0.2)
        app.run()
        assert not app.exception, app.exception
    assert card.run.state == "done"
    assert {name.partition("/")[0] for name in card.result.per_seed} == {"full", "lora", "dora", "sgd"}


def test_what_cannot_race_is_left_out_and_told() -> None:
    app = page(methods_race__methods="full dora")
    card = app.session_state["methods_page"].cards["methods_race"]
    assert card.invalid == ("methods", "full dora")
    assert "full dora" in told(app)
