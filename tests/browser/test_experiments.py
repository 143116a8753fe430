"""The experiments page in a real browser, with real runs behind it."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Page, expect

from lab.claims import NAMES, read
from tests.browser.axe import in_scheme, violations
from tests.browser.conftest import serving, settled, visit
from web.kit.claims.figures import VIEWS

QUICK = "c07_invariance"  # seconds
CARD = f".st-key-ex_card_{QUICK}"
PLOT = f"{CARD} .pradit-figure-plot"
PATIENCE = 60_000  # ms, a run on a busy machine


def open_page(page: Page, server: str, rest: str = "?lang=en") -> Page:
    """Open the page and wait until every figure is drawn."""
    visit(page, f"{server}/experiments{rest}")
    page.wait_for_function(
        "count => { const plots = [...document.querySelectorAll('.pradit-figure-plot')];"
        " return plots.length === count && plots.every(plot => plot.dataset.drawn) }",
        arg=sum(read(name) is not None for name in NAMES),
        timeout=PATIENCE,
    )
    return page


def drawn(page: Page) -> list[dict[str, Any]]:
    """Name, points and opacity of each line on the card's chart."""
    found: list[dict[str, Any]] = page.evaluate(
        f"document.querySelector('{PLOT}').data"
        ".map(line => ({name: line.name, n: line.x.length, opacity: line.opacity}))"
    )
    return found


def test_a_card_runs_live_to_the_end_in_thai(reader: Page, server: str) -> None:
    page = open_page(reader, server, f"?lang=th#{QUICK}")
    before = drawn(page)
    page.evaluate(f"document.querySelector('{PLOT}').mark = 'the same'")
    page.locator(f".st-key-ex_run_{QUICK} button").click()
    expect(page.locator(f"{CARD} .ex-message")).to_contain_text("กฎเดียวกันกับรอบนี้", timeout=PATIENCE)
    settled(page)
    expect(page.locator(f"{CARD} .ex-message .verdict.reproduces")).to_have_text("ได้ผลตรง")
    expect(page.locator(f"{CARD} .ex-run .progress")).to_have_attribute("aria-valuenow", "100")
    expect(page.locator(f"{CARD} .ex-run")).to_contain_text("ใช้เวลา")
    assert page.locator(f".st-key-ex_run_{QUICK} button").inner_text() == "รันสดตอนนี้"
    assert page.evaluate(f"document.querySelector('{PLOT}').mark") == "the same", "the node was replaced"
    now = drawn(page)
    assert [line["name"] for line in now] == [line["name"] for line in before] * 2
    faint, strong = now[: len(before)], now[len(before) :]
    assert max(line["opacity"] for line in faint) < min(line["opacity"] for line in strong)
    # The last line is rounding, another on each processor; what is zero has no place on a log axis.
    assert [line["n"] for line in strong][:-1] == [line["n"] for line in before][:-1], "the same recipe"
    assert strong[-1]["n"] > 0


def test_a_switch_of_language_and_a_reload_keep_the_run(
    new_reader: Callable[..., Page], tmp_path: Path
) -> None:
    """The worker is held meanwhile: on a quick machine the run would be over before the page is back."""
    with serving(tmp_path) as (url, process):
        page = open_page(new_reader(), url)
        card = page.locator(".st-key-ex_card_c05_batch")
        stop = page.locator(".st-key-ex_stop_c05_batch button")
        page.locator(".st-key-ex_run_c05_batch button").click()
        expect(card.locator(".ex-run .progress")).not_to_have_attribute(
            "aria-valuenow", "0", timeout=PATIENCE
        )
        workers = [each for each in process.children(recursive=True) if "jobs.worker" in each.cmdline()]
        assert workers
        for worker in workers:
            worker.suspend()
        expect(stop).to_have_text("Stop", timeout=PATIENCE)
        page.locator(".st-key-lang").get_by_role("radio").nth(1).click()
        expect(stop).to_have_text("หยุด", timeout=PATIENCE)
        page.reload()
        settled(page)
        expect(stop).to_have_text("หยุด", timeout=PATIENCE)
        at = int(card.locator(".ex-run .progress").get_attribute("aria-valuenow") or 0)
        for worker in workers:
            worker.resume()
        page.wait_for_function(
            "at => Number(document.querySelector('.st-key-ex_card_c05_batch .ex-run .progress')"
            ".getAttribute('aria-valuenow')) > at",
            arg=at,
            timeout=PATIENCE,
        )
        page.close()  # before its server


