"""The table of runs: a real HTML table in which a run can be shown, drawn on the chart, or removed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import streamlit as st

from widgets.component import component

_runs = component("runs")


@dataclass(frozen=True)
class Column:
    """A column of values. `symbol` stands for the label (a letter); `kind` says when there is room for it."""

    label: str
    symbol: str = ""
    kind: Literal["", "h", "wide"] = ""


@dataclass(frozen=True)
class Row:
    """One run, or with an empty id the yardstick, which can be neither shown nor removed."""

    id: str
    name: str
    settings: str
    colour: str
    cells: Sequence[str]
    now: bool = False
    charted: bool = False
    comparable: bool = True


def runs_table(
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    key: str,
    text: Mapping[str, str],
    on_act: Callable[[str, str], None],
) -> None:
    """Show the table.

    Args:
        text: the strings of `fine_tune.runs.*`.
        on_act: called with what the reader did ("show", "chart" or "remove") and the id of the run.
    """

    def acted() -> None:
        act = st.session_state[key].get("act")
        if act:
            on_act(act["kind"], act["id"])

    data = {"columns": [asdict(c) for c in columns], "rows": [asdict(r) for r in rows], "text": dict(text)}
    _runs(key=key, data=data, on_act_change=acted)
