"""How tests start the player, look at it and wait for what it does."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from content.catalog import LANGUAGES, catalog
from tests.browser.conftest import settled, visit, wait_for

BAR = "[data-form=bar]"
PLAYER = "window[Symbol.for('pradit.player')]"
STATE = f"""(() => {{ const p = {PLAYER}, a = document.getElementById('pradit-audio'); return {{
    phase: p.phase, language: p.language, sentence: p.sentence?.id, chapter: p.track?.chapter.id,
    time: p.time(), whole: !!p.track?.audio, voice: p.track?.voice, notice: p.notice, sound: a.currentTime,
    silent: a.paused, rate: a.playbackRate, word: p.word() }} }})()"""


def words(key: str, language: str = "en", **fields: object) -> str:
    return str(catalog(language)[f"player.{key}"]).format(**fields)


def state(page: Page) -> dict[str, Any]:
    return dict(page.evaluate(STATE))


def until(page: Page, what: Callable[[dict[str, Any]], Any], seconds: float = 20) -> dict[str, Any]:
    """The player's state as soon as something holds of it."""
    last: dict[str, Any] = {}

    def look() -> bool:
        last.update(state(page))
        return bool(what(last))

    try:
        wait_for(look, seconds, "the player")
    except TimeoutError:
        raise AssertionError(f"the player stays at {last}") from None
    return last


def playing(page: Page, **where: str) -> dict[str, Any]:
    return until(page, lambda now: now["phase"] == "playing" and all(now[k] == v for k, v in where.items()))


def listen(page: Page, server: str, language: str = "en") -> Page:
    visit(page, f"{server}/?lang={language}&view=listen")
    expect(page.locator(".card .chapter")).not_to_be_empty()
    return page


def press_play(page: Page, language: str = "en") -> dict[str, Any]:
    page.get_by_role("button", name=words("play", language), exact=True).first.click()
    return playing(page)


def switch(page: Page, language: str) -> None:
    page.locator(".st-key-lang [role=radio]").nth(LANGUAGES.index(language)).click()
    expect(page.locator("html")).to_have_attribute("lang", language)
    settled(page)
