"""The article in a browser: contents, deep links, sidenotes and footnotes, formulas, languages, views."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from content.catalog import LANGUAGES, catalog
from content.document import load
from content.model import Formula
from tests.browser.conftest import at_rest, settled, visit, wait_for

TOP = "selector => document.querySelector(selector).getBoundingClientRect().top"
LINE = 160  # a heading that has been landed on lies between the bar and this line
CURRENT = ".st-key-article_contents a[aria-current=location]"


def formulas(language: str) -> list[Formula]:
    return [b for section in load(language).chapters for b in section.blocks if isinstance(b, Formula)]


def top(page: Page, selector: str) -> float:
    return float(page.evaluate(TOP, selector))


def landed(page: Page, selector: str) -> None:
    """The element has come to the top, below the bar, and stays there."""
    page.locator(selector).wait_for(state="attached")
    wait_for(lambda: 40 < top(page, selector) <= LINE, 15, f"{selector} is at {top(page, selector)}")


def read_to(page: Page, section: str) -> None:
    """Scroll as a reader does until a section is reached."""
    box = page.locator(".st-key-article_text").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, 500)

    def reached() -> bool:
        page.mouse.wheel(0, min(400, max(60, top(page, f"#{section}") - LINE)))
        return top(page, f"#{section}") < LINE + 80

    wait_for(reached, 20, f"{section} is never reached")


@pytest.mark.parametrize("address", ["?lang=en#cost", "?lang=th#cost", "#cost"])
def test_a_deep_link_lands_on_its_section(reader: Page, server: str, address: str) -> None:
    page = visit(reader, f"{server}/{address}")
    landed(page, "#cost")
    expect(page).to_have_url(re.compile(r"/\?lang=(en|th)#cost$"))
    language = "th" if "th" in address else "en"
    title = next(s.title for s in load(language).sections if s.id == "cost")
    expect(page.locator(CURRENT)).to_have_text(title)


@pytest.mark.smoke
def test_the_contents_and_the_address_follow_the_reader(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=en")
    first = load("en").sections[0]
    expect(page.locator(CURRENT)).to_have_text(first.title)
    length = page.evaluate("history.length")
    third = load("en").sections[2]
    read_to(page, third.id)
    expect(page.locator(CURRENT)).to_have_text(third.title)
    expect(page).to_have_url(re.compile(f"#{third.id}$"))
    assert page.evaluate("history.length") == length
    contents = page.locator(".st-key-article_contents nav").bounding_box()
    assert contents
    assert contents["y"] > 0  # it has stayed in sight


def test_the_contents_lead_there_by_mouse_and_by_keys(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=th")
    titles = {section.id: section.title for section in load("th").sections}
    contents = page.locator(".st-key-article_contents")
    contents.get_by_role("link", name=titles["gains"], exact=True).click()
    landed(page, "#gains")
    expect(page).to_have_url(re.compile("#gains$"))
    contents.get_by_role("link", name=titles["matrices"], exact=True).focus()
    page.keyboard.press("Enter")
    landed(page, "#matrices")
    assert page.evaluate("document.activeElement.id") == "matrices"


def test_the_sentence_being_read_keeps_its_place_when_the_language_changes(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=en")
    read_to(page, "gains")
    wait_for(lambda: "#gains" in page.url, 10, page.url)
    below = """() => {
        const line = Math.max(160, innerHeight * 0.3)
        const it = [...document.querySelectorAll('[data-s]')].find(e => e.getBoundingClientRect().top >= line)
        return [it.dataset.s, it.getBoundingClientRect().top]
    }"""
    name, before = at_rest(page).evaluate(below)
    page.locator(".st-key-lang [role=radio]").nth(1).click()
    page.wait_for_selector(f'[data-s="{name}"][lang=th]')
    place = f'[data-s="{name}"]'
    wait_for(
        lambda: abs(top(page, place) - before) < 3, 10, f"{name} moved from {before} to {top(page, place)}"
    )
    expect(page.locator(CURRENT)).to_have_text(next(s.title for s in load("th").sections if s.id == "gains"))


def test_notes_stand_beside_the_text_on_wide_screens(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=en")
    text = page.locator(".st-key-article_text").bounding_box()
    assert text
    for note in load("en").notes:
        side = page.locator(f"#side-{note.number}")
        box = side.bounding_box()
        assert box, note
        assert box["x"] >= text["x"] + text["width"]
        assert box["x"] + box["width"] <= 1440
        beside = page.evaluate(
            "n => document.elementFromPoint(...(({ x, y }) => [x + 20, y + 8])"
            "((e => (e.scrollIntoView({ block: 'center' }), e.getBoundingClientRect()))"
            "(document.getElementById(n))))?.closest('.side')?.id",
            f"side-{note.number}",
        )
        assert beside == f"side-{note.number}"  # nothing covers it or cuts it off
    expect(page.locator(".foot")).to_be_hidden()
    assert page.locator("#mark-2 a:visible").get_attribute("href") == "#side-2"
    page.locator("#side-2 > a").click()
    landed(page, "#mark-2")


@pytest.mark.parametrize("language", LANGUAGES)
def test_notes_are_footnotes_on_a_phone(new_reader: Callable[..., Page], server: str, language: str) -> None:
    page = visit(new_reader(viewport={"width": 360, "height": 740}), f"{server}/?lang={language}")
    expect(page.locator(".side").first).to_be_hidden()
    page.locator("#mark-3 a:visible").click()
    expect(page.locator("#foot-3")).to_be_in_viewport()
    page.locator("#foot-3 a").last.click()
    expect(page.locator("#mark-3")).to_be_in_viewport()


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_runs_over_the_edge_of_a_phone(
    new_reader: Callable[..., Page], server: str, language: str
) -> None:
    page = visit(new_reader(viewport={"width": 360, "height": 740}), f"{server}/?lang={language}")
    expect(page.locator(".formula .katex-display")).to_have_count(len(formulas(language)))
    over = page.evaluate("""() => {
        const all = document.querySelectorAll('.head *, .st-key-article_text :is(.s, .katex, h2, li, .drop)')
        const over = e => e.getBoundingClientRect().right > innerWidth + 0.5 && !e.closest('.katex-mathml')
        return [...all].filter(over).map(e => e.outerHTML.slice(0, 80))
    }""")
    assert over == []
    scrolled = page.evaluate(
        "[...document.querySelectorAll('.formula .katex-display')].map(e => e.scrollWidth - e.clientWidth)"
    )
    assert max(scrolled) <= 0  # they are small enough as they are; a longer one scrolls inside
    assert page.evaluate("(m => m.scrollWidth - m.clientWidth)(document.querySelector('.stMain'))") == 0


def test_the_contents_of_a_phone_open_lead_there_and_close(
    new_reader: Callable[..., Page], server: str
) -> None:
    page = visit(new_reader(viewport={"width": 360, "height": 740}), f"{server}/?lang=en")
    details = page.locator(".st-key-article_contents details")
    assert not details.evaluate("it => it.open")
    page.get_by_text("Contents", exact=True).click()
    title = next(s.title for s in load("en").sections if s.id == "cost")
    page.locator(".st-key-article_contents").get_by_role("link", name=title, exact=True).click()
    landed(page, "#cost")
    assert not details.evaluate("it => it.open")


@pytest.mark.parametrize(("language", "lines"), [("en", 3), ("th", 2)])
def test_the_drop_cap_is_as_deep_as_its_script_asks(
    reader: Page, server: str, language: str, lines: int
) -> None:
    page = visit(reader, f"{server}/?lang={language}")
    depth = page.locator(".drop").evaluate("""cap => {
        return cap.getBoundingClientRect().height / parseFloat(getComputedStyle(cap.closest('p')).lineHeight)
    }""")
    assert lines - 0.4 < depth <= lines


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_view_is_chosen_and_shared_by_its_address(reader: Page, server: str, language: str) -> None:
    page = visit(reader, f"{server}/?lang={language}")
    words = catalog(language)
    page.get_by_role("radio", name=str(words["article.view_listen"])).click()
    expect(page.locator("#listen")).to_be_visible()
    expect(page).to_have_url(re.compile("view=listen"))
    page.go_back()
    expect(page.locator("#tldr")).to_be_visible()
    visit(page, f"{server}/?lang={language}&view=listen")
    expect(page.locator("#listen")).to_be_visible()
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    page.locator(".st-key-lang [role=radio]").nth(LANGUAGES.index(other)).click()
    expect(page.locator("#listen")).to_have_text(str(catalog(other)["player.transcript"]))
    settled(page)
    expect(page).to_have_url(re.compile("view=listen"))


def test_the_print_is_the_text_with_its_footnotes(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=en")
    page.emulate_media(media="print")
    expect(page.locator(".foot")).to_be_visible()
    expect(page.locator("#conclusion")).to_be_visible()
    for hidden in (".st-key-article_contents", ".st-key-view", ".side >> nth=0", ".st-key-bar"):
        expect(page.locator(hidden)).to_be_hidden()
