"""The methods page in a real browser: two methods beside each other, by hand and by keyboard."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import in_scheme, violations
from tests.browser.conftest import settled, visit


def names(page: Page) -> list[str]:
    return page.locator(".mt-idea h2").all_text_contents()


def pill(page: Page, row: str, name: str):  # type: ignore[no-untyped-def]
    return page.locator(f".st-key-{row} [role=radio]").filter(has_text=re.compile(f"^{re.escape(name)}$"))


@pytest.mark.smoke
def test_another_method_beside_lora_changes_every_part_and_the_link(reader: Page, server: str) -> None:
    visit(reader, f"{server}/methods?lang=en")
    assert names(reader) == ["LoRA", "PiSSA"]
    pill(reader, "b", "DoRA").click()
    expect(reader.locator(".mt-idea h2").last).to_have_text("DoRA")
    settled(reader)
    assert "b=DoRA" in reader.url
    expect(reader.locator(".st-key-mt_cell_formula_1 .katex .fbox")).to_have_count(1)
    expect(reader.locator(".st-key-mt_diagram_1 svg")).to_have_attribute("aria-label", re.compile("vector m"))
    expect(reader.locator(".mt-source pre").last).to_contain_text("arXiv:2402.09353")
    expect(reader.locator(".mt-cost").first).to_contain_text("1.03 times")
    visit(reader, reader.url)
    assert names(reader) == ["LoRA", "DoRA"]


def test_the_marks_are_seen_behind_what_they_mark(reader: Page, server: str) -> None:
    visit(reader, f"{server}/methods?lang=en&b=QLoRA")
    box = reader.locator(".st-key-mt_cell_formula_1 .katex .fbox").first
    ground = box.evaluate("e => getComputedStyle(e).backgroundColor")
    wash = reader.locator(".st-key-mt_diagram_1 .mt-changed").first.evaluate("e => getComputedStyle(e).fill")
    assert ground == wash != "rgba(0, 0, 0, 0)"
    assert box.evaluate("e => getComputedStyle(e).borderTopWidth") == "0px"


def test_pictures_are_painted_and_say_what_they_show(reader: Page, server: str) -> None:
    visit(reader, f"{server}/methods?lang=en&b=LoRA-GA")
    pictures = reader.locator(".st-key-mt_part_start canvas")
    expect(pictures).to_have_count(6)
    for picture in pictures.all():
        assert (picture.get_attribute("aria-label") or "").endswith((".", "0.92.", "0.30."))
    inked = pictures.nth(4).evaluate(
        """e => new Set(e.getContext('2d').getImageData(0, 0, e.width, e.height).data).size"""
    )
    assert inked > 20
    blank = pictures.nth(0).evaluate(
        """e => new Set(e.getContext('2d').getImageData(0, 0, e.width, e.height).data).size"""
    )
    assert blank <= 4


def test_a_method_is_chosen_by_keyboard(reader: Page, server: str) -> None:
    visit(reader, f"{server}/methods?lang=th")
    pill(reader, "b", "PiSSA").focus()
    reader.keyboard.press("ArrowRight")
    reader.keyboard.press("Space")
    expect(reader.locator(".mt-idea h2").last).to_have_text("AdaLoRA")


@pytest.mark.parametrize("lang", ["en", "th"])
def test_on_a_phone_nothing_is_cut_off_and_the_code_unfolds(
    new_reader: Callable[..., Page], server: str, lang: str
) -> None:
    page = visit(
        new_reader(viewport={"width": 360, "height": 740}), f"{server}/methods?lang={lang}&b=LoRA-Pro"
    )
    wide = page.evaluate(
        """() => [...document.querySelectorAll('[class*="st-key-mt_"] *')]
            .filter(e => e.checkVisibility() && !e.closest('pre, .vh, .katex-mathml, details'))
            .filter(function still(e) { // inside nothing that scrolls by itself
                return !e || getComputedStyle(e).overflowX !== 'auto' && still(e.parentElement)
            })
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
            .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert not wide
    code, summary = page.locator(".mt-source pre").last, page.locator(".mt-source summary").last
    expect(code).to_be_hidden()
    summary.click()
    expect(code).to_be_visible()
    assert (summary.bounding_box() or {"height": 0})["height"] >= 44


def test_the_code_stands_open_on_a_desk(reader: Page, server: str) -> None:
    visit(reader, f"{server}/methods?lang=en")
    expect(reader.locator(".mt-source pre").first).to_be_visible()
    expect(reader.locator(".mt-source summary").first).to_be_hidden()


@pytest.mark.parametrize("lang", ["en", "th"])
def test_axe_finds_nothing(reader: Page, server: str, lang: str) -> None:
    page = visit(reader, f"{server}/methods?lang={lang}&a=DoRA&b=AdaLoRA")
    for scheme in ("light", "dark"):
        assert violations(in_scheme(page, scheme)) == [], scheme
