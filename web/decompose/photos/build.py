"""Cuts the photos of the decompose page from scikit-image's wheel: `python web/decompose/photos/build.py`.

Each becomes 256 x 256 in grey: the square named here, scaled down. The wheel is fetched by pip, once, into a
temporary folder; nothing of scikit-image is installed.
"""

import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from PIL import Image

WHEEL = "scikit-image==0.26.0"
SIDE = 256
SQUARES = {  # our name: file in skimage/data, left, top and side of the square, px
    "cat": ("chelsea.png", 76, 0, 300),
    "coffee": ("coffee.png", 100, 0, 400),
    "camera": ("camera.png", 0, 0, 512),
    "brick": ("brick.png", 0, 0, 512),
    "grass": ("grass.png", 0, 0, 512),
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--only-binary=:all:",
                "-d",
                folder,
                WHEEL,
            ],
            check=True,
        )
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            for name, (file, left, top, side) in SQUARES.items():
                photo = Image.open(io.BytesIO(files.read(f"skimage/data/{file}"))).convert("L")
                square = photo.crop((left, top, left + side, top + side))
                square.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(
                    Path(__file__).parent / f"{name}.png", optimize=True
                )


if __name__ == "__main__":
    main()