@pytest.mark.parametrize("name", ["c03_rank", "early_curves"])
@pytest.mark.parametrize("width", [1440, 360])
def test_a_deep_link_lands_on_its_card(
    new_reader: Callable[..., Page], server: str, name: str, width: int
) -> None:
    page = new_reader(viewport={"width": width, "height": 800})
    open_page(page, server, f"?lang=th#{name}")
    page.wait_for_function(
        "name => { const top = document.getElementById(name).getBoundingClientRect().top;"
        " return top > 40 && top < 200 }",
        arg=name,
    )
    assert page.url.endswith(f"?lang=th#{name}")


def test_a_setting_and_a_view_stand_in_the_url_and_in_the_copied_link(
    new_reader: Callable[..., Page], server: str
) -> None:
    page = open_page(new_reader(permissions=["clipboard-read", "clipboard-write"]), server)
    slider = page.locator(f".st-key-ex_{QUICK}_p").get_by_role("slider")
    slider.focus()
    slider.press("ArrowRight")
    page.wait_for_url(re.compile(rf"{QUICK}\.p=10"))
    page.locator(".st-key-ex_c01_capacity_view").get_by_role("radio").nth(1).click()
    page.wait_for_url(re.compile(r"c01_capacity\.view=behind"))
    settled(page)
    page.locator(f".st-key-ex_link_{QUICK}").get_by_role("button").click()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    parts = urlparse(copied)
    assert (parts.path, parts.query, parts.fragment) == ("/experiments", f"lang=en&{QUICK}.p=10", QUICK)
    page.reload()
    settled(page)
    expect(page.locator(f".st-key-ex_{QUICK}_p").get_by_role("slider")).to_have_attribute(
        "aria-valuetext", "10"
    )
    chosen = page.locator(".st-key-ex_c01_capacity_view [role=radio][aria-checked=true]")
    expect(chosen).to_have_text("By rank")


def test_data_and_figure_can_be_taken_home(reader: Page, server: str) -> None:
    page = open_page(reader, server)
    record = read(QUICK)
    assert record is not None
    page.locator(f"{CARD} .ex-making summary").click()
    taken = {}
    for kind in ("csv", "json"):
        with page.expect_download() as download:
            page.locator(f'{CARD} a[href$=".{kind}"]').click()
        assert download.value.suggested_filename == f"{QUICK}.{kind}"
        taken[kind] = download.value.path().read_text("utf-8")
    assert json.loads(taken["json"])["verdict"]["outcome"] == record.verdict.outcome
    assert len(list(csv.reader(io.StringIO(taken["csv"])))) == 1 + sum(
        map(len, record.result.per_seed.values())
    )
    with page.expect_download() as download:
        page.locator(f"{CARD} .pradit-figure-save button").first.click()
    assert "<svg" in download.value.path().read_text("utf-8")


@pytest.mark.parametrize("lang", ["en", "th"])
def test_every_view_on_a_narrow_screen(new_reader: Callable[..., Page], server: str, lang: str) -> None:
    """No sideways scrolling, no figure wider than the screen, no label cut off."""
    page = new_reader(viewport={"width": 360, "height": 800})
    last = "&".join(f"{name}.view={views[-1]}" for name, views in VIEWS.items())
    for rest in (f"?lang={lang}", f"?lang={lang}&{last}"):
        open_page(page, server, rest)
        wide = page.evaluate(
            "() => { const main = document.querySelector('[data-testid=stMain]');"
            " return main.scrollWidth - main.clientWidth }"
        )
        assert wide == 0
        cut = page.evaluate(
            """() => [...document.querySelectorAll('.pradit-figure-plot')].flatMap(plot => {
                const box = plot.getBoundingClientRect()
                return [...plot.querySelectorAll('text')].filter(text => {
                    const { left, right, width } = text.getBoundingClientRect()
                    return width && (left < box.left - 2 || right > box.right + 2)
                }).map(text => text.textContent)
            })"""
        )
        assert cut == []


@pytest.mark.parametrize("lang", ["en", "th"])
def test_axe_finds_nothing_in_what_unfolds(reader: Page, server: str, lang: str) -> None:
    page = open_page(reader, server, f"?lang={lang}")
    for summary in page.locator(".ex-making summary").all()[:2]:
        summary.click()
    for scheme in ("light", "dark"):
        assert violations(in_scheme(page, scheme)) == [], scheme
