"""What a reader does with the article: guesses, terms, two languages at once, print, citing."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from content.catalog import LANGUAGES, catalog
from content.document import load
from content.model import Paragraph
from content.terms import glossary
from tests.browser.conftest import settled, visit, wait_for
from tests.browser.playing import PLAYER, playing
from tests.browser.test_article import landed

CHOICE, CURVE = "c04_layers", "c01_capacity"  # claims with each kind of question
PHONE = {"width": 360, "height": 740}


def words(key: str, language: str = "en") -> str:
    return str(catalog(language)[f"guess.{key}"])


def drawn(page: Page, name: str) -> None:
    expect(page.locator(f".st-key-article_{name} .pradit-figure-plot[data-drawn]")).to_be_visible()


# ---- guesses --------------------------------------------------------------------------------------------


def test_a_guess_is_held_against_the_measurement_and_kept(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=en")
    claim = page.locator(f".st-key-claim_{CHOICE}")
    expect(claim.locator(".pradit-figure")).to_have_count(0)
    expect(claim.locator(".verdict")).to_be_hidden()
    claim.get_by_role("button", name=words(f"{CHOICE}.less")).click()
    drawn(page, CHOICE)
    expect(claim.locator(".verdict")).to_be_visible()
    mine = f"{words(f'{CHOICE}.less')} · {words('mine')}"
    expect(claim.locator("button.mine")).to_have_text(re.compile(f"^{re.escape(mine)}"))
    expect(claim.locator("button.measured")).to_have_count(1)
    expect(claim.get_by_role("button", name=words("show"))).to_be_hidden()
    page.get_by_role("radio", name=str(catalog("en")["article.view_listen"])).click()
    expect(page.locator("#listen")).to_be_visible()
    page.get_by_role("radio", name=str(catalog("en")["article.view_read"])).click()
    drawn(page, CHOICE)
    expect(claim.locator("button.mine")).to_be_visible()


def test_a_curve_is_drawn_by_keys_and_by_pointer(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=en")
    claim = page.locator(f".st-key-claim_{CURVE}")
    claim.scroll_into_view_if_needed()
    grips = claim.get_by_role("slider")
    first = grips.first
    first.focus()
    before = first.get_attribute("aria-valuenow")
    page.keyboard.press("ArrowDown")
    wait_for(lambda: float(grips.first.get_attribute("aria-valuenow") or 0) < float(before or 0), 10, "moved")
    assert claim.evaluate("it => it.querySelector('[class*=st-key-guess]').contains(document.activeElement)")
    box = grips.last.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 60, steps=4)
    page.mouse.up()
    last = grips.last.get_attribute("aria-valuenow")
    assert float(last or 0) < float(before or 0)
    claim.get_by_role("button", name=words("compare")).click()
    drawn(page, CURVE)
    expect(claim.locator("path.truth")).to_be_visible()
    expect(claim.locator("path.mine")).to_be_visible()
    expect(claim.get_by_role("status")).to_have_text(re.compile(words("off").split("{")[0]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_figure_is_one_press_away_and_fits_a_phone(
    new_reader: Callable[..., Page], server: str, language: str
) -> None:
    page = visit(new_reader(viewport=PHONE, has_touch=True), f"{server}/?lang={language}")
    for name in (CHOICE, CURVE):
        claim = page.locator(f".st-key-claim_{name}")
        claim.scroll_into_view_if_needed()
        claim.get_by_role("button", name=words("show", language), exact=True).tap()
        drawn(page, name)
        expect(claim.locator(".question")).to_have_count(0)
    over = page.evaluate(
        "[...document.querySelectorAll('[class*=st-key-claim_] *')].filter(e => !e.closest('details') && "
        "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 90))"
    )
    assert over == []
    assert page.evaluate("(m => m.scrollWidth - m.clientWidth)(document.querySelector('.stMain'))") == 0


def test_who_never_wants_to_guess_sees_each_figure_on_the_way(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=en")
    claim = page.locator(f".st-key-claim_{CURVE}")
    claim.get_by_role("button", name=words("always"), exact=True).click()
    drawn(page, CURVE)
    page.locator(f".st-key-claim_{CHOICE}").scroll_into_view_if_needed()
    drawn(page, CHOICE)


# ---- terms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_term_is_explained_at_the_keyboards_focus_and_escape_closes_it(
    reader: Page, server: str, language: str
) -> None:
    page = visit(reader, f"{server}/?lang={language}")
    term = glossary()["rank"]
    word = page.locator(f'.tldr .term[aria-describedby="term-{language}-rank"]')
    tip = page.locator(".pradit-term")
    word.focus()
    expect(tip).to_contain_text(term.meaning(language))
    expect(tip).to_contain_text(term.words(language))
    if language == "th":
        expect(tip).to_contain_text(term.en)
    assert tip.evaluate("(it) => it.lang") == language
    described = page.evaluate(f"() => document.getElementById('term-{language}-rank').textContent")
    assert term.meaning(language) in described  # what a screen reader says
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    expect(word).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(tip).to_contain_text(term.meaning(language))
    page.keyboard.press("Tab")  # the way on
    expect(tip).not_to_contain_text(term.meaning(language)) if tip.count() else expect(tip).to_be_hidden()


def test_a_term_is_explained_under_the_pointer_and_at_a_tap(
    new_reader: Callable[..., Page], server: str
) -> None:
    page = visit(new_reader(), f"{server}/?lang=en")
    tip = page.locator(".pradit-term")
    page.locator(".tldr .term").first.hover()
    expect(tip).to_be_visible()
    tip.hover()  # it stays while it is read
    expect(tip).to_be_visible()
    page.locator("h1").hover()
    expect(tip).to_be_hidden()
    phone = visit(new_reader(viewport=PHONE, has_touch=True), f"{server}/?lang=th")
    phone.locator(".tldr .term").first.tap()
    box = phone.locator(".pradit-term").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    phone.locator(".tldr h2").tap()
    expect(phone.locator(".pradit-term")).to_be_hidden()


# ---- two languages --------------------------------------------------------------------------------------


def test_two_languages_face_each_other_and_alternate_on_a_phone(
    new_reader: Callable[..., Page], server: str
) -> None:
    page = visit(new_reader(), f"{server}/?lang=th")
    page.get_by_role("radio", name=str(catalog("th")["article.view_both"])).click()
    expect(page).to_have_url(re.compile("view=both"))
    article = load("en")
    paragraphs = [b for s in article.sections for b in s.blocks if isinstance(b, Paragraph)]
    expect(page.locator(".pair .s[lang=en]").first).to_be_visible()
    assert page.locator(".pair").count() > len(paragraphs)
    name = paragraphs[0].sentences[0].id
    ours, theirs = (page.locator(f'.s[data-s="{name}"][lang={tongue}]') for tongue in ("th", "en"))
    one, other = (s.locator("xpath=ancestor::*[@lang][1]").bounding_box() for s in (ours, theirs))
    assert one
    assert other
    assert abs(one["y"] - other["y"]) < 2
    assert one["x"] + one["width"] <= other["x"]
    phone = visit(new_reader(viewport=PHONE), f"{server}/?lang=en&view=both")
    ours, theirs = (phone.locator(f'.s[data-s="{name}"][lang={tongue}]') for tongue in ("en", "th"))
    one, other = (s.locator("xpath=ancestor::*[@lang][1]").bounding_box() for s in (ours, theirs))
    assert one
    assert other
    assert one["y"] + one["height"] <= other["y"]
    assert phone.evaluate("(m => m.scrollWidth - m.clientWidth)(document.querySelector('.stMain'))") == 0


# ---- on the way -----------------------------------------------------------------------------------------


def test_a_deep_link_stays_on_its_section_when_a_figure_comes_late(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=th#cost")
    landed(page, "#cost")
    page.evaluate("""() => {
        const late = document.createElement('div')
        late.style.height = '700px'
        document.querySelector('.tldr').before(late)
    }""")
    landed(page, "#cost")
    expect(page).to_have_url(re.compile("#cost$"))


def test_a_section_leads_to_the_one_before_and_the_one_after(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=en")
    first, second, third = load("en").sections[:3]
    page.locator(f'.turn a.next[href="#{second.id}"]').click()
    landed(page, f"#{second.id}")
    page.locator(f'.turn a.next[href="#{third.id}"]').click()
    landed(page, f"#{third.id}")
    page.locator(f'.turn a.previous[href="#{first.id}"]').click()
    wait_for(lambda: page.url.endswith(f"#{first.id}"), 10, page.url)


def test_an_equation_is_reached_by_its_number(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=en")
    link = page.locator("a.eq").first
    target = link.get_attribute("href") or ""
    number = link.text_content()
    link.click()
    expect(page.locator(target)).to_be_in_viewport()
    expect(page.locator(f"{target} .eq-n")).to_have_text(str(number))
    assert page.locator(target).get_attribute("translate") == "no"


def test_a_citation_is_copied(new_reader: Callable[..., Page], server: str) -> None:
    page = visit(new_reader(permissions=["clipboard-read", "clipboard-write"]), f"{server}/?lang=en")
    texts = catalog("en")
    button = page.get_by_role("button", name=f"{texts['article.copy.copy']}: {texts['article.cite_source']}")
    button.click()
    expect(button).to_have_text(str(texts["article.copy.copied"]))
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith("@article{schulman2025,")
    assert "10.64434/tml.20250929" in copied


def test_on_paper_there_are_verdicts_and_no_questions(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=th")
    assert page.pdf(format="A4").startswith(b"%PDF")
    settled(page)
    page.emulate_media(media="print")
    claim = page.locator(f".st-key-claim_{CHOICE}")
    expect(claim.locator(".verdict")).to_be_visible()
    expect(claim.locator(".ex-finding")).to_be_visible()
    for hidden in (".question >> nth=0", ".turn >> nth=0", ".pradit-term"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator(".terms")).to_be_visible()


def test_of_two_languages_the_one_that_is_spoken_is_marked(reader: Page, server: str) -> None:
    page = visit(reader, f"{server}/?lang=en&view=both")
    wait_for(lambda: page.evaluate(f"!!{PLAYER}?.track"), 20, "the chapters")
    for language in ("th", "en"):
        page.evaluate(f"{PLAYER}.start('{language}', 'why-1')")
        playing(page, sentence="why-1", language=language)
        expect(page.locator(f'.s.now[data-s="why-1"][lang={language}]')).to_be_visible()
        assert page.locator(".s.now").count() == 1
