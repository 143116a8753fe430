"""The text follows the voice: what is spoken is marked and stays in sight."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import visit, wait_for
from tests.browser.playing import PLAYER, listen, playing, until, words


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
