"""Where the run is: the experiment as a sentence, a hairline that fills, and every message."""

from __future__ import annotations

import math

import streamlit as st

import jobs
from lab.bases import recipes
from web.fine_tune import experiment, words
from web.fine_tune.runs import Run
from web.fine_tune.state import State
from web.fine_tune.words import safe
from web.kit.i18n import duration, number, percent, t, tn
from web.kit.refusals import refused


def head(page: State) -> None:
    """The sentence and the line below it."""
    st.html(f'<h1 class="ft-say">{sentence(page)}</h1>')
    st.html(line(page))
    for text in messages(page):
        st.html(f'<p class="ft-message" role="status">{text}</p>')


def sentence(page: State) -> str:
    """What is being learned; of a run that ended, while the controls still say the same, what was."""
    if page.live:
        return words.sentence(page.live.config, "now" if page.live.view.state == "running" else "will")
    wanted = experiment.config_of(page.query)
    done = page.run is not None and page.run.config == wanted and page.run.view.state == "done"
    return words.sentence(wanted, "done" if done else "will")


def line(page: State) -> str:
    """The hairline with its numbers, as HTML."""
    run = page.live or page.run
    wanted = experiment.config_of(page.query)
    if run is None or (not run.view.live and run.config != wanted):
        parts, step, steps = [_ready(wanted.steps)], 0, wanted.steps
    else:
        parts, step, steps = _told(run), run.step, run.config.steps
    device = (run.view.device if run else None) or jobs.pool().device
    aside = []
    if run and run.view.state == "running" and run.rate:
        aside.append(t("fine_tune.rate", rate=number(run.rate, 0 if run.rate >= 10 else 1)))
    if device:
        aside.append(t(f"fine_tune.device.{device}"))
    if page.live:
        aside.append(t("fine_tune.lease"))
    name = t("fine_tune.progress")
    return (
        '<div class="ft-run">'
        f'<span class="ft-bar" role="progressbar" aria-label="{name}" aria-valuemin="0" '
        f'aria-valuemax="{steps}" aria-valuenow="{step}">'
        f'<i style="width:{100 * step / steps:.2f}%"></i></span>'
        f"<span>{' · '.join(parts)}</span><span>{' · '.join(aside)}</span></div>"
    )


def _ready(steps: int) -> str:
    return tn("fine_tune.ready", steps, steps=_bold(number(steps)))


def _told(run: Run) -> list[str]:
    """Step, time and result of a run, in that order."""
    view = run.view
    if view.state == "queued":
        if view.position:
            return [t("fine_tune.queued", place=_bold(number(view.position)))]
        return [t("fine_tune.starting")]
    parts = [t("fine_tune.step", step=_bold(number(run.step)), steps=number(run.config.steps))]
    if view.state == "running":
        if run.last is None:
            parts = [t("fine_tune.starting")]
        elif run.left is not None:
            parts.append(t("fine_tune.left", time=_bold(duration(run.left))))
    else:
        parts.append(t("fine_tune.took", time=_bold(duration(run.seconds))))
    loss, accuracy = run.result("run"), run.result("run", "accuracy")
    if loss is not None:
        parts.append(t("fine_tune.loss_now", loss=_bold(number(loss, 2))))
    if accuracy is not None:
        parts.append(t("fine_tune.accuracy_now", accuracy=_bold(percent(accuracy, 1))))
    return parts


def messages(page: State) -> list[str]:
    """All that the reader should know now, as HTML: of the link, of the last press, of the run."""
    found = [safe(words.complaint(complaint, page.query["base"])) for complaint in page.complaints]
    if page.refusal:
        found.append(safe(refused(*page.refusal)))
    run = page.live or page.run
    if run and run.view.message_key:
        found.append(safe(refused(run.view.message_key, run.view.message_values)))
    if run and run.view.state == "done" and (run.result("run") or 0) > (run.before() or math.inf):
        found.append(t("fine_tune.worse"))
    return found


def caution(page: State) -> str | None:
    """Why this task fails as it is set up, where failing is the lesson."""
    query = page.query
    key = recipes.recipe(query["base"], query["task"]).caution
    learns_all = query["method"] == "full" and query["targets"] == experiment.everything(query["base"])
    return None if key is None or learns_all else t(f"tasks.caution.{key}")


def _bold(text: str) -> str:
    return f"<b>{text}</b>"
