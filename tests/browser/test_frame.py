"""What holds on every page: language, address, navigation, keyboard. Width and access: `test_access.py`."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from content.catalog import catalog
from tests.browser.conftest import link_to, serving, settled, visit
from web.frame.navigation import PAGES


def title(key: str, language: str) -> str:
    words = catalog(language)
    return f"{words[f'page.{key}']} · {words['frame.name']}"


@pytest.mark.parametrize(
    ("path", "locale", "language"), [("/", "th-TH", "th"), ("/fine-tune?lang=th", "en-US", "th")]
)
def test_the_first_visit_after_a_cold_start_is_like_every_later_one(
    new_reader: Callable[..., Page], tmp_path: Path, path: str, locale: str, language: str
) -> None:
    key = "fine_tune" if "fine-tune" in path else "article"
    with serving(tmp_path) as (url, _):
        for _ in range(2):
            page = visit(new_reader(locale=locale), url + path)
            expect(page).to_have_title(title(key, language))
            expect(page).to_have_url(re.compile(rf"lang={language}"))
            expect(page.locator("html")).to_have_attribute("lang", language)
            page.get_by_test_id("stTopNavLink").nth(1).click()
            expect(page).to_have_title(title(PAGES[1].key, language))
            expect(page).to_have_url(re.compile(rf"/{PAGES[1].path}\?lang={language}"))
            page.context.close()  # before its server goes


@pytest.mark.parametrize(
    ("locale", "query", "language"),
    [
        ("th-TH", "", "th"),
        ("en-GB", "", "en"),
        ("de-DE", "", "en"),
        ("th-TH", "?lang=xx", "th"),
        ("de-DE", "?lang=xx", "en"),
        ("th-TH", "?lang=en", "en"),
    ],
)
def test_the_language_is_the_addresss_then_the_browsers_then_english(
    new_reader: Callable[..., Page], server: str, locale: str, query: str, language: str
) -> None:
    page = visit(new_reader(locale=locale), f"{server}/{query}")
    expect(page).to_have_title(title("article", language))
    expect(page).to_have_url(re.compile(rf"\?lang={language}$"))
    expect(page.locator("html")).to_have_attribute("lang", language)


@pytest.mark.smoke
def test_the_language_is_kept_through_pages_and_history(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/matrices")
    page.get_by_role("radio", name="ภาษาไทย").click()
    expect(page).to_have_title(title("matrices", "th"))
    link_to(page, "fine_tune").click()
    expect(page).to_have_title(title("fine_tune", "th"))
    expect(page).to_have_url(re.compile(r"/fine-tune\?(.*&)?lang=th"))
    page.go_back()
    expect(page).to_have_title(title("matrices", "th"))
    page.go_forward()
    expect(page).to_have_title(title("fine_tune", "th"))
    page.get_by_role("radio", name="English").click()
    expect(page).to_have_title(title("fine_tune", "en"))
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_page_that_does_not_exist_leads_to_the_start(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/nowhere?lang=th")
    expect(page).to_have_title(title("article", "th"))


def test_the_menu_of_a_phone_leads_to_every_page(new_reader: Callable[..., Page], server: str) -> None:
    page = visit(new_reader(viewport={"width": 360, "height": 780}), f"{server}/?lang=th")
    for place in PAGES[1:]:
        page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_test_id("stSidebarNavLink").nth(PAGES.index(place)).click()
        expect(page).to_have_title(title(place.key, "th"))
        settled(page)


def test_the_frame_works_by_keyboard_alone(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=en")
    reached = []
    for _ in range(2 + len(PAGES) + 2):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel"))
    assert catalog("en")["document.skip"] in reached
    for place in PAGES:
        assert catalog("en")[f"page.{place.key}"] in reached
    page.get_by_role("radio", name="English").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_title(title("article", "th"))


def test_headers_close_what_should_be_closed(reader: Page, server: str) -> None:
    answer = reader.request.get(server, headers={"accept": "text/html"})
    policy = answer.headers["content-security-policy"]
    script = re.search(r"script-src ([^;]*)", policy)
    assert script is not None
    assert "unsafe" not in script[1]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert reader.request.get(f"{server}/_stcore/metrics").status == 404
    assert reader.request.get(f"{server}/_stcore/health").ok
