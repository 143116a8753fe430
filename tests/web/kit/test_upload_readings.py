"""Files as cameras, spreadsheets and libraries write them, and those that can be read in two ways."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from content.catalog import LANGUAGES, catalog
from web.kit.uploads import CHOICES, RefusedError, read

PLAIN = [[0.5, 0.25], [1.5, -2.0]]
TABLES = {
    "decimal commas between semicolons": "0,5;0,25\n1,5;-2,0",
    "decimal commas between tabs": "0,5\t0,25\n1,5\t-2",
    "decimal commas between spaces": "0,5 0,25\n1,5 -2,0",
    "decimal commas in quotes": '"0,5","0,25"\n"1,5","-2,0"',
    "names above semicolons": "a;b\n0,5;0,25\n1,5;-2",
    "quoted numbers": '"0.5","0.25"\n"1.5","-2"',
    "quoted names": '"a","b"\n"0.5","0.25"\n"1.5","-2"',
    "separators that end each line": "0.5,0.25,\n1.5,-2,\n",
    "separators that end each line but the names'": "a,b\n0.5,0.25,\n1.5,-2,\n",
    "row labels": "x,0.5,0.25\ny,1.5,-2",
    "row and column labels": "name,a,b\nx,0.5,0.25\ny,1.5,-2",
    "pandas with its index": ",0,1\n0,0.5,0.25\n1,1.5,-2.0",
    "pandas with names and its index": ",a,b\n0,0.5,0.25\n1,1.5,-2.0",
    "R with row names": '"V1" "V2"\n"1" 0.5 0.25\n"2" 1.5 -2',
    "numpy.savetxt with a header": "# a b\n5.0e-01 2.5e-01\n1.5e+00 -2.0e+00\n",
    "MATLAB with a comment": "% made today\n0.5 0.25\n1.5 -2",
    "a spreadsheet that names its separator": "sep=;\n0,5;0,25\n1,5;-2",
    "Fortran exponents": "5.0D-01 2.5D-01\n1.5D+00 -2.0D+00",
    "a typographic minus": "0.5,0.25\n1.5,−2",
    "JSON": "[[0.5, 0.25], [1.5, -2]]",
    "pipes": "0.5|0.25\n1.5|-2",
    "Windows lines and blank ones": "0.5,0.25\r\n\r\n1.5,-2\r\n",
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_is_read_as_it_was_meant(kind: str) -> None:
    matrix = read("m.csv", TABLES[kind].encode())
    assert matrix.M.tolist() == PLAIN
    assert not matrix.assumed


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp874"])
def test_a_table_in_any_encoding(encoding: str) -> None:
    text = "ก,ข\n0.5,0.25\n1.5,-2\n\n"
    text += "" if len(text.encode(encoding)) % 2 == 0 else "\n"
    assert read("m.csv", text.encode(encoding)).M.tolist() == PLAIN


def test_thousands_are_grouped_in_any_way() -> None:
    expected = [[1234.5, 2.0], [1234567.0, 3.0]]
    for text in (
        '"1,234.5",2\n"1,234,567",3',
        "1.234,5;2\n1.234.567,0;3",
        "1 234,5;2\n1 234 567;3",
        "1'234.5;2\n1'234'567;3",
    ):
        assert read("m.csv", text.encode()).M.tolist() == expected, text


READINGS = {
    "1,234;5,678\n2,000;1,500": ("comma_decimal", [[1.234, 5.678], [2, 1.5]], [[1234, 5678], [2000, 1500]]),
    '"1,234","5,678"\n"2,000","1,500"': (
        "comma_thousands", [[1234, 5678], [2000, 1500]], [[1.234, 5.678], [2, 1.5]],
    ),
    "0,1,2\n.5,.6,.7\n.1,.2,.3": (
        "header_names", [[0.5, 0.6, 0.7], [0.1, 0.2, 0.3]], [[0, 1, 2], [0.5, 0.6, 0.7], [0.1, 0.2, 0.3]],
    ),
    "0,.5,.6\n1,.1,.2\n2,.3,.4": (
        "index_names", [[0.5, 0.6], [0.1, 0.2], [0.3, 0.4]], [[0, 0.5, 0.6], [1, 0.1, 0.2], [2, 0.3, 0.4]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", READINGS)
def test_what_can_be_read_in_two_ways_says_so_and_offers_the_other(text: str) -> None:
    key, likely, other = READINGS[text]
    first = read("m.csv", text.encode())
    assert first.assumed == (key,)
    assert first.M.tolist() == likely
    second = read("m.csv", text.encode(), {CHOICES[key]})
    assert second.M.tolist() == other
    assert CHOICES[second.assumed[0]] == CHOICES[key]
    assert second.assumed != first.assumed


@pytest.mark.parametrize("text", ["1,2,3\n4,5,6\n7,8,9", "0 1 2\n1 2 3\n2 3 4", "0,1,2\n3,4,5"])
def test_a_matrix_of_whole_numbers_is_left_alone(text: str) -> None:
    matrix = read("m.csv", text.encode())
    assert not matrix.assumed
    assert len(matrix.M) == len(text.splitlines())


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def test_sixteen_bits_keep_their_greys() -> None:
    values = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    grey = read("a.png", encoded(Image.fromarray(values))).M
    assert np.abs(grey - values / 257).max() <= 0.5


GREYS = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
MODES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "L": lambda p: p,
    "RGB": lambda p: p.convert("RGB"),
    "P": lambda p: p.convert("P"),
    "LA": lambda p: p.convert("LA"),
    "RGBA": lambda p: p.convert("RGBA"),
}


@pytest.mark.parametrize("mode", MODES)
def test_an_opaque_picture_is_its_greys_in_every_mode(mode: str) -> None:
    matrix = read("a.png", encoded(MODES[mode](Image.fromarray(GREYS))))
    assert not matrix.assumed
    assert np.abs(matrix.M - GREYS).max() <= 1


def logo(ink: int, mode: str) -> Image.Image:
    """A square of ink on a transparent ground."""
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[10:30, 10:30] = (ink, ink, ink, 255)
    picture = Image.fromarray(rgba)
    return picture if mode == "RGBA" else picture.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("ink", [0, 255])
def test_a_logo_on_nothing_is_seen_whatever_its_ink(ink: int, mode: str) -> None:
    data = encoded(logo(ink, mode))
    matrix = read("logo.png", data)
    assert matrix.M[20, 20] == ink
    assert matrix.M[0, 0] == 255 - ink
    (key,) = matrix.assumed
    assert key == ("on_white" if ink == 0 else "on_black")
    if ink:
        other = read("logo.png", data, {CHOICES[key]})
        assert other.assumed == ("on_white",)
        assert np.ptp(other.M) == 0
    else:
        with pytest.raises(RefusedError, match="zero"):
            read("logo.png", data, {CHOICES[key]})


def test_a_transparent_colour_of_a_palette_or_of_greys() -> None:
    palette = Image.fromarray(np.array([[0, 1], [1, 0]] * 4, np.uint8).repeat(4, 1), "P")
    palette.putpalette([0, 0, 0, 90, 90, 90])
    assert read("a.png", encoded(palette, transparency=0)).assumed == ("on_white",)
    sixteen = Image.fromarray(np.array([[0, 30000], [30000, 0]] * 4, np.uint16).repeat(4, 1))
    matrix = read("a.png", encoded(sixteen, transparency=0))
    assert matrix.assumed in ((), ("on_white",))  # as the writer kept the mark or not
    assert matrix.M.max() > 100


def test_an_array_in_colours_or_with_an_axis_of_one() -> None:
    file = io.BytesIO()
    np.save(file, np.dstack([GREYS, GREYS, GREYS]))
    matrix = read("a.npy", file.getvalue())
    assert matrix.photo
    assert np.abs(matrix.M - GREYS).max() <= 1
    file = io.BytesIO()
    np.save(file, np.ones((1, 3, 4)))
    assert read("a.npy", file.getvalue()).M.shape == (3, 4)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_assumption_has_its_sentence_and_its_button(language: str) -> None:
    words = catalog(language)
    for key in CHOICES:
        assert words[f"uploads.assumed.{key}"]
        assert words[f"uploads.otherwise.{key}"]
