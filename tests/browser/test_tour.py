"""The tour: five stops that show and move the real controls, and an exit at each."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from content.catalog import catalog
from tests.browser.axe import violations
from tests.browser.conftest import settled, visit, wait_for
from web.frame.tour import STOPS

CARD = ".st-key-tour .card"
TARGETS = {page: target.replace(" >>> ", " ") for page, target, _ in STOPS}
COUNT = """(() => {
    window.scrolls = 0
    for (const name of ['scrollBy', 'scrollIntoView']) {
        const scroll = Element.prototype[name]
        Element.prototype[name] = function (...how) { window.scrolls++; return scroll.apply(this, how) }
    }
})()"""


def start(page: Page) -> None:
    page.locator(".st-key-tour_button .start").click()
    expect(page.locator(CARD)).to_be_visible()


def at(page: Page, key: str, lang: str) -> None:
    expect(page.locator(f"{CARD} h2")).to_have_text(str(catalog(lang)[f"tour.title.{key}"]))
    expect(page.locator(f"{CARD} .do")).to_be_enabled()  # the control is there
    wait_for(lambda: shown(page, key), 10, f"{key}: the control in sight, beside the card")


def shown(page: Page, key: str) -> bool:
    """Whether the control stands whole in the window, ringed, and the card hides nothing of it."""
    control = page.locator(TARGETS[key]).first
    box, card, size = control.bounding_box(), page.locator(CARD).bounding_box(), page.viewport_size
    if box is None or card is None or size is None:
        return False
    right, bottom = box["x"] + box["width"], box["y"] + box["height"]
    beside = right <= card["x"] or box["x"] >= card["x"] + card["width"]
    beside |= bottom <= card["y"] or box["y"] >= card["y"] + card["height"]
    inside = box["x"] >= 0 and right <= size["width"] + 1 and box["y"] >= 56 and bottom <= size["height"]
    return inside and beside and control.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"


def scrolled(page: Page) -> int:
    """How often the page was scrolled by a script since the last question."""
    return int(page.evaluate("() => { const many = scrolls; scrolls = 0; return many }"))


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
    page = new_reader(viewport={"width": width, "height": 740 if width < 400 else 900})
    page.context.add_init_script(COUNT)
    visit(page, f"{server}/?lang={lang}")
    start(page)
    at(page, "article", lang)
    assert violations(page) == []
    assert scrolled(page) <= 1
    page.locator(f"{CARD} .do").click()
    page.wait_for_url(re.compile("view=listen"))

    page.locator(f"{CARD} .next").click()
    page.wait_for_url(re.compile(rf"/matrices\?lang={lang}"))
    at(page, "matrices", lang)
    assert scrolled(page) <= 1
    moves(page, ".st-key-matrices #rank")

    page.locator(f"{CARD} .next").click()
    page.wait_for_url(re.compile(rf"/fine-tune\?lang={lang}"))
    at(page, "fine_tune", lang)
    assert scrolled(page) <= 1
    settled(page)
    page.locator(f"{CARD} .do").click()
    expect(page.locator(".st-key-ft_stop button")).to_be_visible()

    page.locator(f"{CARD} .next").click()
    page.wait_for_url(re.compile(r"/experiments\?"))
    at(page, "experiments", lang)
    assert scrolled(page) <= 1
    page.reload()  # the tour is where it was
    settled(page)
    at(page, "experiments", lang)
    scrolled(page)  # the address leads to the claim, and stays with it while charts come

    page.locator(f"{CARD} .next").click()
    page.wait_for_url(re.compile(r"/decompose\?"))
    at(page, "decompose", lang)
    assert scrolled(page) <= 1
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
