"""Taking a matrix apart in a browser: what a drag paints and says, by mouse, keys and touch."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from lora_core.matrix.nested import DECOMPOSITIONS, nested
from tests.browser.conftest import settled, visit, wait_for
from tests.browser.dragging import WATCH, centre, in_time, messages, overflow, pixels, quiet, said, thumb
from web.decompose.sources import shipped
from web.kit.layers import LAYERS
from widgets.decompose.view import PHOTOS

PARTS = ":is(canvas, span, p, output, text, label):not(.vh, .vh *)"


def rank(page: Page) -> Locator:
    return page.get_by_role("slider", name="Rank r")


def painted(page: Page, name: str) -> np.ndarray:
    """The grey values of a method's picture."""
    return pixels(page.locator(f'figure[data-k="{name}"] canvas.mx'))[..., 0].astype(float)


@pytest.mark.smoke
def test_the_page_opens_on_a_photo_already_compressed(server: str, reader: Page) -> None:
    visit(reader, f"{server}/decompose?lang=en")
    expect(said(reader, "rank")).to_have_text("20")
    expect(said(reader, "says")).to_contain_text("Drag to the left until you no longer know the picture.")
    M, found = shipped("cat").M, nested(shipped("cat").M, seed=1)
    for name in DECOMPOSITIONS:
        error = found[name].errors[19]
        expect(said(reader, f"error_{name}")).to_have_text(f"{100 * error:.1f}%")
        expected = np.clip(found[name].at(M, 20), 0, 255)
        difference = np.abs(painted(reader, name) - expected)
        assert difference.max() <= 1.01, f"{name}: what is painted is what numpy says"
    assert np.abs(painted(reader, "M") - M).max() == 0
    marked = pixels(reader.locator(".lines"))[..., 3] > 0
    assert marked.shape == (256, 256)
    assert np.flatnonzero(marked.all(axis=0)).tolist() == sorted(found["cur"].columns[:20])
    assert np.flatnonzero(marked.all(axis=1)).tolist() == sorted(found["cur"].rows[:20])


@pytest.mark.alone
def test_a_drag_paints_at_once_and_speaks_once(server: str, reader: Page) -> None:
    sent = messages(reader)
    visit(reader, f"{server}/decompose?lang=en")
    expect(rank(reader)).to_be_visible()
    quiet(reader)
    box = centre(rank(reader))
    y = box[1]
    sent.clear()
    reader.evaluate(WATCH, "decompose-paint")
    reader.mouse.move(thumb(box, 20, most=64), y)
    reader.mouse.down()
    seen = set()
    for step in range(60):
        reader.mouse.move(thumb(box, 33 + 30 * np.sin(step / 7), most=64), y)
        seen.add((said(reader, "rank").inner_text(), said(reader, "error_cur").inner_text()))
    reader.mouse.move(thumb(box, 40, most=64), y)
    expect(said(reader, "rank")).to_have_text("40")
    assert not sent, "a drag is the browser's alone"
    assert len(seen) > 15, seen
    reader.mouse.up()
    reader.wait_for_url("**rank=40**")
    quiet(reader)
    assert len(sent) == 1
    found = nested(shipped("cat").M, seed=1)
    for name in DECOMPOSITIONS:  # after sixty moves forth and back the pictures are still those of rank 40
        expect(said(reader, f"error_{name}")).to_have_text(f"{100 * found[name].errors[39]:.1f}%")
        expected = np.clip(found[name].at(shipped("cat").M, 40), 0, 255)
        assert np.abs(painted(reader, name) - expected).max() <= 1.01, name
    in_time(reader)


