"""The factor view in a browser: what a drag paints and says, by mouse, keys and touch."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from lab.bases.registry import BASES
from tests.browser.conftest import link_to, settled, visit, wait_for
from tests.browser.dragging import WATCH, centre, in_time, messages, overflow, pixels, quiet, said, thumb
from web.kit.layers import BASE, LAYERS, layer_data

PARTS = "canvas, span, p, output, td, dd, dt"


@pytest.mark.alone
def test_a_drag_paints_at_once_and_speaks_once(server: str, reader: Page) -> None:
    sent = messages(reader)
    visit(reader, f"{server}/matrices?lang=en")
    rank = reader.get_by_role("slider", name="Rank r")
    expect(rank).to_be_visible()
    quiet(reader)
    box = centre(rank)
    y = box[1]
    sent.clear()
    reader.evaluate(WATCH, "factor-view-paint")
    reader.mouse.move(thumb(box, 8, most=32), y)
    reader.mouse.down()
    seen = set()
    for step in range(60):
        reader.mouse.move(thumb(box, 8 + 23 * np.sin(step / 59 * np.pi), most=32), y)
        seen.add(said(reader, "rank").inner_text())
    reader.mouse.move(thumb(box, 20, most=32), y)
    expect(said(reader, "rank")).to_have_text("20")
    assert not sent, "a drag is the browser's alone"
    assert len(seen) > 12, seen
    assert "rank=" not in reader.url
    reader.mouse.up()
    reader.wait_for_url("**rank=20**")
    quiet(reader)
    assert len(sent) == 1
    expect(said(reader, "rank")).to_have_text("20")
    in_time(reader)


@pytest.mark.smoke
def test_what_is_shown_is_what_numpy_says(server: str, reader: Page) -> None:
    visit(reader, f"{server}/matrices?lang=en&layer=blocks.0.mlp.up&rank=5")
    adapter = layer_data("blocks.0.mlp.up").adapters[0]
    B, A = adapter.B.astype(np.float64), adapter.A.astype(np.float64)
    whole, cut = adapter.gamma * B @ A, adapter.gamma * B[:, :5] @ A[:5]
    energy = np.linalg.norm(cut) ** 2 / np.linalg.norm(whole) ** 2
    error = np.linalg.norm(whole - cut) / np.linalg.norm(whole)
    W = layer_data("blocks.0.mlp.up").W
    expect(said(reader, "energy")).to_have_text(f"{100 * energy:.1f}%")
    expect(said(reader, "error")).to_have_text(f"{100 * error:.1f}%")
    expect(said(reader, "norm_update")).to_have_text(f"{np.linalg.norm(cut):.2f}")
    expect(said(reader, "norm_W")).to_have_text(f"{np.linalg.norm(W):.2f}")
    expect(said(reader, "parameters")).to_have_text("16,384 → 1,280 + 320")
    expect(said(reader, "cell")).to_contain_text("Row 88 of B · column 40 of A, 5 products added: ")
    entry = f"{cut[87, 39]:+.3f}".replace("-", "−")
    expect(said(reader, "cell")).to_contain_text(entry)
    # The picture itself: white is no colour of the scale, and every entry has the sign of its number.
    picture = pixels(reader.locator('canvas[data-k="BA"]'))
    assert picture.shape == (*cut.shape, 4)
    far = np.abs(cut) > 0.1 * layer_data("blocks.0.mlp.up").limit
    redder = picture[..., 0].astype(int) - picture[..., 2]
    paper = redder[np.unravel_index(np.abs(cut).argmin(), cut.shape)]
    assert far.sum() > 100
    assert ((redder > paper) == (cut > 0))[far].all()


@pytest.mark.parametrize(
    ("rule", "alpha", "rank", "written"),
    [
        ("alpha/r", "16", "8", "16 / 8 = 2"),
        ("alpha/sqrt(r)", "16", "8", "16 / √8 = 5.66"),
        ("constant", "2", "4", "2"),
    ],
)
def test_gamma_is_written_as_it_is_reckoned(
    server: str, reader: Page, rule: str, alpha: str, rank: str, written: str
) -> None:
    visit(reader, f"{server}/matrices?lang=en&mode=retrain&rule={rule}&alpha={alpha}&rank={rank}")
    expect(said(reader, "gamma")).to_have_text(written)
    adapter = next(
        a for a in layer_data("blocks.1.attn.proj", "retrain", rule).adapters if a.rank == int(rank)
    )
    gamma = {"alpha/r": 2, "alpha/sqrt(r)": 16 / np.sqrt(8), "constant": 2}[rule]
    norm = gamma * np.linalg.norm(adapter.B.astype(float) @ adapter.A)
    expect(said(reader, "norm_update")).to_have_text(f"{norm:.2f}")
    expect(said(reader, "loss")).to_have_text(f"{adapter.loss:.3f}")
    expect(reader.locator(".losses td")).to_have_count(6)
    expect(said(reader, "why")).to_contain_text("Trained with")


def test_alpha_acts_where_training_knew_it(server: str, reader: Page) -> None:
    sent = messages(reader)
    visit(reader, f"{server}/matrices?lang=en")
    alpha = reader.get_by_role("slider", name="Alpha α")
    expect(alpha).to_be_disabled()
    expect(said(reader, "says")).to_contain_text("Compress is on")
    expect(said(reader, "gamma")).to_have_text("32 / 32 = 1")
    reader.get_by_text("Retrain", exact=True).click()
    expect(said(reader, "says")).to_contain_text("Retrain is on")
    expect(alpha).to_be_enabled()
    reader.wait_for_url("**mode=retrain**")
    quiet(reader)
    sent.clear()
    x, y, width, _ = centre(alpha)
    before = said(reader, "norm_update").inner_text()
    reader.mouse.move(x + width * 31 / 63, y)
    reader.mouse.down()
    reader.mouse.move(x + width * 20 / 63, y, steps=10)
    reader.mouse.move(x + width * 15 / 63, y, steps=5)
    expect(said(reader, "why")).to_contain_text("the same factors scaled")
    expect(said(reader, "norm_update")).not_to_have_text(before)
    assert not sent
    reader.mouse.up()
    reader.wait_for_url("**alpha=**")
    quiet(reader)
    assert len(sent) == 1


def test_a_link_opens_the_state_and_history_walks_through_it(server: str, reader: Page) -> None:
    visit(
        reader, f"{server}/matrices?lang=en&layer=blocks.0.attn.qkv&mode=retrain&rank=4&rule=constant&alpha=3"
    )
    expect(said(reader, "gamma")).to_have_text("3")
    expect(said(reader, "rank")).to_have_text("4")
    expect(said(reader, "size_W")).to_have_text("192 × 64")
    reader.get_by_label("Layer", exact=True).select_option("blocks.1.mlp.down")
    expect(said(reader, "size_W")).to_have_text("64 × 256")
    reader.wait_for_url("**layer=blocks.1.mlp.down**")
    reader.get_by_text("Compress", exact=True).click()
    reader.wait_for_url("**mode=compress**")
    quiet(reader)
    reader.get_by_role("slider", name="Rank r").press("ArrowRight")
    reader.wait_for_url("**rank=5**")
    quiet(reader)
    reader.go_back()
    expect(said(reader, "rank")).to_have_text("4")
    expect(said(reader, "says")).to_contain_text("Compress is on")
    reader.go_back()
    expect(said(reader, "says")).to_contain_text("Retrain is on")
    expect(said(reader, "size_W")).to_have_text("64 × 256")
    expect(said(reader, "gamma")).to_have_text("3")
    reader.go_back()
    expect(said(reader, "size_W")).to_have_text("192 × 64")
    reader.go_forward()
    expect(said(reader, "size_W")).to_have_text("64 × 256")
    quiet(reader)
    reader.reload()
    settled(reader)
    expect(said(reader, "size_W")).to_have_text("64 × 256")
    expect(said(reader, "gamma")).to_have_text("3")


def test_leaving_and_coming_back(server: str, reader: Page) -> None:
    """A link to the page opens it afresh; the history brings back what was there."""
    visit(reader, f"{server}/matrices?lang=en&rank=5")
    reader.get_by_role("slider", name="Rank r").press("ArrowRight")
    reader.wait_for_url("**rank=6**")
    quiet(reader)
    link_to(reader, "article").click()
    expect(reader.get_by_role("slider", name="Rank, on the singular values")).to_have_count(0)
    quiet(reader)
    link_to(reader, "matrices").click()
    expect(said(reader, "says")).to_be_visible()
    quiet(reader)
    shown = re.search(r"rank=(\d+)", reader.url)
    expect(said(reader, "rank")).to_have_text(shown[1] if shown else "8")
    reader.go_back()
    expect(reader.get_by_role("slider", name="Rank, on the singular values")).to_have_count(0)
    quiet(reader)
    reader.go_back()
    expect(reader).to_have_url(re.compile("rank=6"))
    expect(said(reader, "rank")).to_have_text("6")


def test_nonsense_in_the_url_falls_back(server: str, reader: Page) -> None:
    visit(reader, f"{server}/matrices?lang=en&layer=no&mode=%3Cb%3E&rank=1e999&alpha=nan&rule=x")
    expect(said(reader, "rank")).to_have_text("8")
    expect(said(reader, "size_W")).to_have_text("64 × 64")
    expect(said(reader, "says")).to_contain_text("Compress is on")
    visit(reader, f"{server}/matrices?lang=en&mode=retrain&rank=-7&alpha=100000&rule=constant")
    expect(said(reader, "rank")).to_have_text("1")
    expect(said(reader, "gamma")).to_have_text("8")


def test_keys_do_all_that_a_hand_does(server: str, reader: Page) -> None:
    sent = messages(reader)
    visit(reader, f"{server}/matrices?lang=en")
    rank = reader.get_by_role("slider", name="Rank r")
    rank.focus()
    quiet(reader)
    sent.clear()
    for _ in range(4):
        reader.keyboard.down("ArrowRight")  # a held key repeats
    expect(said(reader, "rank")).to_have_text("12")
    assert not sent
    reader.keyboard.up("ArrowRight")
    reader.wait_for_url("**rank=12**")
    quiet(reader)
    assert len(sent) == 1
    summary = reader.get_by_role("status").filter(has_text="Rank 12 of 32")
    expect(summary).to_be_attached()

    strip = reader.get_by_role("slider", name="Rank, on the singular values")
    strip.focus()
    for key, value in (("ArrowLeft", "11"), ("Home", "1"), ("End", "32"), ("PageDown", "28")):
        reader.keyboard.press(key)
        expect(said(reader, "rank")).to_have_text(value)
        expect(strip).to_have_attribute("aria-valuenow", value)
    expect(reader.get_by_role("status").filter(has_text="Rank 28 of 32")).to_be_attached()

    reader.get_by_role("application").focus()
    before = said(reader, "cell").inner_text()
    reader.keyboard.press("ArrowDown")
    reader.keyboard.press("ArrowLeft")
    expect(said(reader, "cell")).to_contain_text("Row 23 of B · column 39 of A")
    assert said(reader, "cell").inner_text() != before
    expect(reader.get_by_role("status").filter(has_text="Row 23 of B")).to_be_attached()


def test_the_strip_can_be_dragged(server: str, reader: Page) -> None:
    sent = messages(reader)
    visit(reader, f"{server}/matrices?lang=en&mode=retrain")
    strip = reader.locator(".strip")
    quiet(reader)
    x, y, width, _ = centre(strip)
    sent.clear()
    reader.mouse.move(x + width * 3 / 5, y)  # over rank 8 of 1, 2, 4, … 32
    reader.mouse.down()
    reader.mouse.move(x + width * 3.9 / 5, y, steps=6)
    expect(said(reader, "rank")).to_have_text("16")  # only trained ranks
    assert not sent
    reader.mouse.up()
    reader.wait_for_url("**rank=16**")
    quiet(reader)
    assert len(sent) == 1


def test_the_singular_values_can_be_read_and_taken_home(server: str, reader: Page) -> None:
    visit(reader, f"{server}/matrices?lang=en&rank=5")
    quiet(reader)
    adapter = layer_data("blocks.1.attn.proj").adapters[0]
    sigma = np.linalg.svd(adapter.gamma * adapter.B.astype(float) @ adapter.A, compute_uv=False)[:32]
    energy = np.cumsum(sigma**2) / (sigma**2).sum()
    with reader.expect_download() as csv:
        reader.get_by_role("button", name="Numbers (CSV)").click()
    head, *lines = csv.value.path().read_text("utf-8-sig").splitlines()
    assert head.startswith("Rank r,Singular value")
    told = np.array([line.split(",") for line in lines], dtype=float)
    np.testing.assert_allclose(told, np.column_stack([np.arange(1, 33), sigma, energy]), rtol=1e-4)
    with reader.expect_download() as svg:
        reader.get_by_role("button", name="Chart (SVG)").click()
    drawing = svg.value.path().read_text("utf-8")
    assert drawing.startswith("<svg")
    assert "var(" not in drawing
    assert drawing.count("<rect") == 32
    reader.locator("summary[data-t=table]").click()
    expect(reader.locator("table.values").get_by_role("row")).to_have_count(33)


def test_touch(server: str, new_reader: Callable[..., Page]) -> None:
    phone = new_reader(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    visit(phone, f"{server}/matrices?lang=en")
    strip = phone.locator(".strip")
    x, y, width, _ = centre(strip)
    phone.touchscreen.tap(x + 9 + (width - 18) * 3 / 31, y)
    expect(said(phone, "rank")).to_have_text("4")
    phone.wait_for_url("**rank=4**")
    picture = phone.locator('canvas[data-k="BA"]')
    x, y, width, height = centre(picture)
    phone.touchscreen.tap(x + width * 1.5 / 64, y - height / 2 + height * 2.5 / 64)
    expect(said(phone, "cell")).to_contain_text("Row 3 of B · column 2 of A")


@pytest.mark.parametrize("language", ["en", "th"])
def test_nothing_overflows_on_a_phone(server: str, new_reader: Callable[..., Page], language: str) -> None:
    phone = new_reader(viewport={"width": 360, "height": 740})
    visit(phone, f"{server}/matrices?lang={language}&rank=32")
    for mode in ("compress", "retrain"):
        phone.locator(f'[name="mode"][value="{mode}"]').check(force=True)
        settled(phone)
        for layer in LAYERS[:4]:
            phone.locator("#layer").select_option(layer)
            rows, columns = BASES[BASE].layers[layer]
            expect(said(phone, "size_W")).to_have_text(f"{rows} × {columns}")
            assert overflow(phone, ".st-key-matrices", PARTS) == [0, []], (layer, mode)


def test_the_pictures_follow_the_scheme_and_the_language(server: str, reader: Page) -> None:
    visit(reader, f"{server}/matrices?lang=en")
    expect(said(reader, "rank")).to_have_text("8")
    pixel = "c => [...c.getContext('2d').getImageData(0, 0, 8, 8).data].join()"
    picture = reader.locator('canvas[data-k="W"]')
    light = picture.evaluate(pixel)
    reader.emulate_media(color_scheme="dark")
    wait_for(lambda: picture.evaluate(pixel) != light, 10, "the pictures did not follow the scheme")
    reader.emulate_media(color_scheme="light")
    wait_for(lambda: picture.evaluate(pixel) == light, 10, "the pictures did not come back")
    reader.get_by_role("slider", name="Rank r").press("ArrowRight")
    reader.wait_for_url("**rank=9**")
    reader.locator(".st-key-lang").get_by_role("radio").nth(1).click()
    expect(reader.get_by_role("slider", name="แรงก์ r")).to_be_visible()
    expect(said(reader, "rank")).to_have_text("9")
    expect(reader).to_have_url(re.compile(r"rank=9"))
