"""The tour: five stops that move the real controls, and an exit at each."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from content.catalog import catalog
from tests.browser.axe import violations
from tests.browser.conftest import settled, visit

CARD = ".st-key-tour .card"


def start(page: Page) -> None:
    page.locator(".st-key-tour_button .start").click()
    expect(page.locator(CARD)).to_be_visible()


def at(page: Page, key: str, lang: str) -> None:
    expect(page.locator(f"{CARD} h2")).to_have_text(str(catalog(lang)[f"tour.title.{key}"]))
    expect(page.locator(f"{CARD} .do")).to_be_enabled()  # the control is there


def moves(page: Page, place: str) -> None:
    """The slider leaves its place while the tour drags it, and comes back."""
    slider = page.locator(place).first
    slider.evaluate(
        """slider => {
            const home = slider.value
            window.moved = new Promise(seen => slider.addEventListener('input', () => {
                if (slider.value !== home) seen(true)
            }))
            window.back = new Promise(seen => {
                slider.addEventListener('change', () => seen(slider.value === home))
            })
        }"""
    )
    page.locator(f"{CARD} .do").click()
    assert page.evaluate("() => window.moved")
    assert page.evaluate("() => window.back")


@pytest.mark.parametrize(("lang", "width"), [("en", 1440), ("th", 360)])
def test_the_tour_walks_through_five_pages_and_moves_their_controls(
    new_reader: Callable[..., Page], server: str, lang: str, width: int
) -> None:
    page = new_reader(viewport={"width": width, "height": 800})
    visit(page, f"{server}/?lang={lang}")
    start(page)
    at(page, "article", lang)
    assert violations(page) == []
    page.locator(f"{CARD} .do").click()
    page.wait_for_url(re.compile("view=listen"))

    page.locator(f"{CARD} .next").click()
    page.wait_for_url(re.compile(rf"/matrices\?lang={lang}"))
    at(page, "matrices", lang)
    moves(page, ".st-key-matrices #rank")

    page.locator(f"{CARD} .next").click()
    page.wait_for_url(re.compile(rf"/fine-tune\?lang={lang}"))
    at(page, "fine_tune", lang)
    settled(page)
    page.locator(f"{CARD} .do").click()
    expect(page.locator(".st-key-ft_stop button")).to_be_visible()

    page.locator(f"{CARD} .next").click()
    page.wait_for_url(re.compile(r"/experiments\?"))
    at(page, "experiments", lang)
    page.reload()  # the tour is where it was
    settled(page)
    at(page, "experiments", lang)

    page.locator(f"{CARD} .next").click()
    page.wait_for_url(re.compile(r"/decompose\?"))
    at(page, "decompose", lang)
    moves(page, ".st-key-decompose input[type=range]")
    page.locator(f"{CARD} .next").click()
    expect(page.locator(CARD)).to_be_hidden()


def test_the_tour_can_be_left_by_key_and_goes_back(reader: Page, server: str) -> None:
    visit(reader, f"{server}/?lang=en")
    reader.locator(".st-key-tour_button .start").focus()
    reader.keyboard.press("Enter")
    expect(reader.locator(CARD)).to_be_focused()
    reader.locator(f"{CARD} .next").press("Enter")
    reader.wait_for_url(re.compile("/matrices"))
    at(reader, "matrices", "en")
    reader.locator(f"{CARD} .back").press("Enter")
    at(reader, "article", "en")
    reader.keyboard.press("Escape")
    expect(reader.locator(CARD)).to_be_hidden()
    reader.reload()
    settled(reader)
    expect(reader.locator(CARD)).to_be_hidden()
