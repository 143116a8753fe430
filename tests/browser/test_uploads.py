"""Files that readers bring, good and bad, through the real control."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import settled, visit
from tests.web.adapter.test_adapter import CONFIG, adapter
from tests.web.kit.test_uploads import WRONG, npy, picture, zipped
from web.kit import uploads

File = dict[str, str | bytes]


def file(name: str, data: bytes) -> File:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def control(page: Page) -> Locator:
    return page.locator(".upload input[type=file]")


def refusal(page: Page) -> Locator:
    return page.locator(".upload .refusal")


def size(page: Page) -> Locator:
    return page.locator('[data-v="size"]')


BAD = {
    "wrong type": (b"MZ\x90\x00 a program", "neither a picture"),
    "truncated": (picture("JPEG", (400, 300))[:4000], "cut short or damaged"),
    "NaN": (WRONG["finite"], "Row 1, column 2 is not a finite number"),
    "wrong shape": (WRONG["dimensions, three"], "3 dimensions; a matrix has two"),
    "huge shape": (WRONG["shape"], "1,000,000,000 rows"),
    "zip bomb": (zipped(bomb=True), "ZIP archive"),
    "pickle": (WRONG["pickle"], "Python pickle"),
    "pickle inside .npy": (WRONG["objects"], "Python objects, not numbers"),
    "picture bomb": (WRONG["pixels"], "more than 25 million pixels"),
}


def test_what_is_wrong_is_refused_in_a_sentence(server: str, reader: Page) -> None:
    visit(reader, f"{server}/decompose?lang=en")
    for what, (data, sentence) in BAD.items():
        control(reader).set_input_files(file(f"{what}.npy", data))
        expect(refusal(reader)).to_contain_text(sentence)
        settled(reader)
    expect(refusal(reader)).to_have_attribute("role", "alert")
    expect(size(reader)).to_have_text("256 × 256")  # the cat is still there
    reader.locator(".st-key-lang").get_by_role("radio").nth(1).click()
    expect(refusal(reader)).to_contain_text("ภาพมีเกิน 25 ล้านพิกเซล")
    control(reader).set_input_files(file("m.csv", b"1,2\n3,9"))
    expect(size(reader)).to_have_text("2 × 2")
    expect(refusal(reader)).to_have_text("")


def test_what_is_too_large_is_not_sent(server: str, reader: Page) -> None:
    sent: list[str] = []
    reader.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    visit(reader, f"{server}/decompose?lang=en")
    control(reader).set_input_files(file("big.npy", bytes(uploads.MAX_BYTES + 1)))
    expect(refusal(reader)).to_contain_text("big.npy is larger than this page takes; it was not sent.")
    assert not sent


@pytest.mark.parametrize(
    ("name", "data", "shape"),
    [
        ("me.jpg", picture("JPEG", (700, 350)), "128 × 256"),
        ("m.npy", npy(np.random.default_rng(0).standard_normal((30, 20))), "30 × 20"),
        ("m.csv", b"a,b,c\n1,2,3\n4,5,7", "2 × 3"),
    ],
)
def test_what_is_good_is_taken_apart(server: str, reader: Page, name: str, data: bytes, shape: str) -> None:
    visit(reader, f"{server}/decompose?lang=en&rank=2")
    control(reader).set_input_files(file(name, data))
    expect(size(reader)).to_have_text(shape)
    reader.wait_for_url("**source=own**")
    expect(reader.locator('[data-v="own_name"]')).to_have_text(name)
    expect(reader.get_by_role("radio", name=name)).to_be_checked()
    settled(reader)
    reader.locator(".tiles label").filter(has_text="Cat").click()
    expect(size(reader)).to_have_text("256 × 256")
    reader.locator(".tiles label").filter(has_text=name).click()
    expect(size(reader)).to_have_text(shape)


def test_what_one_reader_brought_no_other_sees(server: str, new_reader: Callable[..., Page]) -> None:
    ann, ben = new_reader(), new_reader()
    visit(ann, f"{server}/decompose?lang=en")
    control(ann).set_input_files(file("secret.csv", b"1,2\n3,9"))
    expect(size(ann)).to_have_text("2 × 2")
    visit(ben, ann.url)
    expect(size(ben)).to_have_text("256 × 256")
    expect(ben.get_by_text("secret.csv")).to_have_count(0)


def test_a_file_can_be_chosen_by_key_and_dropped(server: str, reader: Page, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("1,2\n3,9", "utf-8")
    visit(reader, f"{server}/decompose?lang=en")
    button = reader.get_by_label("Bring your own…")
    with reader.expect_file_chooser() as chooser:
        button.press("Enter")
    chooser.value.set_files(tmp_path / "m.csv")
    expect(size(reader)).to_have_text("2 × 2")
    dropped = reader.evaluate_handle(
        """() => {
            const data = new DataTransfer()
            data.items.add(new File(['1 2 3\\n4 5 7\\n8 8 8'], 'dropped.txt'))
            return data
        }"""
    )
    reader.locator(".upload .zone").dispatch_event("drop", {"dataTransfer": dropped})
    expect(size(reader)).to_have_text("3 × 3")


def test_an_adapter_is_shown_layer_by_layer(server: str, reader: Page) -> None:
    visit(reader, f"{server}/matrices?lang=en")
    box = reader.locator(".st-key-adapters")
    expect(box).to_contain_text("8 layers, of rank 32")
    control(reader).set_input_files(
        [file("adapter_model.safetensors", adapter(0, 1, 10)), file("adapter_config.json", CONFIG)]
    )
    expect(box).to_contain_text("adapter_model.safetensors: 3 layers, of rank 4.")
    expect(box).to_contain_text("as PEFT computes them from adapter_config.json")
    expect(box).to_contain_text("learned most")
    expect(box.get_by_role("img", name=re.compile(r"^γBA of \S+, 20 by 30$"))).to_be_visible()
    control(reader).set_input_files([file("adapter_model.safetensors", adapter(0))])
    expect(box).to_contain_text("There was no adapter_config.json with it")
    control(reader).set_input_files([file("adapter_model.safetensors", adapter(0)[:-40])])
    expect(refusal(reader)).to_contain_text("does not tell the truth")
    expect(box).to_contain_text("1 layer, of rank 4.")
    settled(reader)
    control(reader).set_input_files([file("adapter_config.json", CONFIG)])
    expect(refusal(reader)).to_contain_text("This is the description alone.")
    settled(reader)
    control(reader).set_input_files([file("photo.png", picture())])
    expect(refusal(reader)).to_contain_text("A picture belongs on the Decompose page")


@pytest.mark.parametrize("language", ["en", "th"])
def test_an_adapter_of_long_names_fits_a_phone(
    server: str, new_reader: Callable[..., Page], language: str
) -> None:
    phone = new_reader(viewport={"width": 360, "height": 740})
    visit(phone, f"{server}/matrices?lang={language}")
    control(phone).set_input_files([file("adapter_model.safetensors", adapter(*range(30)))])
    expect(phone.locator(".st-key-adapters_said")).to_contain_text("30")
    settled(phone)
    assert phone.get_by_test_id("stMain").evaluate("main => main.scrollWidth - main.clientWidth") == 0


def test_an_array_survives_the_way_bit_for_bit(server: str, reader: Page) -> None:
    """Through the request, the shelf and the reader's check: what is painted is what was brought."""
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    out = io.BytesIO()
    np.save(out, values)
    visit(reader, f"{server}/decompose?lang=en&rank=1")
    control(reader).set_input_files(file("grey.npy", out.getvalue()))
    expect(size(reader)).to_have_text("16 × 16")
    settled(reader)
    pixels = reader.locator('figure[data-k="M"] canvas.mx').evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    assert pixels[::4] == values.ravel().tolist()
