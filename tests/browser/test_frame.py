"""What holds on every page: language, address, navigation, keyboard. Width and access: `test_access.py`."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from content.catalog import LANGUAGES, catalog
from tests.browser.axe import violations
from tests.browser.conftest import go_to, link_to, serving, settled, visit
from tests.browser.playing import listen, playing, press_play
from web.frame.navigation import DESTINATIONS, PAGES, destination_of

PHONE = {"width": 360, "height": 740}
SHEET = ".st-key-menu dialog"


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
            link_to(page, PAGES[1].key).click()
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


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_says_where_the_reader_is(reader: Page, server: str, language: str) -> None:
    """A link that was shared opens what it opened, and the frame marks its destination and its tab."""
    words = catalog(language)
    for place in PAGES:
        page = visit(reader, f"{server}/{place.path}?lang={language}")
        expect(page).to_have_title(title(place.key, language))
        here = destination_of(place)
        marked = page.locator(".st-key-menu .places [aria-current=page]")
        expect(marked).to_have_text(str(words[f"frame.destination.{here.key}"]))
        assert page.locator(".st-key-menu .places a").all_inner_texts() == [
            words[f"frame.destination.{each.key}"] for each in DESTINATIONS
        ]
        tabs = page.locator(".st-key-tabs a")
        if len(here.pages) == 1:
            expect(tabs).to_have_count(0)
            continue
        expect(tabs).to_have_text([str(words[f"page.{each.key}"]) for each in here.pages])
        expect(page.locator(".st-key-tabs [aria-current=page]")).to_have_text(str(words[f"page.{place.key}"]))


def test_links_are_real_and_lead_on_without_a_reload(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=th")
    for place in [each.pages[0] for each in DESTINATIONS]:
        expect(link_to(page, place.key)).to_have_attribute("href", f"{server}/{place.path}?lang=th")
    with page.context.expect_page() as opened:
        link_to(page, "fine_tune").click(modifiers=["ControlOrMeta"])
    expect(settled(opened.value)).to_have_title(title("fine_tune", "th"))
    expect(page).to_have_title(title("article", "th"))
    page.evaluate("() => { window.same = true }")
    for place in PAGES:
        go_to(page, place.key)
        expect(page).to_have_title(title(place.key, "th"))
        expect(page).to_have_url(f"{server}/{place.path}?lang=th")
        settled(page)
    assert page.evaluate("() => window.same")
    visit(page, f"{server}/?lang=th&view=listen")
    go_to(page, "article")  # the page one is on, as it is at first
    expect(page).to_have_url(f"{server}/?lang=th")
    expect(page.locator(".st-key-article")).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sheet_of_a_phone_leads_to_every_page_by_finger(
    new_reader: Callable[..., Page], server: str, language: str
) -> None:
    words = catalog(language)
    page = visit(new_reader(viewport=PHONE, has_touch=True), f"{server}/?lang={language}")
    page.evaluate("() => { window.same = true }")
    burger, sheet = page.locator(".st-key-menu .burger"), page.locator(SHEET)
    for place in PAGES[1:]:
        burger.tap()
        expect(sheet).to_be_visible()
        link = sheet.locator(f"a[data-page={place.key}]")
        expect(link.locator("span")).to_have_text(str(words[f"frame.line.{place.key}"]))
        box = link.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        link.tap()
        expect(page).to_have_title(title(place.key, language))
        expect(sheet).to_be_hidden()
        settled(page)
        if len(destination_of(place).pages) > 1:
            expect(page.locator(".st-key-tabs [aria-current=page]")).to_be_visible()
    burger.tap()
    expect(sheet.locator(".every [aria-current=page]")).to_have_attribute("data-page", PAGES[-1].key)
    assert violations(page) == []
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    sheet.locator(f".languages [lang={other}]").tap()
    expect(page).to_have_title(title(PAGES[-1].key, other))
    expect(sheet.locator(f".languages [lang={other}]")).to_have_attribute("aria-pressed", "true")
    sheet.locator(".share").tap()
    expect(page.locator(".st-key-share dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-share dialog")).to_be_hidden()
    assert page.evaluate("() => window.same")
    assert page.locator("[data-testid=stSidebar]").count() == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sheet_of_a_phone_works_by_keyboard(
    new_reader: Callable[..., Page], server: str, language: str
) -> None:
    page = visit(new_reader(viewport=PHONE), f"{server}/serving?lang={language}")
    burger, sheet = page.locator(".st-key-menu .burger"), page.locator(SHEET)
    main = page.get_by_test_id("stMain")
    focused = "() => { let at = document.activeElement; while (at?.shadowRoot) at = at.shadowRoot.activeElement; return at?.className }"  # noqa: E501
    main.evaluate("main => main.scrollTo(0, 200)")
    for close in ("Escape", "Enter"):
        burger.focus()
        expect(burger).to_have_attribute("aria-expanded", "false")
        page.keyboard.press("Enter")
        expect(sheet).to_be_visible()
        expect(burger).to_have_attribute("aria-expanded", "true")
        assert page.evaluate(focused) == "close"
        page.mouse.wheel(0, 400)
        assert main.evaluate("main => [main.scrollTop, getComputedStyle(main).overflowY]") == [200, "hidden"]
        page.keyboard.press(close)  # Enter presses the button that has the focus
        expect(sheet).to_be_hidden()
        assert page.evaluate(focused) == "burger"
    page.keyboard.press("Enter")
    for _ in range(4):  # the close button, the wordmark, and two pages on
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_title(title(PAGES[2].key, language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_frame_works_by_keyboard_alone(reader: Page, server: str, language: str) -> None:
    words = catalog(language)
    page = visit(reader, f"{server}/matrices?lang={language}")
    reached = []
    for _ in range(3 + len(DESTINATIONS) + 2 + 3):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => {
                    let at = document.activeElement
                    while (at?.shadowRoot) at = at.shadowRoot.activeElement
                    return at.innerText || at.ariaLabel
                }"""
            )
        )
    assert words["document.skip"] in reached
    in_order = [words[f"frame.destination.{each.key}"] for each in DESTINATIONS]
    in_order += [words["share.open"], words["page.matrices"], words["page.decompose"]]
    assert [each for each in reached if each in in_order] == in_order
    link_to(page, "decompose").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_title(title("decompose", language))
    page.get_by_role("radio", name=str(words["document.english_name"]), exact=True).focus()
    page.keyboard.press("ArrowRight" if language == "en" else "ArrowLeft")
    page.keyboard.press("Enter")
    expect(page).to_have_title(title("decompose", LANGUAGES[1 - LANGUAGES.index(language)]))


