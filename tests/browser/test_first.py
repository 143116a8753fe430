"""The article's first screen stands before any script has run, and the app takes its place."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from content.catalog import LANGUAGES
from content.document import load
from tests.browser.conftest import link_to, settled, visit

PARTS = (".head .label", ".head h1", ".head .lead", ".head .note-s", ".tldr", ".tldr p")
PLACES = """([root, parts]) => parts.map(part => {
    const { x, y, width, height } = document.querySelector(`${root} ${part}`).getBoundingClientRect()
    return [x, y, width, height].map(Math.round)
})"""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [1440, 360])
def test_it_stands_where_the_app_will_stand(
    new_reader: Callable[..., Page], server: str, language: str, width: int
) -> None:
    page = new_reader(viewport={"width": width, "height": 900}, java_script_enabled=False)
    page.goto(f"{server}/?lang={language}")
    expect(page.locator("#first h1")).to_be_visible()
    expect(page.locator("#first")).to_contain_text(load(language).tldr.sentences[1].plain[:20])
    scripted = visit(new_reader(viewport={"width": width, "height": 900}), f"{server}/?lang={language}")
    found, expected = (
        each.evaluate(PLACES, [root, PARTS]) for each, root in ((page, "#first"), (scripted, "#root"))
    )
    for before, after in zip(found, expected, strict=True):
        assert before == pytest.approx(after, abs=2)


def test_it_is_gone_once_the_app_stands_and_does_not_come_back(reader: Page, server: str) -> None:
    visit(reader, f"{server}/?lang=en")
    expect(reader.locator("#first")).to_have_count(0)
    link_to(reader, "matrices").click()
    settled(reader)
    expect(reader.locator("h1")).to_have_count(1)
    expect(reader.locator("#first")).to_have_count(0)
