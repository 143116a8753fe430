"""A card's live side: its settings, Run it live and Stop, how far the run is, and what it finds."""

from __future__ import annotations

import logging
from collections.abc import Callable

import streamlit as st

from lab.claims import ExperimentConfig, Result, Setting, load
from web.kit.claims import card
from web.kit.claims.figures import FIGURES, VIEWS
from web.kit.claims.state import VIEW, Card, State, run, stop, sync, write_url
from web.kit.claims.words import choice
from web.kit.i18n import duration, number, percent, t
from web.kit.refusals import clipped, refused
from web.kit.text import escape
from widgets.copy_link.widget import copy_link

EVERY = 0.3  # s between two looks at a run
WAITING = 2.0  # s between two looks at one that waits
PILLS = 4  # choices that stand side by side; more of them are a slider

log = logging.getLogger("pradit")


def pace(one: Card) -> float | None:
    """Seconds until the pool is asked again; those who wait ask less often, and not all together."""
    if not one.live or one.run is None:
        return None
    return EVERY if one.run.state == "running" else WAITING + hash(one.run.id) % 100 / 100


def claim(page: State, one: Card) -> None:
    """One card."""
    sync(one)
    if pace(one) != one.pace:
        st.rerun()  # a run began, was given a place, or ended
    name = one.name
    with st.container(key=f"ex_card_{name}"):
        st.html(card.place(name))
        with st.container(key=f"ex_text_{name}"):
            st.html(card.words(name) + card.making(name))
        with st.container(key=f"ex_pic_{name}"):
            picture(page, one)
            with st.container(key=f"ex_live_{name}"):
                if load(name).settings:
                    with st.container(key=f"ex_settings_{name}", horizontal=True, gap="medium"):
                        settings(page, one)
                actions(page, one)


def settings(page: State, one: Card) -> None:
    """What a live run may change: pills or a slider for each."""
    for setting in load(one.name).settings:
        key = f"ex_{one.name}_{setting.name}"
        if setting.always is not None:
            _several(page, one, setting, key)
            continue
        labels = {value: choice(value) for value in setting.choices}
        if st.session_state.get(key) != one.config.settings[setting.name]:
            st.session_state[key] = one.config.settings[setting.name]
        options = {"options": list(labels), "format_func": labels.__getitem__, "key": key}
        pills = len(labels) <= PILLS
        control: Callable[..., object] = st.segmented_control if pills else st.select_slider
        control(
            t(f"experiments.setting.{setting.name}"),
            on_change=_moved,
            args=(page, one, setting, key),
            **options,
            **({"required": True} if pills else {}),
        )


def actions(page: State, one: Card) -> None:
    """Run it live or Stop, the link, and how the run is."""
    with st.container(key=f"ex_go_{one.name}", horizontal=True, gap="small", vertical_alignment="center"):
        if one.live:
            st.button(t("experiments.stop"), key=f"ex_stop_{one.name}", on_click=stop, args=(one,))
        else:
            st.button(t("experiments.run"), key=f"ex_run_{one.name}", on_click=run, args=(one,))
        texts = {name: t(f"experiments.link.{name}") for name in ("copy", "copied", "not_copied")}
        copy_link(card.link(one.name, one.query()), key=f"ex_link_{one.name}", text=texts)
    said = progress(one) + "".join(f'<p class="ex-message" role="status">{m}</p>' for m in messages(one))
    if said:
        st.html(said)


def picture(page: State, one: Card) -> None:
    """The figure, the live run over the record; pills where there are several."""
    name, found = one.name, card.record(one.name)
    if len(VIEWS[name]) > 1:
        _views(page, one)
    if found is not None:
        st.html(card.finding(found, one.view))
    plot = FIGURES[name][one.view]
    recorded = plot(found.result, found.recipe) if found else None
    live = plot(one.result or Result(), one.recipe) if one.run else None
    chart = live or recorded
    if chart is None:
        return
    card.draw(name, one.view, f"ex_figure_{name}_{one.view}", chart, recorded if live else None)
    if recorded and live:
        st.html(f'<p class="note-s">{escape(t("experiments.faint"))}</p>')


