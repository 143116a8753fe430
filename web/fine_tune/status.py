"""Where the run is: the experiment as a sentence, a hairline that fills, and every message."""

from __future__ import annotations

import math

import streamlit as st
from markupsafe import Markup

import jobs
from lab.bases.registry import lesson
from web.fine_tune import experiment, words
from web.fine_tune.experiment import State
from web.fine_tune.runs import Run
from web.fine_tune.words import bold
from web.kit.i18n import duration, number, percent, t, tn
from web.kit.progress import progress
from web.kit.refusals import refused


def status(page: State) -> None:
    """The sentence, the line below it, and what the reader should know."""
    st.html(Markup('<h1 class="ft-say">{}</h1>').format(sentence(page)))
    st.html(line(page))
    for text in messages(page):
        st.html(Markup('<p class="ft-message" role="status">{}</p>').format(text))
    if warning := caution(page):
        with st.container(key="ft_caution"):
            st.html(Markup('<p class="ft-message">{}</p>').format(warning))
            st.button(t("fine_tune.everything"), key="ft_everything", on_click=page.train_everything)


def sentence(page: State) -> Markup:
    """What is being learned; of a run that ended, while the controls still say the same, what was."""
    run = page.live
    if run:
        return words.sentence(run.config, "now" if run.view.state == "running" else "will")
    wanted, run = experiment.config_of(page.query), page.run
    done = run is not None and run.config == wanted and run.view.state == "done"
    return words.sentence(wanted, "done" if done else "will")


def line(page: State) -> Markup:
    """The hairline with its numbers, as HTML."""
    live, run = page.live, page.live or page.run
    wanted = experiment.config_of(page.query)
    if run is None or (not live and run.config != wanted):
        ready = Markup(tn("fine_tune.ready", wanted.steps, steps="{}")).format(bold(number(wanted.steps)))
        parts, step, steps = [ready], 0, wanted.steps
    else:
        parts, step, steps = _counts(run), run.step, run.config.steps
    aside = []
    if run and run.view.state == "running" and run.rate:
        aside.append(t("fine_tune.rate", rate=number(run.rate, 0 if run.rate >= 10 else 1)))
    if device := (run.view.device if run else None) or jobs.pool().device:
        aside.append(t(f"fine_tune.device.{device}"))
    if live:
        aside.append(t("fine_tune.lease"))
    texts = (Markup(" · ").join(each) for each in (parts, aside))
    return progress("ft-run", t("fine_tune.progress"), step / steps, *texts, now=step, steps=steps)


def _counts(run: Run) -> list[Markup]:
    """Step, time and result of a run, in that order."""
    view = run.view
    if view.state == "queued" and view.position:
        return [_with("queued", place=number(view.position))]
    if view.state == "queued" or (view.state == "running" and run.last is None):
        parts = [_with("starting")]
    else:
        parts = [
            Markup(t("fine_tune.step")).format(step=bold(number(run.step)), steps=number(run.config.steps))
        ]
        if not view.live:
            parts.append(_with("took", time=duration(run.seconds)))
        elif run.left is not None:
            parts.append(_with("left", time=duration(run.left)))
    loss, accuracy = run.result("run"), run.result("run", "accuracy")
    if loss is not None:
        parts.append(_with("loss_now", loss=number(loss, 2)))
    if accuracy is not None:
        parts.append(_with("accuracy_now", accuracy=percent(accuracy, 1)))
    return parts


def _with(key: str, **values: str) -> Markup:
    """A text with its values in bold."""
    return Markup(t(f"fine_tune.{key}")).format(**{name: bold(value) for name, value in values.items()})


def messages(page: State) -> list[str]:
    """All that the reader should know now: of the link, of the last press, of the run."""
    found = [words.invalid(each, page.query["base"]) for each in page.invalid]
    if page.jobs.refusal:
        found.append(refused(*page.jobs.refusal))
    run = page.live or page.run
    if run and run.view.message_key:
        found.append(refused(run.view.message_key, run.view.message_values))
    if run and run.view.state == "done" and (run.result("run") or 0) > (run.before() or math.inf):
        found.append(t("fine_tune.worse"))
    return found


def caution(page: State) -> str | None:
    """Why this task fails as it is set up, where failing is the lesson."""
    query = page.query
    key = lesson(query["base"], query["task"]).caution
    learns_all = query["method"] == "full" and query["targets"] == experiment.everything(query["base"])
    return None if key is None or learns_all else t(f"tasks.caution.{key}")
