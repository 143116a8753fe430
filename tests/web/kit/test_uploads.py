"""What a reader may bring, and every way in which it can be wrong."""

import io
import pickle
import re
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from content.catalog import LANGUAGES, catalog
from web.kit import upload_table, uploads
from web.kit.uploads import MATRIX_SIDE, PICTURE_SIDE, RefusedError, read, shortened

ROOT = Path(__file__).parents[3]


def npy(array: NDArray[np.generic], **options: bool) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def header(text: str, version: tuple[int, int] = (1, 0), body: bytes = b"") -> bytes:
    """A .npy file whose header says what it is told to."""
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text.encode("latin-1") + body


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    file = io.BytesIO()
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(values).save(file, kind, **options)
    return file.getvalue()


def png_that_promises(width: int, height: int) -> bytes:
    """A few bytes that unpack to a very large picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    told = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", told)
        + chunk(b"IDAT", zlib.compress(bytes(10_000)))
        + chunk(b"IEND", b"")
    )


def zipped(bomb: bool) -> bytes:
    file = io.BytesIO()
    if bomb:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("M.npy", bytes(20 << 20))
    else:
        np.savez(file, M=np.eye(3))
    return file.getvalue()


class Boom:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("it was unpickled",))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_grey_and_small(kind: str) -> None:
    brought = read("me.dat", picture(kind, (700, 350)))
    assert brought.photo
    assert brought.M.shape == (PICTURE_SIDE // 2, PICTURE_SIDE)
    assert brought.M.min() >= 0
    assert 30 < brought.M.max() <= 255
    assert np.array_equal(brought.M, brought.M.round())


def test_a_picture_stands_as_the_camera_was_held() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    assert read("a.jpg", picture("JPEG", (40, 30), exif=exif)).M.shape == (40, 30)


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2", "<i2", "|b1", "|i1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_of_any_real_type_is_read(dtype: str, order: str) -> None:
    M = np.array([[1, 0, 3], [0, 5, 1]]).astype(dtype)
    brought = read("m.npy", npy(np.asarray(M, order=order)))
    assert not brought.photo
    assert brought.M.tolist() == M.astype(float).tolist()


def test_an_array_of_bytes_is_a_picture() -> None:
    assert read("m.npy", npy(np.arange(6, dtype=np.uint8).reshape(2, 3))).photo


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3\n4,5,6",
        "1;2;3\r\n4;5;6\r\n",
        "1\t2\t3\n4\t5\t6",
        "1 2  3\n4 5 6\n\n",
        "\ufeff1, 2, 3\n4, 5, 6",
        "a,b,c\n1,2,3\n4,5,6e0",
    ],
)
def test_a_table_of_numbers_is_read(text: str) -> None:
    assert read("m.csv", text.encode()).M.tolist() == [[1, 2, 3], [4, 5, 6]]


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000000), }\n"
STRUCTURE = "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (2, 2), }\n"
WRONG = {
    "empty": b"",
    "empty, blank lines": b"\n \n",
    "bytes": bytes(uploads.MAX_BYTES + 1),
    "unknown": b"MZ\x90\x00 a program",
    "unknown, a PDF": b"%PDF-1.7 \xe2\xe3\xcf\xd3",
    "unknown, zero bytes": b"1,2\n\0,3",
    "zip": zipped(bomb=False),
    "zip, a bomb": zipped(bomb=True),
    "pickle": pickle.dumps(Boom()),
    "pickle, an old one": pickle.dumps([1.0], protocol=2),
    "objects": npy(np.array([[Boom(), 1], [2, 3]], object), allow_pickle=True),
    "objects, inside a structure": header(STRUCTURE, body=bytes(32)),
    "dtype": npy(np.eye(3, dtype=complex)),
    "dtype, text": npy(np.array([["a", "b"], ["c", "d"]])),
    "dtype, dates": npy(np.zeros((2, 2), "datetime64[s]")),
    "broken_npy": b"\x93NUMPY\x01\x00\x10\x00{'descr'",
    "broken_npy, no header": b"\x93NUMPY",
    "broken_npy, a future version": header("{}", version=(9, 0)),
    "broken_npy, a header that is an expression": header("__import__('os').getcwd()\n"),
    "broken_npy, a header without end": header("{" + " " * 60_000 + "}"),
    "broken_npy, a header deep as a well": header("(" * 2000 + ")" * 2000),
    "broken_npy, a long second header": header("{" + " " * 100_000 + "}", version=(2, 0)),
    "shape": header(HUGE),
    "shape, by one": npy(np.ones((2, MATRIX_SIDE + 1), np.float16)),
    "shape, of a table": ("1,2\n" * (MATRIX_SIDE + 1)).encode(),
    "shape, of a wide table": (",".join("1" * (MATRIX_SIDE + 3)) + "\n").encode() * 2,
    "length": npy(np.eye(8))[:-1],
    "length, too much": npy(np.eye(8)) + b"\0",
    "dimensions": npy(np.ones(7)),
    "dimensions, three": npy(np.ones((2, 2, 2))),
    "dimensions, none": npy(np.float64(3)),
    "thin": npy(np.ones((1, 9))),
    "thin, nothing": npy(np.ones((0, 5))),
    "thin, a picture": picture("PNG", (300, 1)),
    "thin, a negative size": header("{'descr': '<f8', 'fortran_order': False, 'shape': (-2, 3), }\n"),
    "finite": npy(np.array([[1, np.nan], [2, 3]])),
    "finite, infinity": npy(np.array([[1.0, 2], [np.inf, 3]])),
    "finite, in a table": b"1,2\n3,nan",
    "finite, too large for a float": b"1,2\n3,1e999",
    "zero": npy(np.zeros((4, 4))),
    "zero, a black picture": npy(np.zeros((4, 4), np.uint8)),
    "range": npy(np.full((2, 2), 1e200)),
    "range, too small": npy(np.full((2, 2), 1e-200)),
    "cell": b"1,2\n3,four",
    "cell, missing": b"1,2\n3,",
    "cell, a formula": b"1,2\n=cmd(),3",
    "cell, an underscore": b"1,2\n1_0,3",
    "ragged": b"1,2\n3,4,5",
    "pixels": png_that_promises(60_000, 60_000),
    "pixels, by little": png_that_promises(6_000, 5_000),
    "broken_picture": picture("PNG")[:-200],
    "broken_picture, cut in the header": picture("PNG")[:20],
    "broken_picture, a JPEG cut short": picture("JPEG", (400, 300))[:4000],
    "broken_picture, less than it promises": png_that_promises(500, 400),
    "broken_picture, a name": b"\xff\xd8\xffnot a picture",
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_refused_for_what_it_is(what: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read("x.npy", WRONG[what])  # whatever it is called
    assert refused.value.key == what.split(",")[0]


def test_a_refusal_names_the_place() -> None:
    with pytest.raises(RefusedError) as refused:
        read("m.npy", WRONG["finite"])
    assert refused.value.fields == {"row": 1, "column": 2}
    with pytest.raises(RefusedError) as refused:
        read("m.csv", WRONG["cell"])
    assert refused.value.fields == {"line": 2, "cell": "four"}


def test_memory_is_not_asked_for_before_the_size_is_known() -> None:
    """A .npy of a few bytes that promises 8 exabytes, a PNG that promises 3.6 gigapixels."""
    import tracemalloc

    tracemalloc.start()
    for what in ("shape", "pixels", "zip, a bomb"):
        with pytest.raises(RefusedError):
            read("x", WRONG[what])
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_a_picture_that_is_drawn_over_and_over_is_refused_before_it_is_drawn() -> None:
    data = picture("JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    assert read("a.jpg", data).photo
    with pytest.raises(RefusedError) as refused:
        read("a.jpg", data[:-2] + data[last:-2] * uploads.MAX_SCANS + data[-2:])
    assert refused.value.key == "broken_picture"


def test_a_first_line_is_not_taken_apart_beyond_what_a_matrix_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []
    monkeypatch.setattr(
        upload_table, "_number", lambda cell, comma: tried.append(cell)
    )  # every cell is a word
    with pytest.raises(RefusedError):
        read("m.csv", b"a," * 100_000 + b"a\nb,b")
    assert len(tried) < 2 * MATRIX_SIDE


def test_numpy_never_unpickles_here() -> None:
    for path in (ROOT / "web" / "kit").glob("upload*.py"):
        source = path.read_text("utf-8")
        assert "np.load" not in source
        assert "pickle.load" not in source


def test_a_name_is_shown_short_and_plain() -> None:
    assert shortened("C:\\me\\photo.png") == "photo.png"
    assert shortened("../../etc/pass\x07wd\u202e") == "passwd"
    assert len(shortened("a" * 300 + ".npy")) == 40


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_has_a_sentence_that_its_fields_fill(language: str) -> None:
    words = catalog(language)
    for what, data in WRONG.items():
        with pytest.raises(RefusedError) as refused:
            read("x", data)
        text = str(words[f"uploads.refused.{refused.value.key}"])
        assert set(re.findall(r"\{(\w+)\}", text)) == set(refused.value.fields), what
