"""The controls of an experiment. Each one shows what the URL says and writes it when it moves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import streamlit as st

from lab.runs.config import LIMITS, TASKS
from lora_core.config import METHODS
from web.fine_tune import cost, experiment, words
from web.fine_tune.state import State, change, stop, train
from web.kit.i18n import t

RANKS = [2**n for n in range(7)]
ALPHAS = [2**n for n in range(9)]
RATES = [m * 10.0**-p for p in (5, 4, 3, 2) for m in (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8)] + [0.1]


def controls(page: State) -> None:
    """Every control of a run, in one column."""
    query = page.query
    _choose(page, "base", list(TASKS))
    _choose(page, "task", list(TASKS[query["base"]]))
    _choose(page, "method", [*METHODS, "full"])
    config = experiment.config_of(query)
    if config.adapter is not None:
        most = experiment.largest_rank(config.base, config)
        _slide(page, "rank", [str(rank) for rank in RANKS if rank <= most])
        _slide(page, "alpha", [str(alpha) for alpha in ALPHAS])
    _slide(page, "lr", [_text(rate) for rate in RATES])
    _choose(page, "targets", [*experiment.offered(query).values()])
    with st.container(key="ft_numbers", horizontal=True, gap="small"):
        for key, step in (("batch", 8), ("steps", 50), ("seed", 1)):
            _count(page, key, step)
    st.html(cost.table(config))


def go(page: State) -> None:
    """Train, or stop what trains."""
    if page.live:
        st.button(
            t("fine_tune.stop"), key="ft_stop", on_click=stop, args=(page,), type="primary", width="stretch"
        )
    else:
        st.button(
            t("fine_tune.train"),
            key="ft_train",
            on_click=train,
            args=(page,),
            type="primary",
            width="stretch",
        )


def view(page: State, key: str) -> None:
    """A switch between views of a figure, in the URL like the rest."""
    _hold(key, page.query[key])
    st.segmented_control(
        words.control(key),
        experiment.VIEWS[key],
        format_func=_labels(page, key, experiment.VIEWS[key]),
        key=f"ft_{key}",
        required=True,
        on_change=_moved,
        args=(page, key, experiment.VIEWS[key]),
        label_visibility="collapsed",
    )


def layer(page: State, layers: Sequence[str]) -> str:
    """The choice of the layer whose ΔW is shown; one that did not train gives way to the last that did."""
    chosen = page.query["layer"] if page.query["layer"] in layers else layers[-1]
    _hold("layer", chosen)
    st.selectbox(
        words.control("layer"),
        layers,
        format_func=_labels(page, "layer", layers),
        key="ft_layer",
        on_change=_moved,
        args=(page, "layer", layers),
        label_visibility="collapsed",
    )
    return chosen


def _choose(page: State, key: str, options: list[str]) -> None:
    value = page.query[key]
    offered = options if value in options else [*options, value]
    _hold(key, value)
    st.selectbox(
        words.control(key),
        offered,
        format_func=_labels(page, key, offered),
        key=f"ft_{key}",
        on_change=_moved,
        args=(page, key, offered),
        filter_mode=None,
    )


def _slide(page: State, key: str, options: list[str]) -> None:
    """A slider over the usual values, and those a link brought."""
    value = page.query[key]
    usual = float(options[0]), float(options[-1])
    brought = page.brought.setdefault(key, set())  # kept, so that the slider does not change under the hand
    brought |= {value} - {*options}
    within = {*options, value, *(each for each in brought if usual[0] <= float(each) <= usual[1])}
    _hold(key, value)
    st.select_slider(
        words.control(key),
        sorted(within, key=float),
        format_func=_labels(page, key, within),
        key=f"ft_{key}",
        on_change=_moved,
        args=(page, key, within),
    )


def _count(page: State, key: str, step: int) -> None:
    low, high = LIMITS[key]
    _hold(key, int(page.query[key]))
    st.number_input(
        words.control(key),
        min_value=int(low),
        max_value=int(high),
        step=step,
        key=f"ft_{key}",
        on_change=_moved,
        args=(page, key),
    )


def _labels(page: State, key: str, options: Iterable[str]) -> Callable[[str], str]:
    """The labels in the language of now; Streamlit may ask for one when no reader's run is on."""
    return {option: words.label(key, option, page.query["base"]) for option in options}.__getitem__


def _hold(key: str, value: Any) -> None:
    """Let the widget show what the experiment says, and leave it alone when it does already."""
    if st.session_state.get(f"ft_{key}") != value:
        st.session_state[f"ft_{key}"] = value


def _moved(page: State, key: str, options: Collection[str] | None = None) -> None:
    """A control moved, to one of the options if it has any.

    The browser names an option by its label. Where the language was switched at that moment, it is a label of
    the other language and no option: then nothing moved, and the control is set right when it is drawn.
    """
    value = str(st.session_state[f"ft_{key}"])
    if options is None or value in options:
        change(page, key, value)


def _text(value: float) -> str:
    """A number as the URL has it: the shortest text that reads back the same."""
    return repr(float(f"{value:.3g}"))
