"""The vendored data: unchanged, small, documented, and built as documented."""

import hashlib
import struct

import numpy as np
import pytest

from lab.bases.tasks import DATA, read_pictures, read_text
from lab.data import build

FILES = sorted(path.name for path in [*DATA.glob("*.npz"), *DATA.glob("*.xz")])
TEXTS = [name.removesuffix(".txt.xz") for name in FILES if name.endswith(".xz")]


def test_every_file_is_the_one_that_was_recorded() -> None:
    listed = dict(reversed(line.split()) for line in (DATA / "sha256sums").read_text().splitlines())
    assert {name: hashlib.sha256((DATA / name).read_bytes()).hexdigest() for name in FILES} == listed


def test_the_data_stay_small() -> None:
    assert sum((DATA / name).stat().st_size for name in FILES) < 8_000_000


@pytest.mark.parametrize("name", FILES)
def test_origin_and_licence_of_each_file_are_told(name: str) -> None:
    (row,) = [line for line in (DATA / "README.md").read_text().splitlines() if f"`{name}`" in line]
    assert len([cell for cell in row.split("|") if cell.strip()]) == 4


@pytest.mark.parametrize("name", ["mnist", "fashion"])
def test_pictures_have_their_shapes_and_all_ten_classes(name: str) -> None:
    arrays = read_pictures(name)
    for part, count in zip(("train", "test"), build.PICTURES[name], strict=True):
        assert arrays[f"{part}_images"].shape == (count, 196)
        assert arrays[f"{part}_images"].dtype == np.uint8
        assert set(arrays[f"{part}_labels"]) == set(range(10))


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_clean(name: str) -> None:
    text = read_text(name)
    assert text.endswith("\n")
    assert "\r" not in text
    assert "gutenberg" not in text.lower()


def test_names_and_titles_stand_once_each() -> None:
    for name in ("thai-names", "english-names", "thai-titles"):
        lines = read_text(name).splitlines()
        assert len(lines) == len(set(lines))
        assert all(line == line.strip() and line for line in lines)


def test_the_python_text_has_the_length_it_should() -> None:
    assert len(read_text("python").rstrip("\n")) <= build.PYTHON_CHARACTERS
    assert len(read_text("python")) > build.PYTHON_CHARACTERS - 10


def test_pooling_averages_two_by_two() -> None:
    picture = np.zeros((28, 28), np.uint8)
    picture[0, 0], picture[0, 1], picture[1, 0], picture[1, 1] = 100, 50, 30, 20
    picture[26:, 26:] = 255
    images = struct.pack(">IIII", 2051, 1, 28, 28) + picture.tobytes()
    labels = struct.pack(">II", 2049, 1) + bytes([7])
    pooled, classes = build.pooled(images, labels, 1)
    assert pooled.shape == (1, 196)
    assert (pooled[0, 0], pooled[0, 195], pooled.sum()) == (50, 255, 305)
    assert classes.tolist() == [7]


def test_gutenberg_is_stripped() -> None:
    play = "licence\n*** START OF THIS EBOOK X ***\nAct I  \n\n\n\nFin\n*** END OF IT ***\nmore"
    assert build.without_gutenberg(play) == "Act I\n\nFin"


def test_an_article_loses_all_but_its_prose() -> None:
    source = """---
title = "x"
---

{#why}
## Why *so*

[G]{say="g"} is $W_{1}$ big [@h].[^n]

$$
x^{2}
$$ {#eq}

::: {figure="race"}
More.
:::

[^n]: A note.
"""
    prose = build.article(source)
    assert list(filter(None, prose.split("\n"))) == ["Why so", "G is big.", "More.", "A note."]


def test_a_declaration_loses_its_markup() -> None:
    page = "<html><h1>A &amp; B</h1><ol><li>One\n  two</li></ol><p>Three <b>four</b></p></html>"
    assert build.declaration(page) == "A & B\nOne two\nThree four"
