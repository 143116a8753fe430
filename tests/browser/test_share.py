"""A reader shares what is on the screen: by a copied link, and with a room that scans it."""

import io
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import healthy, serving, visit


def opened(page: Page, name: str) -> None:
    if (burger := page.locator(".st-key-menu .burger")).is_visible():
        burger.click()
        page.locator(".st-key-menu .share").click()
    else:
        page.get_by_role("button", name=name).click()
    expect(page.locator(".st-key-share dialog")).to_be_visible()


@pytest.mark.parametrize(("lang", "name"), [("en", "Share this page"), ("th", "แชร์หน้านี้")])
def test_the_link_that_is_copied_opens_what_was_shown(
    new_reader: Callable[..., Page], server: str, lang: str, name: str
) -> None:
    page = new_reader(permissions=["clipboard-read", "clipboard-write"])
    visit(page, f"{server}/matrices?lang={lang}&rank=2&rule=constant")
    opened(page, name)
    expect(page.locator("code", has_text="ADDRESS=0.0.0.0")).to_be_visible()  # nobody in the room reaches it
    expect(page.locator("dialog img")).to_be_hidden()
    page.get_by_role("dialog").get_by_role("button").nth(1).click()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == page.url
    assert "rank=2" in copied
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_room_scans_the_address(new_reader: Callable[..., Page], tmp_path: Path) -> None:
    """A server that listens to the room shows, on its own computer, the address that the room reaches."""
    with serving(tmp_path, STREAMLIT_SERVER_ADDRESS="0.0.0.0") as (server, _):
        page = new_reader(viewport={"width": 360, "height": 780})
        visit(page, f"{server}/matrices?lang=th&rank=2")
        opened(page, "แชร์หน้านี้")
        code = page.locator("dialog img")
        expect(code).to_be_visible()
        code.scroll_into_view_if_needed()
        expect(code).to_have_js_property("complete", True)
        found = zxingcpp.read_barcodes(Image.open(io.BytesIO(code.screenshot())))
        assert [each.text for each in found] == [page.locator("dialog input").input_value()]
        address = urlsplit(found[0].text)
        assert address.hostname != "127.0.0.1"
        assert "rank=2" in address.query
        assert healthy(f"http://{address.netloc}")
        page.close()
