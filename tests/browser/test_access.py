"""What every page grants to hands, eyes and keys: each is opened once a language and looked at whole.

The shadow roots of our widgets are looked into; `access.js` says what is asked of a page.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from content.catalog import LANGUAGES
from tests.browser.axe import in_scheme, violations
from tests.browser.conftest import visit, watch
from web.frame.navigation import PAGES

SCRIPT = Path(__file__).with_name("access.js")
PHONE, DESK = (360, 780), (1440, 900)
ROOMS = {  # what is left of a window when it is enlarged, in CSS px, and how large text is set
    "1440 at 200%": (720, 450, "100%"),
    "1280 at 400%": (320, 256, "100%"),
    "text alone at 200%": (*DESK, "200%"),
}
MOST = 250  # stops of the Tab key on a page
PROSE = ".st-key-article_text .turn a"
DRAWN = """() => [...document.querySelectorAll('.pradit-figure-plot')].every(plot => !plot.clientWidth
    || plot.querySelector('.main-svg')?.clientWidth === Math.round(plot.clientWidth))"""
STEADY = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
OPENED = [(place.key, f"{place.path}?", language) for place in PAGES for language in LANGUAGES]
OPENED += [("listen", "?view=listen&", "th"), ("lesson", "fine-tune?lesson=json&", "th")]


@pytest.fixture(scope="module")
def calm_reader(browser: Browser) -> Iterator[Page]:
    """One who asks for less motion."""
    context = browser.new_context(viewport=size(PHONE), reduced_motion="reduce")
    troubles: list[str] = []
    watch(context, troubles)
    context.add_init_script(path=SCRIPT)
    yield context.new_page()
    context.close()
    assert not troubles, "\n".join(troubles)


@pytest.fixture(scope="module", params=OPENED, ids=lambda each: f"{each[0]}-{each[2]}")
def opened(request: pytest.FixtureRequest, calm_reader: Page, server: str) -> Page:
    """A page as a visit finds it."""
    _, path, language = request.param
    return visit(calm_reader, f"{server}/{path}lang={language}")


def size(window: tuple[int, int]) -> dict[str, int]:
    return dict(zip(("width", "height"), window, strict=True))


def into(page: Page, width: int, height: int, text: str = "100%") -> Page:
    """Give the page another window and another size of text, and wait until it has taken its place there."""
    page.evaluate("text => { document.documentElement.style.fontSize = text }", text)
    page.set_viewport_size(size((width, height)))
    page.wait_for_function(DRAWN)
    page.evaluate(STEADY)
    return page


def test_no_page_is_wider_than_a_phone(opened: Page) -> None:
    page = into(opened, *PHONE)
    assert (
        page.evaluate("() => [access.main(), document.documentElement].map(e => e.scrollWidth)")
        <= [PHONE[0]] * 2
    )


def test_a_finger_hits_every_control_of_a_phone(opened: Page) -> None:
    """44 by 44 px; links within a sentence are left to its line, as WCAG 2.5.8 has it."""
    page = into(opened, *PHONE)
    assert page.evaluate("() => access.small(44)") == []


def test_marks_above_and_below_thai_letters_have_room(opened: Page) -> None:
    assert into(opened, *PHONE).evaluate("() => access.clipped()") == []


def test_nothing_moves_by_itself_for_who_asks_for_less_motion(opened: Page) -> None:
    page = into(opened, *PHONE)
    assert page.evaluate("() => access.moving(10)") == []
    assert page.evaluate("() => access.restless(20)") <= 2, "frames asked for while nothing happens"


def test_an_enlarged_page_has_all_its_text_in_its_window(opened: Page) -> None:
    found = {}
    for name, (width, height, text) in ROOMS.items():
        page = into(opened, width, height, text)
        found[name] = page.evaluate("() => [...access.wide(), ...access.cut(), ...access.overlaps()]")
    assert found == {name: [] for name in ROOMS}


def test_the_tab_key_walks_the_page_in_order_and_back(opened: Page) -> None:
    """English on a desk, Thai at 200%. Of the article's hundreds of links: the first and the last."""
    thai = opened.locator("html").get_attribute("lang") == "th"
    page = into(opened, *(ROOMS["1440 at 200%"][:2] if thai else DESK))
    page.evaluate("() => { access.main().scrollTo(0, 0); access.start() }")
    long = page.locator(PROSE).count() > 0
    for _ in range(30 if long else MOST):
        if not step(page, "Tab"):
            break
    leapt = page.evaluate("selector => access.leap(selector)", PROSE) if long else 0
    while long and step(page, "Tab"):
        pass
    back, stops = [], page.evaluate("() => access.stops.length")
    assert 10 < stops < MOST
    page.keyboard.press("Shift+Tab")
    if page.evaluate("() => access.at()") < 0:  # the way back may begin at the document itself
        page.keyboard.press("Shift+Tab")
    for _ in range(min(stops - leapt, 15)):
        back.append(page.evaluate("() => access.at()"))
        page.keyboard.press("Shift+Tab")
    assert back == list(range(stops - 1, stops - 1 - len(back), -1))
    assert page.evaluate("() => access.walked()") == []


def step(page: Page, key: str) -> bool:
    """Press it; whether the focus is where it has not been."""
    page.keyboard.press(key)
    return bool(page.evaluate("() => access.stop()"))


def test_every_chart_has_its_title_units_table_and_files(opened: Page) -> None:
    page = into(opened, *DESK)
    page.wait_for_function(DRAWN)
    assert page.evaluate("() => access.bare()") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened: Page, scheme: str) -> None:
    page = in_scheme(into(opened, *DESK), scheme)
    found = violations(page)
    in_scheme(page, "light")
    assert found == []