def test_keys_do_all_that_a_hand_does(server: str, reader: Page) -> None:
    visit(reader, f"{server}/decompose?lang=en&rank=12")
    rank(reader).focus()
    reader.keyboard.press("ArrowRight")
    reader.wait_for_url("**rank=13**")
    chart = reader.get_by_role("slider", name="Rank, on the chart of errors")
    chart.focus()
    for key, value in (("ArrowLeft", "12"), ("Home", "1"), ("End", "64"), ("PageDown", "56")):
        reader.keyboard.press(key)
        expect(said(reader, "rank")).to_have_text(value)
        expect(chart).to_have_attribute("aria-valuenow", value)
    expect(reader.get_by_role("status").filter(has_text="Rank 56 of 64")).to_be_attached()
    reader.wait_for_url("**rank=56**")
    quiet(reader)
    reader.get_by_role("radio", name="Cat").focus()
    reader.keyboard.press("ArrowRight")
    reader.wait_for_url("**source=coffee**")
    expect(said(reader, "own_name")).to_have_text("Coffee")
    reader.get_by_role("radio", name="CUR").focus()
    reader.keyboard.press("ArrowRight")
    reader.wait_for_url("**mark=id**")
    quiet(reader)
    reader.get_by_role("button", name="Draw again").press("Enter")
    reader.wait_for_url("**draw=2**")
    expect(said(reader, "drawn")).to_contain_text("Draw 2 of 10")


def test_the_original_is_one_press_away_and_a_selection_can_be_taken_off(server: str, reader: Page) -> None:
    visit(reader, f"{server}/decompose?lang=en&rank=3")
    quiet(reader)
    original, svd = (reader.locator(f'figure[data-k="{k}"] canvas.mx') for k in ("M", "svd"))
    assert (pixels(original) != pixels(svd)).any()
    button = reader.get_by_role("button", name="Show the original everywhere")
    button.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    wait_for(lambda: (pixels(original) == pixels(svd)).all(), 10, "the original was not shown")
    expect(reader.locator(".lines")).to_be_hidden()
    button.click()
    wait_for(lambda: (pixels(original) != pixels(svd)).any(), 10, "the approximation did not come back")
    expect(reader.locator(".lines")).to_be_visible()
    reader.get_by_role("radio", name="none").check(force=True)
    reader.wait_for_url("**mark=none**")
    expect(reader.locator(".lines")).to_be_hidden()


@pytest.mark.parametrize(("rank", "words"), [(31, "SVD is off by"), (32, "Exactly of rank 32")])
def test_what_is_exactly_of_a_rank_says_so(server: str, reader: Page, rank: int, words: str) -> None:
    visit(reader, f"{server}/decompose?lang=en&source=delta&rank={rank}")
    expect(said(reader, "says")).to_contain_text(words)


def test_the_chart_can_be_dragged_and_saved(server: str, reader: Page) -> None:
    visit(reader, f"{server}/decompose?lang=en")
    chart = reader.locator('.chart[data-k="errors"]')
    quiet(reader)
    x, y, width, _ = centre(chart)
    reader.mouse.move(x + 100, y)
    reader.mouse.down()
    reader.mouse.move(x + width - 2, y, steps=8)
    expect(said(reader, "rank")).to_have_text("64")
    reader.mouse.up()
    reader.wait_for_url("**rank=64**")
    with reader.expect_download() as csv:
        reader.get_by_role("button", name="Numbers (CSV)").click()
    lines = csv.value.path().read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("Rank,SVD: Error")
    first = float(lines[1].split(",")[1])
    assert first == pytest.approx(nested(shipped("cat").M, seed=1)["svd"].errors[0], abs=1e-4)
    with reader.expect_download() as svg:
        reader.get_by_role("button", name="Errors over rank (SVG)").click()
    drawing = svg.value.path().read_text("utf-8")
    assert drawing.startswith("<svg")
    assert "var(" not in drawing
    assert drawing.count("<polyline") == len(DECOMPOSITIONS)
    reader.get_by_text("Show the numbers").click()
    expect(reader.get_by_role("table").get_by_role("row")).to_have_count(8)


