"""Whether two folders of pictures of the pages are the same: `python -m tests.browser.compare BEFORE AFTER`.

Both folders come from `python -m tests.browser.pictures pages --folder …`, of two trees on one machine.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

VISIBLE = 8
"""Steps of 255 in a colour below which a difference is the rasteriser's."""


def difference(before: Path, after: Path) -> float:
    """The share of pixels that differ visibly; 1 where the sizes differ."""
    one, other = (np.asarray(Image.open(path).convert("RGB")).astype(int) for path in (before, after))
    if one.shape != other.shape:
        return 1.0
    return float((abs(one - other).max(2) > VISIBLE).mean())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.compare", description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args()
    names = sorted({path.name for folder in (options.before, options.after) for path in folder.glob("*.png")})
    different = 0
    for name in names:
        paths = options.before / name, options.after / name
        missing = [path for path in paths if not path.exists()]
        share = 1.0 if missing else difference(*paths)
        different += share > 0
        if share:
            print(f"{name}: {f'no {missing[0]}' if missing else f'{share:.2%} of the pixels differ'}")
    print(f"{len(names) - different} of {len(names)} pictures are the same")
    return 1 if different or not names else 0


if __name__ == "__main__":
    sys.exit(main())