def test_what_is_playing_shows_in_the_bar_and_leads_to_the_transcript(reader: Page, server: str) -> None:
    page = listen(reader, server)
    sign = page.locator(".st-key-menu .menu-bar .playing")
    expect(sign).to_be_hidden()
    press_play(page)
    expect(sign).to_be_hidden()  # the card says it
    go_to(page, "serving")
    expect(sign).to_have_text(re.compile(r"^\d+:\d\d$"))
    assert violations(page) == []
    sign.click()
    expect(page).to_have_url(re.compile("view=listen"))
    playing(page)


@pytest.mark.parametrize("width", [1440, 360])
def test_the_frame_does_not_move_what_stands_below_it(
    new_reader: Callable[..., Page], server: str, width: int
) -> None:
    """From page to page, with tabs and without: nothing that has been drawn is pushed down or up."""
    page = new_reader(viewport={"width": width, "height": 900})
    visit(page, f"{server}/?lang=en")
    for place in (*PAGES[1:], PAGES[0]):
        page.evaluate(
            """() => {
                window.tops = new Set()
                const look = () => {
                    const head = document.querySelector(".stMain h1")
                    const main = document.querySelector('[data-testid=stMainBlockContainer]')
                    const { paddingTop } = getComputedStyle(main)
                    if (head) window.tops.add(`${head.textContent} ${paddingTop}`)
                    window.looking = requestAnimationFrame(look)
                }
                look()
            }"""
        )
        page.locator(f".st-key-menu a[data-page={place.key}]").last.dispatch_event("click")
        expect(page).to_have_title(title(place.key, "en"))
        settled(page)
        tops = page.evaluate("() => { cancelAnimationFrame(window.looking); return [...window.tops] }")
        head = page.locator(".stMain h1").first.text_content()
        assert len([each for each in tops if each.startswith(f"{head} ")]) == 1, tops


def test_no_frame_is_printed(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/matrices?lang=en")
    page.emulate_media(media="print")
    expect(page.locator(".st-key-bar")).to_be_hidden()
    expect(page.locator(".st-key-tabs")).to_be_hidden()


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