def test_another_matrix_and_the_way_back(server: str, reader: Page) -> None:
    visit(reader, f"{server}/decompose?lang=en&source=random&spectrum=step&rank=8")
    expect(said(reader, "size")).to_have_text("64 × 64")
    expect(said(reader, "error_svd")).to_have_text("13.1%")
    reader.get_by_label("Singular values", exact=True).select_option("flat")
    expect(said(reader, "error_svd")).to_have_text("93.5%")
    reader.wait_for_url("**spectrum=flat**")
    quiet(reader)
    reader.locator(".tiles label").filter(has_text="Trained").click()
    expect(said(reader, "size")).to_have_text("192 × 64")
    reader.wait_for_url("**source=delta**")
    quiet(reader)
    reader.get_by_label("Layer", exact=True).select_option(LAYERS[2])
    expect(said(reader, "size")).to_have_text("256 × 64")
    reader.wait_for_url("**layer=blocks.0.mlp.up**")
    quiet(reader)
    reader.go_back()
    expect(said(reader, "size")).to_have_text("192 × 64")
    reader.go_back()
    expect(said(reader, "size")).to_have_text("64 × 64")
    expect(said(reader, "error_svd")).to_have_text("93.5%")
    quiet(reader)
    reader.reload()
    settled(reader)
    expect(said(reader, "error_svd")).to_have_text("93.5%")


def test_the_language_keeps_the_state(server: str, reader: Page) -> None:
    visit(reader, f"{server}/decompose?lang=en&source=brick&rank=9")
    expect(said(reader, "own_name")).to_have_text("Bricks")
    error = said(reader, "error_id").inner_text()
    reader.locator(".st-key-lang").get_by_role("radio").nth(1).click()
    expect(said(reader, "own_name")).to_have_text("กำแพงอิฐ")
    expect(said(reader, "rank")).to_have_text("9")
    expect(said(reader, "error_id")).to_have_text(error)
    expect(reader).to_have_url(re.compile("source=brick"))


@pytest.mark.parametrize("language", ["en", "th"])
def test_nothing_overflows_on_a_phone(server: str, new_reader: Callable[..., Page], language: str) -> None:
    phone = new_reader(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    visit(phone, f"{server}/decompose?lang={language}")
    for source in (PHOTOS[1], "delta", "random"):
        phone.locator(f'[name="source"][value="{source}"]').check(force=True)
        phone.wait_for_url(f"**source={source}**")
        quiet(phone)
        assert overflow(phone, ".st-key-decompose", PARTS) == [0, []], source


def test_the_slider_stays_in_sight_on_a_phone(server: str, new_reader: Callable[..., Page]) -> None:
    phone = new_reader(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    visit(phone, f"{server}/decompose?lang=en")
    phone.locator('figure[data-k="cur"] canvas.mx').scroll_into_view_if_needed()
    quiet(phone)
    expect(rank(phone)).to_be_in_viewport()
    box = rank(phone).bounding_box()
    assert box
    assert box["height"] >= 44
    phone.touchscreen.tap(box["x"] + 2, box["y"] + box["height"] / 2)
    expect(said(phone, "rank")).to_have_text("1")
    phone.wait_for_url("**rank=1**")


def test_the_pictures_follow_the_scheme(server: str, reader: Page) -> None:
    visit(reader, f"{server}/decompose?lang=en&source=delta&rank=4")
    expect(said(reader, "rank")).to_have_text("4")
    light = painted(reader, "svd").mean()
    reader.emulate_media(color_scheme="dark")
    reader.wait_for_function(
        """() => {
            const hosts = [...document.querySelectorAll('.st-key-decompose *')].filter(e => e.shadowRoot)
            const canvas = hosts[0].shadowRoot.querySelector('figure[data-k="svd"] canvas.mx')
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
            return data.reduce((sum, x) => sum + x, 0) / data.length < 150
        }"""
    )
    assert painted(reader, "svd").mean() < light - 50
