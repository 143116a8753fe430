"""The text follows the voice: what is spoken is marked and stays in sight."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import visit, wait_for
from tests.browser.playing import BAR, PLAYER, listen, playing, press_play, until, words


@pytest.mark.parametrize(
    ("language", "view"), [("en", "listen"), ("th", "listen"), ("en", "read"), ("th", "read")]
)
def test_the_sentence_and_the_word_are_marked_where_they_stand(
    reader: Page, server: str, language: str, view: str
) -> None:
    page = visit(reader, f"{server}/?lang={language}&view={view}")
    wait_for(lambda: page.evaluate(f"!!{PLAYER}?.track"), 20, "the chapters")
    page.evaluate(f"{PLAYER}.start('{language}', 'why-1')")
    playing(page, sentence="why-1")
    seen: set[tuple[str, str]] = set()

    def look() -> bool:
        marked, word, said, text = page.evaluate(f"""(() => {{
            const [range] = [...CSS.highlights.get('pradit-word')], now = document.querySelector('.s.now')
            const aside = [...now.querySelectorAll('.cite, sup.n')].map(node => node.textContent)
            return [now.dataset.s, range?.toString(), {PLAYER}.word(),
                    aside.reduce((text, part) => text.replace(part, ''), now.textContent)] }})()""")
        if said and word:
            assert word == text[said["start"] : said["end"]]
            seen.add((marked, word))
        return len({sentence for sentence, _ in seen}) > 1

    wait_for(look, 20, "two sentences")
    assert len(seen) >= 6
    assert page.locator(".s.now").count() == 1


def test_a_word_in_a_formula_is_marked_on_the_formula(reader: Page, server: str) -> None:
    page = listen(reader, server)
    page.locator("[data-s=matrices-1]").click()
    playing(page, sentence="matrices-1")

    def formula() -> bool:
        return bool(
            page.evaluate("""(() => {
            const [range] = [...CSS.highlights.get('pradit-word')]
            return !!range && !!range.cloneContents().querySelector('.katex-html, .base') })()""")
        )

    wait_for(formula, 20, "the formula's turn")


def test_scrolling_gives_way_to_the_reader(reader: Page, server: str) -> None:
    page = listen(reader, server)
    top = "document.querySelector('[data-testid=stMain]').scrollTop"
    page.locator("[data-s=choose-2]").click()
    playing(page)
    page.mouse.move(1000, 500)
    page.mouse.wheel(0, -6000)
    expect(page.get_by_role("button", name=words("follow"))).to_be_visible()
    wait_for(lambda: page.evaluate(top) < 300, 10, "the top")
    page.evaluate(f"{PLAYER}.step(1)")
    playing(page, sentence="choose-3")
    until(page, lambda now: now["time"] > 0)
    assert page.evaluate(top) < 300
    page.get_by_role("button", name=words("follow")).click()
    wait_for(lambda: page.evaluate(top) > 600, 10, "the spoken sentence")


@pytest.mark.parametrize("language", ["en", "th"])
def test_on_a_phone_the_card_comes_first_and_its_keys_stay_at_hand(
    new_reader: Callable[..., Page], server: str, language: str
) -> None:
    page = listen(new_reader(viewport={"width": 360, "height": 740}, has_touch=True), server, language)

    def in_sight(key: str) -> bool:
        boxes = [each.bounding_box() for each in page.get_by_role("button", name=words(key, language)).all()]
        return any(box and box["y"] >= 56 and box["y"] + box["height"] <= 740 for box in boxes)

    assert in_sight("play")
    heard = {press_play(page, language)["sentence"]}

    def three() -> bool:
        heard.add(until(page, lambda now: now["sentence"])["sentence"])
        wait_for(lambda: in_sight("pause"), 2, "the key that pauses, while the text moves on")
        return len(heard) > 3

    page.evaluate(f"{PLAYER}.speed(2.5)")
    wait_for(three, 40, "three sentences")
    bar = page.locator(BAR)
    expect(bar).to_be_visible()
    assert page.locator(".s.now").evaluate("each => each.getBoundingClientRect().bottom") < bar.evaluate(
        "each => each.getBoundingClientRect().top"
    )
    before = until(page, lambda now: now["time"])["time"]
    seek = bar.get_by_role("slider", name=words("seek", language))
    seek.focus()
    seek.press("Home")
    until(page, lambda now: now["time"] < before)
    bar.get_by_role("button", name=words("pause", language)).click()
    until(page, lambda now: now["phase"] != "playing")
