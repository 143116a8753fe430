"""A table of numbers in text, as spreadsheets, pandas, R, numpy and people write them.

What a file says by itself is followed: its encoding, its separator, quotes, names above and beside the
numbers. What it leaves open is read in the likelier way, which is named; a reader may ask for the other.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from web.kit.upload_errors import RefusedError, shortened

SIDE = 512  # rows and columns at most
_SEPARATORS = ";\t|,"  # in the order in which they are looked for; then spaces
_SPACES = dict.fromkeys(map(ord, "\u00a0\u202f\u2009'’"))
_SIGN = "[-+−]?"
_THOUSANDS = re.compile(rf"{_SIGN}\d{{1,3}}(?:,\d{{3}})+")
_POINTS = re.compile(rf"{_SIGN}\d{{1,3}}(?:\.\d{{3}})+(?:,\d+)?")
_COMMENTS = ("#", "%", "//")

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

Row = list[str]


@dataclass(frozen=True)
class Table:
    """Numbers (m, n) and what was assumed to read them: keys of `uploads.assumed.*`."""

    M: NDArray[np.float64]
    assumed: tuple[str, ...] = ()


def read_table(data: bytes, otherwise: Collection[str]) -> Table:
    """The numbers of a text file.

    Args:
        otherwise: choices to take the other way: "decimal" (a comma is the decimal mark or groups thousands),
            "header" (the first line is names, or numbers), "index" (the first column is names, or numbers).

    Raises:
        RefusedError: it is no text, or no table of numbers; names the line and the cell.
    """
    text = _text(data)
    if text.lstrip()[:2] in ("[[", "[ "):
        return Table(_json(text))
    lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    separator = None
    if lines and (told := re.fullmatch(r"sep=(.)", lines[0][1].strip())):
        separator, lines = told[1], lines[1:]
    lines = [(i, line) for i, line in lines if not line.lstrip().startswith(_COMMENTS)]
    if not lines:
        raise RefusedError("empty")
    separator = separator or _separator(lines[-1][1])
    _check_size(lines, separator)
    rows = [(i, _cells(line, separator)) for i, line in lines]
    if _separators_end([row for _, row in rows]):
        rows = [(i, row[:-1] if not row[-1] else row) for i, row in rows]
    assumed: list[str] = []
    comma = _comma([row for _, row in rows], separator, otherwise, assumed)
    values = [(i, row, [_number(cell, comma) for cell in row]) for i, row in rows]
    values = _without_names(values, otherwise, assumed)
    return Table(_matrix(values), tuple(assumed))


def _text(data: bytes) -> str:
    """Unicode with or without a mark, or the Thai and western code pages, in which digits are the same."""
    name = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    if name == "utf-8" and len(data) > 3 and len(data) % 2 == 0:
        zeros = [data[place::2].count(0) > len(data) // 3 for place in (1, 0)]
        name = "utf-16-le" if zeros[0] else "utf-16-be" if zeros[1] else name
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        if name != "utf-8" or data.startswith(b"%PDF"):
            raise RefusedError("unknown") from None
        text = data.decode("cp874", errors="replace")
    if re.search(r"[\0-\x08\x0e-\x1b]", text):
        raise RefusedError("unknown")
    return text


def _separator(line: str) -> str | None:
    """The sign between the cells; None is spaces. Commas in quotes or in numbers do not count."""
    bare = re.sub(r'"[^"]*"', "0", line.strip())
    found = next((each for each in _SEPARATORS if each in bare), None)
    spaced = bare.split()
    if found == "," and len(spaced) > 1 and all(re.fullmatch(rf"{_SIGN}\d+,\d+", cell) for cell in spaced):
        return None
    return found


def _check_size(lines: Sequence[tuple[int, str]], separator: str | None) -> None:
    """Before anything is taken apart. Names above and beside the numbers may come on top."""
    _, last = lines[-1]
    columns = last.count(separator) + 1 if separator else len(last.split())
    widest = max(
        (line.count(separator) + 1 if separator else len(line.split()) for _, line in lines), default=0
    )
    if len(lines) > SIDE + 1 or widest > SIDE + 2:
        raise RefusedError("shape", rows=len(lines), columns=max(columns, widest), most=SIDE)


def _cells(line: str, separator: str | None) -> Row:
    if separator is None:
        return line.split()
    row = next(csv.reader([line.strip()], delimiter=separator, skipinitialspace=True), [])
    return [re.sub(r"(?<=\d) (?=\d{3}(?!\d))", "", cell.strip()) for cell in row]


def _separators_end(rows: Sequence[Row]) -> bool:
    """Whether a separator ends each line, but for the names' perhaps."""
    first, rest = rows[0], rows[1:]
    if not rest or any(len(row) < 2 or row[-1] for row in rest):
        return False
    return not first[-1] or len(first) == len(rest[0]) - 1


