"""The controls of an experiment. Each one shows what the URL says and writes it when it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from lab.bases.registry import BASES
from lora_core.config import METHODS
from web.fine_tune import cost, experiment, words
from web.fine_tune.experiment import State
from web.kit.controls import choose, meaning, show
from web.kit.i18n import t

RANKS = [2**n for n in range(7)]
ALPHAS = [2**n for n in range(9)]
RATES = [m * 10.0**-p for p in (5, 4, 3, 2) for m in (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8)] + [0.1]


TERMS = {
    "base": ("base_model",),
    "method": ("adapter", "full_fine_tuning"),
    "rank": ("rank",),
    "alpha": ("alpha", "scale"),
    "lr": ("learning_rate",),
    "targets": ("layer", "block", "head"),
    "batch": ("batch",),
    "steps": ("step",),
    "seed": ("seed",),
}
"""The glossary's terms that help with a control."""


def controls(page: State) -> None:
    """Every control of a run, in one column."""
    query = page.query
    _list(page, "base", list(BASES))
    _list(page, "task", list(BASES[query["base"]].lessons))
    _list(page, "method", [*METHODS, "full"])
    config = experiment.config_of(query)
    if config.adapter is not None:
        most = experiment.largest_rank(config.base, config)
        _slider(page, "rank", [str(rank) for rank in RANKS if rank <= most])
        _slider(page, "alpha", [str(alpha) for alpha in ALPHAS])
    _slider(page, "lr", [_text(rate) for rate in RATES])
    _list(page, "targets", [*experiment.offered(query).values()])
    with st.container(key="ft_numbers", horizontal=True, gap="small"):
        for key, step in (("batch", 8), ("steps", 50), ("seed", 1)):
            _count(page, key, step)
    st.html(cost.table(config))


def train_button(page: State) -> None:
    """Train, or stop what trains."""
    name, act = ("stop", page.stop) if page.live else ("train", page.train)
    st.button(t(f"fine_tune.{name}"), key=f"ft_{name}", on_click=act, type="primary", width="stretch")


def view(page: State, key: str) -> None:
    """A switch between views of a figure, in the URL like the rest."""
    _choose(st.segmented_control, page, key, experiment.VIEWS[key], label_visibility="collapsed")


def layer(page: State, layers: Sequence[str]) -> str:
    """The choice of the layer whose ΔW is shown; one that did not train gives way to the last that did."""
    chosen = page.query["layer"] if page.query["layer"] in layers else layers[-1]
    _choose(st.selectbox, page, "layer", layers, chosen, label_visibility="collapsed")
    return chosen


def _list(page: State, key: str, options: list[str]) -> None:
    value = page.query[key]
    _choose(st.selectbox, page, key, options if value in options else [*options, value], filter_mode=None)


def _slider(page: State, key: str, options: list[str]) -> None:
    """A slider over the usual values, and those of links."""
    value = page.query[key]
    low, high = float(options[0]), float(options[-1])
    unusual = page.unusual.setdefault(key, set())  # kept, so that the slider does not change under the hand
    unusual |= {value} - {*options}
    within = {*options, value, *(each for each in unusual if low <= float(each) <= high)}
    _choose(st.select_slider, page, key, sorted(within, key=float))


def _count(page: State, key: str, step: int) -> None:
    low, high = BASES[page.query["base"]].limits[key]
    name = f"ft_{key}"
    show(name, int(page.query[key]))
    st.number_input(
        words.control(key),
        min_value=int(low),
        max_value=int(high),
        step=step,
        key=name,
        help=meaning(*TERMS.get(key, ())),
        on_change=lambda: page.change(key, str(st.session_state[name])),
    )


def _choose(
    control: Callable[..., object],
    page: State,
    key: str,
    options: Iterable[str],
    value: str | None = None,
    **more: Any,
) -> None:
    labels = {option: words.label(key, option, page.query["base"]) for option in options}
    change = partial(page.change, key)
    help = meaning(*TERMS.get(key, ()))
    choose(
        control, words.control(key), labels, value or page.query[key], f"ft_{key}", change, help=help, **more
    )


def _text(value: float) -> str:
    """A number as the URL has it: the shortest text that reads back the same."""
    return repr(float(f"{value:.3g}"))
