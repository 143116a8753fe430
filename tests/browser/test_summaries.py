"""What a picture shows is said in words, in the reader's language, and anew when a control changes it."""

import re
from collections.abc import Callable
from itertools import groupby

import pytest
from playwright.sync_api import Locator, Page

from content.catalog import LANGUAGES
from tests.browser.conftest import visit, wait_for

THAI = re.compile("[\u0e00-\u0e7f]")
SAID = """element => [element.getAttribute('aria-label'), element.getAttribute('aria-valuetext'),
    ...(element.getAttribute('aria-describedby') ?? '').split(' ')
        .map(id => id && element.getRootNode().getElementById(id)?.textContent)].filter(Boolean).join(' ')"""


def drag(control: Locator) -> None:
    control.focus()
    control.press("ArrowRight")


def choose(control: Locator) -> None:
    control.click()


def unfold(control: Locator) -> None:
    """The next of a list."""
    control.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        control.press(key)


# The page, the picture, what changes it and how. Each has begun to say something before it is touched.
PICTURES: list[tuple[str, str, str, Callable[[Locator], None]]] = [
    ("matrices?", ".st-key-matrices canvas[data-k=BA]", ".st-key-matrices #rank", drag),
    ("matrices?", ".st-key-matrices canvas[data-k=Z]", ".st-key-matrices .strip", drag),
    ("matrices?", ".st-key-matrices .strip", ".st-key-matrices .strip", drag),
    ("matrices?", ".st-key-adapters_B canvas", ".st-key-adapters_layer input", unfold),
    ("decompose?", "[data-k=cur] canvas.mx", ".st-key-decompose #rank", drag),
    ("decompose?", ".chart[data-k=errors]", ".chart[data-k=errors]", drag),
    ("methods?", ".st-key-mt_start_1_held canvas", ".st-key-b [role=radio]:has-text('LoRA-GA')", choose),
    ("methods?", ".st-key-mt_diagram_1 svg", ".st-key-b [role=radio]:has-text('DoRA')", choose),
    ("serving?", ".st-key-sv_batch svg", ".st-key-sv_adapters input", drag),
    ("?view=listen&", ".card .wave", ".card .wave", drag),
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_of_a_picture_change_with_it(reader: Page, server: str, language: str) -> None:
    for path, pictures in groupby(PICTURES, key=lambda each: each[0]):
        visit(reader, f"{server}/{path}lang={language}")
        for _, selector, control, change in pictures:
            picture = reader.locator(selector).first
            before = wait_for(lambda of=picture: of.evaluate(SAID), 20, f"{selector} says nothing")
            change(reader.locator(control).first)
            wait_for(
                lambda of=picture, was=before: of.evaluate(SAID) not in ("", was), 20, f"{selector}: {before}"
            )
            now = picture.evaluate(SAID)
            assert bool(THAI.search(now)) == (language == "th"), now