def _comma(rows: Sequence[Row], separator: str | None, otherwise: Collection[str], assumed: list[str]) -> str:
    """What a comma inside a number is: "decimal", "thousands", or "none" where there is none."""
    cells = [cell.translate(_SPACES) for row in rows for cell in row if "," in cell]
    numeric = [cell for cell in cells if re.fullmatch(rf"{_SIGN}[\d.,]+(?:[eE]{_SIGN}\d+)?", cell)]
    if not numeric:
        return "none"
    if any("." in cell[cell.rindex(",") :] for cell in numeric) or any(
        cell.count(",") > 1 for cell in numeric
    ):
        return "thousands"  # 1,234.5 and 1,234,567 can be read in one way only
    if not all(_THOUSANDS.fullmatch(cell) for cell in numeric):
        return "decimal"
    likely, other = ("thousands", "decimal") if separator == "," else ("decimal", "thousands")
    chosen = other if "decimal" in otherwise else likely
    assumed.append(f"comma_{chosen}")
    return chosen


def _number(cell: str, comma: str) -> float | None:
    cell = cell.translate(_SPACES).replace("−", "-")
    if comma == "decimal":
        cell = cell.replace(".", "") if _POINTS.fullmatch(cell) and "," in cell else cell
        cell = cell.replace(",", ".")
    elif comma == "thousands":
        cell = cell.replace(",", "")
    if re.fullmatch(r"[-+]?[\d.]+[dD][-+]?\d+", cell):  # Fortran's exponent
        cell = re.sub("[dD]", "e", cell)
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


Values = list[tuple[int, Row, list[float | None]]]


def _counts(values: Sequence[float | None], first: float) -> bool:
    """Whether they count up by one, at least three of them: most likely names, not numbers."""
    return len(values) >= 3 and list(values) == [first + k for k in range(len(values))]


def _whole(values: Values) -> bool:
    return all(number is None or number == int(number) for _, _, row in values for number in row if number)


def _without_names(values: Values, otherwise: Collection[str], assumed: list[str]) -> Values:
    """Without names above and beside the numbers. Counts are names where the numbers are no whole ones."""
    if len(values) < 2:
        return values
    _, cells, first = values[0]
    width = len(values[1][1])
    above = [value for value in first if value is not None]
    counts: list[list[float]] = [[], [*range(len(above))], [*range(1, len(above) + 1)]]
    no_corner = len(cells) == width and not cells[0] and above in counts
    if no_corner or (len(cells) == width - 1 and not above):
        return [(i, row[1:], numbers[1:]) for i, row, numbers in values[1:]]
    if not above:
        values = values[1:]
    beside = [numbers[0] if numbers else None for _, _, numbers in values]
    if all(value is None for value in beside) and all(len(row) > 1 for _, row, _ in values):
        return [(i, row[1:], numbers[1:]) for i, row, numbers in values]
    columns = _counts(beside, 0) or _counts(beside, 1)
    if above and _counts(first, 0) and not columns and not _whole(values[1:]):
        assumed.append("header_numbers" if "header" in otherwise else "header_names")
        values = values if "header" in otherwise else values[1:]
    rest = [(i, row[1:], numbers[1:]) for i, row, numbers in values]
    if columns and not _counts(first, 0) and not _whole(rest):
        assumed.append("index_numbers" if "index" in otherwise else "index_names")
        values = values if "index" in otherwise else rest
    return values


def _matrix(values: Values) -> NDArray[np.float64]:
    rows: list[list[float]] = []
    for i, cells, row in values:
        if None in row:
            raise RefusedError("cell", line=i, cell=shortened(cells[row.index(None)] or "–"))
        rows.append([value for value in row if value is not None])
        if len(row) != len(rows[0]):
            raise RefusedError("ragged", line=i, cells=len(row), expected=len(rows[0]))
    return np.array(rows)


def _json(text: str) -> NDArray[np.float64]:
    """[[1, 2], [3, 4]]"""
    try:
        rows = json.loads(text)
        M = np.array(rows, np.float64)
    except (ValueError, TypeError, RecursionError):
        raise RefusedError("unknown") from None
    return M
