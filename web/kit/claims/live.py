"""A claim's card with its live side: settings, Run it live and Stop, how far the run is, what it finds."""

from __future__ import annotations

import logging
from functools import partial

import streamlit as st
from markupsafe import Markup

from lab.claims import Result, Setting, load
from web.kit.claims import card
from web.kit.claims.figures import FIGURES, VIEWS
from web.kit.claims.state import VIEW, Card, State
from web.kit.claims.words import choice
from web.kit.controls import choose, meaning
from web.kit.i18n import duration, number, percent, t
from web.kit.live_job import watch
from web.kit.progress import progress
from web.kit.refusals import clipped, refused
from web.kit.text import escape
from widgets.copy_link.widget import copy_link

PILLS = 4  # choices that stand side by side; more of them are a slider

log = logging.getLogger("pradit")


def live_card(page: State, name: str) -> None:
    """One card, in a fragment of its own."""
    one = page.cards[name]
    watch(page.jobs, partial(_card, page, one), lambda: [one.run] if one.run else [])


def _card(page: State, one: Card) -> None:
    name = one.name
    with st.container(key=f"ex_card_{name}"):
        st.html(card.place(name))
        with st.container(key=f"ex_text_{name}"):
            st.html(card.heading(name))
        with st.container(key=f"ex_pic_{name}"):
            picture(page, one)
            with st.container(key=f"ex_live_{name}"):
                if load(name).settings:
                    with st.container(key=f"ex_settings_{name}", horizontal=True, gap="medium"):
                        settings(page, one)
                actions(one)
        with st.container(key=f"ex_words_{name}"):
            st.html(card.words(name) + card.making(name))


TERMS = {
    "alpha": ("alpha", "scale"),
    "rank": ("rank",),
    "steps": ("step",),
    "picture_steps": ("step",),
    "depth": ("layer",),
    "gamma_rule": ("gamma_rule",),
    "gamma": ("scale",),
}
"""The glossary's terms that help with a setting."""


def settings(page: State, one: Card) -> None:
    """What a live run may change: pills or a slider for each."""
    for setting in load(one.name).settings:
        key = f"ex_{one.name}_{setting.name}"
        if setting.always is not None:
            _several(page, one, setting, key)
            continue
        labels = {value: choice(value) for value in setting.choices}
        control = st.segmented_control if len(labels) <= PILLS else st.select_slider
        title, value = t(f"experiments.setting.{setting.name}"), one.config.settings[setting.name]
        help = meaning(*TERMS.get(setting.name, ()))
        choose(control, title, labels, value, key, partial(page.change, one, setting.name), help=help)


def actions(one: Card) -> None:
    """Run it live or Stop, the link, and how the run is."""
    with st.container(key=f"ex_go_{one.name}", horizontal=True, gap="small", vertical_alignment="center"):
        name, act = ("stop", one.stop) if one.live else ("run", one.start)
        st.button(t(f"experiments.{name}"), key=f"ex_{name}_{one.name}", on_click=act)
        texts = {name: t(f"experiments.link.{name}") for name in ("copy", "copied", "not_copied")}
        copy_link(card.link(one.name, one.to_url()), key=f"ex_link_{one.name}", text=texts)
    below = [line(one)] if one.run else []
    below += [Markup('<p class="ex-message" role="status">{}</p>').format(each) for each in messages(one)]
    if below:
        st.html(Markup("").join(below))


def picture(page: State, one: Card) -> None:
    """The figure, the live run over the record; pills where there are several."""
    name, found = one.name, card.record(one.name)
    if len(VIEWS[name]) > 1:
        labels = {view: t(f"experiments.view.{view}") for view in VIEWS[name]}
        choose(
            st.segmented_control,
            t("experiments.view"),
            labels,
            one.view,
            f"ex_{name}_view",
            partial(page.turn, one),
            label_visibility="collapsed",
        )
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
        st.html(Markup('<p class="note-s">{}</p>').format(escape(t("experiments.faint"))))


def line(one: Card) -> Markup:
    """The hairline with its numbers, as HTML."""
    done = float(one.last["done"]) if one.last else 0.0
    return progress("ex-run", t("experiments.progress"), done, escape(" · ".join(_counts(one, done))))


def _counts(one: Card, done: float) -> list[str]:
    """The place in the queue, or the share that is done and the time."""
    if one.run and one.run.position:
        return [t("experiments.queued", place=number(one.run.position))]
    if one.last is None:
        return [t("experiments.starting")] if one.live else []
    seconds = float(one.last["seconds"])
    if not one.live:
        return [percent(done), t("experiments.took", time=duration(seconds))]
    left = [t("experiments.left", time=duration(seconds * (1 - done) / done))] if done > 0.05 else []
    return [percent(done), *left]


def messages(one: Card) -> list[Markup]:
    """What the reader should know now: of the link, the last press, the run and its verdict."""
    found = []
    if one.invalid:
        key, text = one.invalid
        found.append(escape(t("experiments.link.vain", name=_control(one, key), value=clipped(text))))
    if one.refusal:
        found.append(escape(refused(*one.refusal)))
    if one.run and one.run.message_key:
        found.append(escape(refused(one.run.message_key, one.run.message_values)))
    if one.run and one.run.state == "done" and one.result:
        outcome = judged(one.name, one.result)
        if outcome:
            found.append(Markup("{} {}").format(escape(t("experiments.this_run")), card.verdict(outcome)))
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


def _several(page: State, one: Card, setting: Setting, key: str) -> None:
    """Pills of methods, any of which can be on; their names are the same in every language."""
    always = list(setting.always or ())
    offered = [str(value) for value in setting.choices if value not in always]
    names = {t(f"fine_tune.method.{value}"): value for value in offered}

    def picked() -> None:
        value = " ".join([*always, *(names[name] for name in names if name in st.session_state[key])])
        if setting.allows(value):
            page.change(one, setting.name, value)

    wanted = str(one.config.settings[setting.name]).split()
    st.session_state[key] = [name for name, value in names.items() if value in wanted]
    title = t(f"experiments.setting.{setting.name}")
    st.pills(title, list(names), selection_mode="multi", key=key, on_change=picked)