def progress(one: Card) -> str:
    """The hairline with its numbers, as HTML."""
    if one.run is None:
        return ""
    done = float(one.last["done"]) if one.last else 0.0
    return (
        '<div class="ex-run">'
        f'<span class="ex-bar" role="progressbar" aria-label="{t("experiments.progress")}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{round(100 * done)}">'
        f'<i style="width:{100 * done:.1f}%"></i></span>'
        f"<span>{escape(' · '.join(_told(one, done)))}</span></div>"
    )


def _told(one: Card, done: float) -> list[str]:
    assert one.run is not None
    if one.run.state == "queued" and one.run.position:
        return [t("experiments.queued", place=number(one.run.position))]
    if one.last is None:
        return [t("experiments.starting")] if one.live else []
    seconds = float(one.last["seconds"])
    if not one.live:
        return [percent(done), t("experiments.took", time=duration(seconds))]
    told = [percent(done)]
    if done > 0.05:
        told.append(t("experiments.left", time=duration(seconds * (1 - done) / done)))
    return told


def messages(one: Card) -> list[str]:
    """What the reader should know now, as HTML: of the link, the last press, the run and its verdict."""
    found = []
    if one.complaint:
        key, text = one.complaint
        found.append(escape(t("experiments.link.vain", name=_control(one, key), value=clipped(text))))
    if one.refusal:
        found.append(escape(refused(*one.refusal)))
    if one.run and one.run.message_key:
        found.append(escape(refused(one.run.message_key, one.run.message_values)))
    if one.run and one.run.state == "done" and one.result:
        outcome = judged(one.name, one.result)
        if outcome:
            found.append(f"{escape(t('experiments.this_run'))} {card.verdict(outcome)}")
    return found


def _control(one: Card, key: str) -> str:
    """The name of what a link would set; what the card does not have keeps the link's own word."""
    if key == VIEW:
        return t("experiments.view")
    return t(f"experiments.setting.{key}") if key in one.config.settings else clipped(key)


def judged(name: str, result: Result) -> str | None:
    """The rule's word on a live run; None where it lacks what the rule compares."""
    try:
        return load(name).verdict(result).outcome
    except (LookupError, ValueError, ArithmeticError, StopIteration):
        log.exception("no verdict of a live run of %s", name)
        return None


def _views(page: State, one: Card) -> None:
    key = f"ex_{one.name}_view"
    if st.session_state.get(key) != one.view:
        st.session_state[key] = one.view
    labels = {view: t(f"experiments.view.{view}") for view in VIEWS[one.name]}
    st.segmented_control(
        t("experiments.view"),
        list(labels),
        format_func=labels.__getitem__,
        key=key,
        required=True,
        on_change=_turned,
        args=(page, one, key),
        label_visibility="collapsed",
    )


def _moved(page: State, one: Card, setting: Setting, key: str) -> None:
    """A setting moved; as the language is switched, to a label of the other one, which is no choice."""
    value = st.session_state[key]
    if value in setting.choices:
        one.config = ExperimentConfig(one.name, {**one.config.settings, setting.name: value})
        one.complaint = None
        write_url(page)


def _several(page: State, one: Card, setting: Setting, key: str) -> None:
    """Pills of methods, any of which can be on; their names are the same in every language."""
    assert setting.always is not None
    offered = [str(value) for value in setting.choices if value not in setting.always]
    names = {t(f"fine_tune.method.{value}"): value for value in offered}
    wanted = str(one.config.settings[setting.name]).split()
    st.session_state[key] = [name for name, value in names.items() if value in wanted]
    st.pills(
        t(f"experiments.setting.{setting.name}"),
        list(names),
        selection_mode="multi",
        key=key,
        on_change=_picked,
        args=(page, one, setting, key, names),
    )


def _picked(page: State, one: Card, setting: Setting, key: str, names: dict[str, str]) -> None:
    """A pill was pressed."""
    assert setting.always is not None
    value = " ".join([*setting.always, *(names[name] for name in names if name in st.session_state[key])])
    if setting.allows(value):
        one.config = ExperimentConfig(one.name, {**one.config.settings, setting.name: value})
        one.complaint = None
        write_url(page)


def _turned(page: State, one: Card, key: str) -> None:
    if st.session_state[key] in VIEWS[one.name]:
        one.view = st.session_state[key]
        write_url(page)
