"""What a reader takes home beside the adapter: the learning curve as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from jobs.job import JobView
from lora_core.snapshot import Point

COLUMNS = tuple(each.name for each in fields(Point))  # step, run_train, run_validation, …


def curve_csv(view: JobView, names: Mapping[str, str]) -> bytes:
    """The evaluated steps of a run, one a row; columns without any value are left out.

    Args:
        view: a job polled with since=0; its last snapshot holds the curve.
        names: what each of COLUMNS is called in the reader's language.

    Returns:
        UTF-8 with a byte-order mark, without which spreadsheets do not read Thai.
    """
    points: list[Mapping[str, Any]] = view.snapshots[-1]["history"] if view.snapshots else []
    columns = [name for name in COLUMNS if any(point.get(name) is not None for point in points)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([cell(names[name]) for name in columns])
    writer.writerows([[cell(point.get(name)) for name in columns] for point in points])
    return text.getvalue().encode("utf-8-sig")


def cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula, quoted by an apostrophe if need be; numbers stay."""
    if value is None:
        return ""
    text = str(value)
    return (
        "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) and not _number(text) else text
    )


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.startswith("-")
