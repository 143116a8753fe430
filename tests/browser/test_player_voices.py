"""The built-in voice and the device's own: which one speaks, and what is said where neither does."""

import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import settled
from tests.browser.playing import listen, playing, press_play, state, switch, until, words

SPEECH = Path(__file__).with_name("speech.js").read_text("utf-8")
THAI = "[{ name: 'Kanya', lang: 'th-TH', voiceURI: 'kanya' }]"
GERMAN = "[{ name: 'Anna', lang: 'de-DE', voiceURI: 'anna' }]"


def device(page: Page, voices: str, mute: bool = False) -> Page:
    """Give the browser these voices of its own."""
    page.add_init_script(f"window.standIn = {{ voices: {voices}, mute: {str(mute).lower()} }};\n{SPEECH}")
    return page


def test_a_thai_device_speaks_thai_until_the_reader_chooses_otherwise(reader: Page, server: str) -> None:
    page = listen(device(reader, THAI), server, "th")
    voice = page.get_by_label(words("voice", "th"))
    expect(voice).to_have_value("device:kanya")
    press_play(page, "th")
    until(page, lambda now: now["voice"] == "device" and now["sentence"] == "tldr-1" and now["word"])
    said = page.evaluate("window.said.map(each => [each.lang, each.text])")
    assert len(said) >= 2
    assert {lang for lang, _ in said} == {"th-TH"}
    expect(page.locator(".s.now")).to_have_attribute("data-s", re.compile("^tldr-"))
    assert page.evaluate("[...CSS.highlights.get('pradit-word')].length") <= 1
    voice.select_option("builtin")
    playing(page, voice="builtin")
    page.reload()
    settled(page)
    expect(voice).to_have_value("builtin")
    switch(page, "en")
    expect(page.get_by_label(words("voice"))).to_have_value("builtin")


def test_a_device_without_thai_leaves_thai_to_the_built_in_voice(reader: Page, server: str) -> None:
    page = listen(device(reader, GERMAN), server, "th")
    expect(page.get_by_label(words("voice", "th"))).to_have_value("builtin")
    press_play(page, "th")
    assert state(page)["voice"] == "builtin"
    assert page.evaluate("window.said.length") == 0


def test_where_the_device_stays_silent_the_built_in_voice_speaks_and_says_so(
    reader: Page, server: str
) -> None:
    page = listen(device(reader, THAI, mute=True), server, "th")
    page.get_by_role("button", name=words("play", "th"), exact=True).first.click()
    playing(page, voice="builtin")
    expect(page.locator(".card .notice")).to_have_text(words("device_failed", "th"))
    status = page.get_by_role("status").filter(has_text=words("device_failed", "th"))
    expect(status).to_have_count(0)  # not while the voice speaks
    page.get_by_role("button", name=words("pause", "th")).click()
    expect(status).to_have_count(1)


def voiceless(route: Route) -> None:
    answer = route.fetch()
    made = answer.json()
    silent = [{"id": each["id"], "audio": ""} for each in made["sentences"]]
    route.fulfill(response=answer, json=made | {"audio": None, "fallback": "failed", "sentences": silent})


def test_no_voice_at_all_says_so(reader: Page, server: str) -> None:
    reader.route("**/narration/en/*?**", voiceless)
    page = listen(reader, server)
    page.get_by_role("button", name=words("play"), exact=True).first.click()
    expect(page.locator(".card .notice")).to_have_text(words("none"))
    expect(page.get_by_role("status").filter(has_text=words("none"))).to_be_attached()
    assert state(page)["phase"] == "paused"


def test_a_server_without_voice_leaves_it_to_the_device(reader: Page, server: str) -> None:
    reader.route("**/narration/th/*?voice=builtin**", voiceless)
    page = listen(device(reader, THAI), server, "th")
    page.get_by_label(words("voice", "th")).select_option("builtin")
    page.get_by_role("button", name=words("play", "th"), exact=True).first.click()
    playing(page, voice="device")
    expect(page.locator(".card .notice")).to_have_text(words("device_instead", "th"))
