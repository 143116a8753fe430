"""The player obeys: the pointer, the keyboard, the timer, a headset."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import visit
from tests.browser.playing import PLAYER, listen, playing, press_play, state, until, words


def test_a_pressed_sentence_is_heard_and_the_waveform_is_the_audios_own(reader: Page, server: str) -> None:
    page = listen(reader, server)
    page.locator("[data-s=choose-2]").click()
    playing(page, sentence="choose-2")
    until(page, lambda now: now["whole"])
    peaks = page.evaluate(f"{PLAYER}.track.sentences.flatMap(s => s.peaks).length")
    assert peaks == pytest.approx(page.evaluate(f"{PLAYER}.track.duration") * 20, rel=0.02)
    wave = page.locator(".wave")
    box = wave.bounding_box()
    assert box
    duration = page.evaluate(f"{PLAYER}.track.duration")
    page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2)
    now = playing(page)
    assert now["time"] == pytest.approx(0.6 * duration, abs=4)
    expect(wave).to_have_attribute("aria-valuetext", re.compile(r"^\d+:\d\d of \d+:\d\d$"))
    page.get_by_role("button", name=words("pause")).click()
    for name, by in (("back", -15), ("forward", 15)):
        before = state(page)["time"]
        page.get_by_role("button", name=words(name)).first.click()
        assert state(page)["time"] == pytest.approx(before + by, abs=0.2)
    before = state(page)["sentence"]
    page.get_by_role("button", name=words("next")).click()
    assert state(page)["sentence"] != before
    page.get_by_role("button", name=words("previous")).click()
    assert state(page)["sentence"] == before
    link = page.get_by_role("link", name=words("download"))
    with page.expect_download() as download:
        link.click()
    assert re.fullmatch(r"pradit-en-6-choose\.mp3", download.value.suggested_filename)
    assert Path(download.value.path()).stat().st_size > 100_000


def test_speed_is_heard_and_remembered(reader: Page, server: str) -> None:
    page = listen(reader, server)
    press_play(page)
    slider = page.get_by_role("slider", name=words("speed"))
    slider.focus()
    for _ in range(5):
        slider.press("ArrowRight")
    assert state(page)["rate"] == pytest.approx(1.5)
    assert state(page)["phase"] == "playing"
    started, at = state(page)["sound"], time.monotonic()
    until(page, lambda now: now["sound"] > started + 3)
    assert time.monotonic() - at < 2.9
    page.reload()
    expect(page.get_by_role("slider", name=words("speed"))).to_have_value("1.5")


def test_chapters_and_the_timer_that_ends_with_one(reader: Page, server: str) -> None:
    page = listen(reader, server)
    chapters = page.get_by_role("navigation", name=words("chapters")).get_by_role("button")
    chapters.nth(1).click()
    playing(page, chapter="why")
    expect(chapters.nth(1)).to_have_attribute("aria-current", "true")
    page.get_by_label(words("sleep")).select_option("chapter")
    until(page, lambda now: now["whole"])
    page.evaluate(f"{PLAYER}.seek({PLAYER}.track.duration - 1.2)")
    until(page, lambda now: now["phase"] == "paused" and now["chapter"] == "gains")
    expect(page.locator(".card .notice")).to_have_text(words("slept"))
    expect(page.get_by_label(words("sleep"))).to_have_value("")
    expect(page.get_by_role("status").filter(has_text=words("slept"))).to_be_attached()


def test_the_timer_of_minutes_ends_the_voice_and_says_so(
    new_reader: Callable[..., Page], server: str
) -> None:
    page = new_reader(fresh=True)
    page.clock.install()  # time goes on as ever, but can be moved forward
    listen(page, server)
    press_play(page)
    page.get_by_label(words("sleep")).select_option("15")
    page.clock.fast_forward("14:00")
    assert state(page)["phase"] == "playing"
    page.clock.fast_forward("01:05")
    until(page, lambda now: now["phase"] == "paused")
    expect(page.get_by_label(words("sleep"))).to_have_value("")


def test_the_keyboard_alone_is_enough_and_sliders_keep_their_keys(reader: Page, server: str) -> None:
    page = listen(reader, server)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("k")
    playing(page)
    page.keyboard.press(" ")
    until(page, lambda now: now["phase"] == "paused")
    before = state(page)["time"]
    page.keyboard.press("l")
    assert state(page)["time"] == pytest.approx(before + 15, abs=0.2)
    page.keyboard.press("j")
    assert state(page)["time"] == pytest.approx(before, abs=0.2)
    sentence = state(page)["sentence"]
    page.keyboard.press("ArrowRight")
    assert state(page)["sentence"] != sentence
    spoken = page.locator("[data-s=tldr-1]")
    page.evaluate(f"{PLAYER}.step(-1)")
    spoken.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-s=tldr-2]")).to_be_focused()
    page.keyboard.press("Enter")
    playing(page, sentence="tldr-2")
    sentence = state(page)["sentence"]
    wave = page.get_by_role("slider", name=words("seek"))
    wave.focus()
    before = state(page)["time"]
    page.keyboard.press("ArrowLeft")
    assert before - 6 < playing(page)["time"] < before
    visit(page, f"{server}/matrices?lang=en")
    before = state(page)["time"]
    rank = page.get_by_role("slider").first
    rank.focus()
    value = rank.input_value()
    for key in ("ArrowRight", "k", "l", " "):
        page.keyboard.press(key)
    assert rank.input_value() != value
    assert (state(page)["time"], state(page)["phase"]) == (before, "idle")


def test_headset_and_lock_screen(reader: Page, server: str) -> None:
    reader.add_init_script("""
        window.pressed = {}
        const set = MediaSession.prototype.setActionHandler
        MediaSession.prototype.setActionHandler = function (name, action) {
            window.pressed[name] = action; return set.call(this, name, action) }""")
    page = listen(reader, server)
    press_play(page)
    assert page.evaluate("navigator.mediaSession.playbackState") == "playing"
    chapter = str(page.locator(".card .chapter").inner_text())
    assert page.evaluate("navigator.mediaSession.metadata.title") == chapter
    page.evaluate("window.pressed.pause()")
    until(page, lambda now: now["phase"] == "paused")
    before = state(page)["sentence"]
    page.evaluate("window.pressed.nexttrack()")
    assert state(page)["sentence"] != before
    page.evaluate("window.pressed.play()")
    playing(page)
