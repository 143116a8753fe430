"""Lessons of the language model in a real browser: runs recorded of the real one, and live of a tiny one."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from content.catalog import LANGUAGES, catalog
from lab.runs.language_record import read_runs
from tests.browser.axe import in_scheme, violations
from tests.browser.conftest import serving, settled, visit
from tests.lora_core.language.folder import tiny_folder

PATIENCE = 120_000  # ms, a run on a busy machine


@pytest.fixture(scope="module")
def tiny_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose language model is a tiny random one."""
    place = tmp_path_factory.mktemp("tiny")
    with serving(place, PRADIT_MODEL=str(tiny_folder(place / "model", context=512))) as (url, _):
        yield url


def cell(page: Page, question: int, model: int) -> str:
    return (
        page.locator(".st-key-te_answers .row:not(.top)")
        .nth(question)
        .locator(".answer")
        .nth(model)
        .inner_text()
    )


def step(page: Page) -> int:
    return int(page.locator(".ft-run .progress").get_attribute("aria-valuenow") or 0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_recorded_run_is_there_from_the_start_and_the_slider_goes_back_in_time(
    reader: Page, server: str, language: str
) -> None:
    visit(reader, f"{server}/fine-tune?lang={language}&lesson=json")
    run = read_runs("json")["lora"].snapshot
    expect(reader.locator(".st-key-te_answers .row").last).to_be_visible()
    assert [cell(reader, i, 1) for i in range(3)] == run.answers[-1].texts
    slider = reader.locator(".st-key-te_answers input[type=range]")
    slider.press("Home")
    assert [cell(reader, i, 1) for i in range(3)] == run.answers[0].texts
    slider.press("ArrowRight")
    assert [cell(reader, i, 1) for i in range(3)] == run.answers[1].texts
    assert [cell(reader, i, 0) for i in range(3)] == run.answers[0].texts
    reader.locator(".st-key-te_loss .main-svg").first.wait_for()
    for scheme in ("light", "dark"):
        assert violations(in_scheme(reader, scheme)) == [], scheme


def test_the_lesson_fits_a_phone(new_reader: Callable[..., Page], server: str) -> None:
    phone = new_reader(viewport={"width": 360, "height": 740})
    visit(phone, f"{server}/fine-tune?lang=th&lesson=voice")
    expect(phone.locator(".st-key-te_train button")).to_be_in_viewport()
    expect(phone.locator(".st-key-te_answers .answer").first).to_be_in_viewport()
    assert phone.evaluate("(m => m.scrollWidth - m.clientWidth)(document.querySelector('.stMain'))") == 0


def test_a_lesson_is_taught_to_the_end_through_a_reload_and_another_language(
    reader: Page, tiny_server: str, tmp_path: Path
) -> None:
    visit(reader, f"{tiny_server}/fine-tune?lang=th&lesson=json&steps=300&batch=2&rank=2")
    words = {language: catalog(language) for language in LANGUAGES}
    reader.locator(".st-key-te_train button").click()
    expect(reader.locator(".st-key-te_stop button")).to_be_visible(timeout=PATIENCE)
    reader.reload()
    settled(reader)
    reader.locator(".st-key-lang [role=radio]").first.click()
    home = reader.locator(".st-key-te_home")
    expect(home).to_contain_text(str(words["en"]["teach.home"]), timeout=PATIENCE)
    assert step(reader) == 300
    expect(reader.locator(".ft-say")).to_contain_text(str(words["en"]["teach.what.json"]))
    with reader.expect_download() as download:
        reader.locator(".st-key-te_adapter button").click()
    download.value.save_as(tmp_path / "home.zip")
    with zipfile.ZipFile(tmp_path / "home.zip") as archive:
        assert {"adapter_model.safetensors", "adapter.gguf", "Modelfile", "README.md"} <= {
            *archive.namelist()
        }


def test_a_run_is_stopped_and_the_switch_leads_to_the_toys(reader: Page, tiny_server: str) -> None:
    visit(reader, f"{tiny_server}/fine-tune?lang=en&lesson=town&steps=500&batch=8")
    reader.locator(".st-key-te_train button").click()
    stop = reader.locator(".st-key-te_stop button")
    expect(stop).to_be_visible(timeout=PATIENCE)
    stop.click()
    expect(reader.locator(".st-key-te_train button")).to_be_visible(timeout=PATIENCE)
    assert step(reader) < 500
    reader.get_by_role("radio", name=str(catalog("en")["teach.model.toys"])).click()
    expect(reader.locator(".st-key-ft_train button")).to_be_visible()
    assert "lesson=" not in reader.url


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_of_ones_own_is_pasted_read_trained_on_and_asked(
    reader: Page, tiny_server: str, language: str
) -> None:
    visit(reader, f"{tiny_server}/fine-tune?lang={language}&lesson=own&steps=10&batch=2")
    train = reader.locator(".st-key-te_train button")
    expect(train).to_be_disabled()
    lines = [f"What is {n} and {n}? → It is {2 * n}." for n in range(12)]
    field = reader.locator(".st-key-te_text textarea")
    field.fill("\n".join(lines))
    field.blur()
    expect(reader.locator(".te-read .ink").first).to_have_text("It is 0.")
    assert violations(reader) == []
    expect(train).to_be_enabled()
    train.click()
    expect(reader.locator(".st-key-te_home")).to_be_visible(timeout=PATIENCE)
    asked = reader.locator(".st-key-te_answers .question")
    expect(asked).to_have_count(1)
    assert asked.inner_text().split("\n")[0] in "\n".join(lines)
    expect(field).to_have_value("\n".join(lines))


def test_a_file_that_cannot_be_trained_on_is_refused_by_line(reader: Page, server: str) -> None:
    visit(reader, f"{server}/fine-tune?lang=en&lesson=own")
    control = reader.locator(".st-key-te_file input[type=file]")
    control.set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"one\ntwo \xe9\xff three"})
    expect(reader.locator(".st-key-te_file [role=alert]")).to_contain_text("2")
    rows = b'{"prompt": "a", "completion": "b"}\n{"prompt": "c", "completion": ""}'
    control.set_input_files({"name": "b.jsonl", "mimeType": "application/json", "buffer": rows})
    expect(reader.locator(".st-key-te_own_read [role=alert]")).to_contain_text("2")
    expect(reader.locator(".st-key-te_train button")).to_be_disabled()
