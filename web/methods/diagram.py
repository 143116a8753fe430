"""What W + ΔW is made of, drawn in proportion: hatched where frozen, full where it trains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import escape

from web.methods.family import Box, Item, Member, Sign

SIDE, THIN = 72, 18  # px: d and r
VECTOR = 9  # px: the width of m
TOP, BELOW = 24, 24  # px above a matrix for its rate, below for its name
GAP = 5  # px between two matrices that are multiplied
PAD = 5  # px around the picture
SIZES = {
    "W": (SIDE, SIDE), "M": (SIDE, SIDE), "V": (SIDE, SIDE), "m": (VECTOR, SIDE), "E": (THIN, THIN),
    "B": (THIN, SIDE), "B₀": (THIN, SIDE), "A": (SIDE, THIN), "A₀": (SIDE, THIN),
}  # fmt: skip
TRIPLET = 6  # px of one of the r = 3 triplets that THIN is drawn as


def diagram(member: Member, alt: str, *, beside: str) -> str:
    """The picture as an inline SVG; `beside` names the second row, what the optimiser keeps."""
    above = TOP if any(isinstance(item, Box) and item.rate for item in member.diagram) else PAD
    first, width = _row(member.diagram, PAD, above, member.token)
    height = above + SIDE + BELOW
    second = ""
    if member.beside:
        at = height + TOP
        words = f'<text x="{PAD}" y="{at - 8}" class="mt-word">{escape(beside)}</text>'
        row, wide = _row(member.beside, PAD, at, member.token)
        second, width, height = words + row, max(width, wide), at + SIDE + BELOW
    width += PAD
    return (
        f'<svg class="mt-diagram" viewBox="0 0 {width:g} {height:g}" style="--w:{width:g}px" '
        f'role="img" aria-label="{escape(alt)}">{first}{second}</svg>'
    )


def _row(items: Iterable[Item], x: float, y: float, token: str) -> tuple[str, float]:
    """The items from x on, matrices from y down, and where they end; changed neighbours share a wash."""
    washes: list[Wash] = []
    drawn, before = [], None
    for item in items:
        if isinstance(item, Sign):
            width = 14 + 9 * len(item.text.replace(" ", ""))
            place = Wash(x + 3, y + SIDE / 2 - 15, x + width - 3, y + SIDE / 2 + 15)
            drawn.append(
                f'<text x="{x + width / 2:g}" y="{y + SIDE / 2 + 5:g}" class="mt-sign">{item.text}</text>'
            )
        else:
            x += GAP if isinstance(before, Box) else 0
            width, height = SIZES[item.name]
            place = Wash(x - 4, y - (20 if item.rate else 4), x + width + 4, y + height + 21)
            drawn.append(_matrix(item, x, y, width, height, token))
        if item.changed:
            joined = before is not None and before.changed
            washes.append(washes.pop().around(place) if joined else place)
        x += width
        before = item
    return "".join(map(str, washes)) + "".join(drawn), x


@dataclass(frozen=True)
class Wash:
    """The ground of what is changed."""

    left: float
    top: float
    right: float
    bottom: float

    def around(self, other: Wash) -> Wash:
        """One that holds both."""
        return Wash(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def __str__(self) -> str:
        width, height = self.right - self.left, self.bottom - self.top
        place = f'x="{self.left:g}" y="{self.top:g}" width="{width:g}" height="{height:g}"'
        return f'<rect class="mt-changed" {place} rx="4"/>'


def _matrix(box: Box, x: float, y: float, width: float, height: float, token: str) -> str:
    """One matrix: W and what is as tall hang from y, A and E are as thin as r."""
    frozen = box.state != "trains"
    fill, edge = ("var(--paper-sunk)", "var(--rule-strong)") if frozen else (token, token)
    dashes = ' stroke-dasharray="3 3"' if box.state == "kept" else ""
    place = f'x="{x:g}" y="{y:g}" width="{width}" height="{height}"'
    parts = [f'<rect {place} fill="{fill}" stroke="{edge}"{dashes}/>']
    if box.state == "frozen":
        lines = _grid(x, y, width, height) if box.bits else _hatch(x, y, width, height)
        parts.append(f'<path d="{lines}" stroke="var(--rule-strong)" fill="none"/>')
    parts += _switched_off(box, x, y, width, height)
    middle = x + width / 2
    if box.rate:
        parts.append(f'<text x="{middle:g}" y="{y - 6:g}" class="mt-name">{box.rate}</text>')
    parts.append(f'<text x="{middle:g}" y="{y + height + 16:g}" class="mt-name">{box.name}</text>')
    return "".join(parts)


def _hatch(x: float, y: float, width: float, height: float) -> str:
    """Lines at 45 degrees, cut off at the edges."""
    found = []
    for shift in range(6, int(width + height), 6):
        x0, x1 = max(0, shift - height), min(width, shift)
        found.append(f"M{x + x0:g} {y + shift - x0:g}L{x + x1:g} {y + shift - x1:g}")
    return "".join(found)


def _grid(x: float, y: float, width: float, height: float) -> str:
    """Few large cells: sixteen values are left."""
    cells = range(1, 6)
    down = "".join(f"M{x + width * i / 6:g} {y}v{height}" for i in cells)
    return down + "".join(f"M{x} {y + height * i / 6:g}h{width}" for i in cells)


def _switched_off(box: Box, x: float, y: float, width: float, height: float) -> list[str]:
    """The last triplets, empty: columns of B, rows of A, entries of the diagonal of E."""
    parts = []
    if box.name == "E":  # only its diagonal is there
        parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" class="mt-empty"/>')
    for i in range(3):
        at = TRIPLET * i
        places = {
            "E": (x + at, y + at, TRIPLET, TRIPLET),
            "B": (x + at, y, TRIPLET, height),
            "A": (x, y + at, width, TRIPLET),
        }
        off = i >= 3 - box.out
        if box.name in places and (off or box.name == "E"):
            left, top, wide, tall = places[box.name]
            kind = "mt-empty" if off else "mt-on"
            parts.append(f'<rect x="{left}" y="{top}" width="{wide}" height="{tall}" class="{kind}"/>')
    return parts
