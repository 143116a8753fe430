"""Serving in a real browser, with real adapters behind it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from lab.bases.tenants import TENANTS
from tests.browser.axe import in_scheme, violations
from tests.browser.conftest import settled, visit

PATIENCE = 240_000  # ms, a run on a busy machine
RATES = ".st-key-sv_rate .pradit-figure-plot"
TEXTS = ".st-key-sv_cards pre"


def open_page(page: Page, server: str, query: str = "", lang: str = "en") -> Page:
    visit(page, f"{server}/serving?lang={lang}&{query}")
    page.wait_for_selector(f"{RATES} .main-svg")
    return page


def ended(page: Page) -> None:
    """Wait until both buttons offer work again."""
    expect(page.locator(".st-key-sv_run button")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".st-key-sv_write button")).to_be_visible(timeout=PATIENCE)
    settled(page)


def reaches(page: Page, least: int) -> None:
    """Wait until so many hundredths are done, or all."""
    page.wait_for_function(
        """least => {
            const bar = document.querySelector('.sv-run .progress')
            return bar ? Number(bar.getAttribute('aria-valuenow')) >= least
                       : !!document.querySelector('.st-key-sv_run button')
        }""",
        arg=least,
        timeout=PATIENCE,
    )


def test_it_opens_on_a_picture_and_run_live_takes_its_place(reader: Page, server: str) -> None:
    page = open_page(reader, server, "adapters=16&characters=4")
    expect(page.locator(".sv-from").first).to_contain_text("Recorded on")
    recorded = page.locator(RATES).get_attribute("aria-label") or ""
    assert re.search(r"Batched together [\d,]+", recorded)
    assert page.locator(".st-key-sv_flow svg rect").count() > 64
    assert page.locator(".st-key-sv_flow svg path").count() == 64
    page.evaluate(f"() => {{ document.querySelector('{RATES}').mark = 'the same' }}")
    page.locator(".st-key-sv_run button").click()
    expect(page.locator(".st-key-sv_stop button")).to_have_text("Stop")
    ended(page)
    expect(page.locator(".sv-from").first).to_contain_text("Measured live on this machine, 12 rounds")
    assert page.locator(RATES).get_attribute("aria-label") != recorded
    assert page.evaluate(f"document.querySelector('{RATES}').mark") == "the same"  # updated where it stands
    bars = page.evaluate(f"document.querySelector('{RATES}').data.map(bar => bar.x[0])")
    assert len(bars) == 4
    assert bars[0] > bars[1] > 0, "one batch is faster than one by one"


def test_the_language_changes_in_the_middle_and_a_reload_finds_the_run(reader: Page, server: str) -> None:
    page = open_page(reader, server, "adapters=256&characters=64")
    page.locator(".st-key-sv_run button").click()
    reaches(page, 1)
    page.locator(".st-key-lang").get_by_role("radio").nth(1).click()
    expect(page.locator(".st-key-sv h1")).to_contain_text("อะแดปเตอร์ 256 ตัว")
    page.reload()
    settled(page)
    ended(page)
    expect(page.locator(".sv-from").first).to_contain_text("วัดบนเครื่องนี้เดี๋ยวนี้ วิธีละ 12 รอบ")
    assert "adapters=256" in page.url


def test_stopped_in_the_middle(reader: Page, server: str) -> None:
    page = open_page(reader, server, "adapters=256&characters=64")
    page.locator(".st-key-sv_run button").click()
    page.locator(".st-key-sv_stop button").click()
    ended(page)
    expect(page.locator(".sv-message")).to_contain_text("Stopped")


def test_with_the_keyboard_alone(reader: Page, server: str) -> None:
    page = open_page(reader, server, "adapters=4&characters=4")
    slider = page.locator(".st-key-sv_adapters").get_by_role("slider")
    slider.focus()
    slider.press("ArrowLeft")
    expect(page.locator(".st-key-sv h1")).to_contain_text("One base, 2 adapters")
    page.wait_for_url(re.compile("adapters=2"))
    for _ in range(6):  # from the slider over the pills to the button
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.st-key-sv_run') !== null"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".sv-from").first).to_contain_text("Measured live", timeout=PATIENCE)
    ended(page)
    own = page.locator(".st-key-sv_own input")
    own.focus()
    own.fill("No ")
    own.press("Enter")
    expect(page.locator(".st-key-sv_cards .sv-wait")).to_have_count(len(TENANTS) + 1)
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.st-key-sv_write') !== null"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(TEXTS)).to_have_count(len(TENANTS) + 1, timeout=PATIENCE)
    ended(page)
    texts = page.locator(TEXTS).all_inner_texts()
    assert all(text.startswith("No ") for text in texts)
    assert len(set(texts)) >= 6


def test_each_tenant_has_the_picture_of_its_own_adapter(reader: Page, server: str) -> None:
    page = open_page(reader, server)
    pictures = page.locator(".st-key-sv_cards canvas")
    expect(pictures).to_have_count(len(TENANTS) + 1)
    expect(page.locator(".st-key-sv_cards [data-painted]")).to_have_count(len(TENANTS) + 1)
    drawn = pictures.evaluate_all("all => all.map(each => each.toDataURL())")
    assert len(set(drawn)) == len(TENANTS) + 1
    labels = pictures.evaluate_all("all => all.map(each => each.getAttribute('aria-label'))")
    assert len(set(labels)) == len(TENANTS) + 1


@pytest.mark.parametrize("lang", ["en", "th"])
def test_nothing_overflows_a_narrow_screen_and_run_is_near(
    new_reader: Callable[..., Page], server: str, lang: str
) -> None:
    page = open_page(new_reader(viewport={"width": 360, "height": 800}), server, lang=lang)
    button = page.locator(".st-key-sv_run button").bounding_box()
    assert button
    assert button["height"] >= 44
    assert button["y"] + button["height"] < 800, "Run live is on the first screen"
    main = "document.querySelector('[data-testid=stMain]')"
    assert page.evaluate(f"{main}.scrollWidth <= {main}.clientWidth")


@pytest.mark.parametrize("lang", ["en", "th"])
def test_axe_finds_nothing(reader: Page, server: str, lang: str) -> None:
    page = open_page(reader, server, "adapters=1000&characters=4", lang)
    expect(page.locator(".sv-message")).to_be_visible()
    for scheme in ("light", "dark"):
        assert violations(in_scheme(page, scheme)) == [], scheme
