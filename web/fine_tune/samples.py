"""What the models write, or see in pictures: before, now, and full fine-tuning. All of it escaped."""

from __future__ import annotations

import numpy as np
import streamlit as st
from markupsafe import Markup

from lab.bases.registry import lesson
from web.fine_tune.charts import kind
from web.fine_tune.runs import Run
from web.kit.i18n import number, percent, t
from web.kit.text import heading, language_of
from widgets.heatmap.widget import Line, Matrix, heatmap

PICTURES = 12


def samples(run: Run) -> None:
    """Three columns of text, or a grid of pictures with three answers each."""
    about = kind(run)
    title, note = t(f"fine_tune.samples.{about}.title"), t(f"fine_tune.samples.{about}.about")
    st.html(heading(title, note))
    if about == "text":
        st.html(texts(run))
    else:
        pictures(run)


def texts(run: Run) -> Markup:
    """Text before, now and of full fine-tuning, with the loss of each, as HTML."""
    columns = [_column(t("fine_tune.before"), run.before(), run.first("sample"))]
    found = [("run", "now"), *([("yardstick", "full")] if run.config.yardstick else [])]
    for who, name in found:
        step, text = run.latest(who, "sample") or (0, None)
        title = t(f"fine_tune.samples.{name}", step=number(step))
        columns.append(_column(title, run.result(who, at=step), text) if step else _column(title, None, None))
    return Markup('<div class="ft-samples">{}</div>').format(Markup("").join(columns))


def _column(title: str, loss: float | None, text: str | None) -> Markup:
    value = "" if loss is None else number(loss, 2)
    body = t("fine_tune.samples.none") if text is None else text.strip("\n")
    attribute = Markup(' class="ft-wait"')
    if text is not None:
        attribute = Markup(' lang="{}"').format(language_of(text))
    return Markup(
        '<div><p class="note-s"><span>{}</span><span class="num">{}</span></p>'
        '<pre tabindex="0" role="region" aria-label="{}"{}>{}</pre></div>'
    ).format(title, value, title, attribute, body)


def pictures(run: Run) -> None:
    """Test pictures, what is on them, and what each model says, right or wrong."""
    arrays = run.view.arrays or {}
    if "images" not in arrays or "labels" not in arrays:
        st.html(Markup('<p class="note-s">{}</p>').format(t("fine_tune.samples.none")))
        return
    columns = answers(run)
    st.html(scores(run))
    classes = lesson(run.config.base, run.config.task).classes
    names = [t(f"tasks.class.{name}") for name in classes]
    verdicts = {True: t("fine_tune.samples.right"), False: t("fine_tune.samples.wrong")}
    shown = []
    for i, picture in enumerate(arrays["images"][:PICTURES]):
        label = int(arrays["labels"][i])
        truth = names[label]
        lines = [
            Line(t("fine_tune.samples.answer", who=who, answer=names[guesses[i]]), right=guesses[i] == label)
            for who, guesses in columns
        ]
        said = "; ".join(f"{line.text} ({verdicts[bool(line.right)]})" for line in lines)
        alt = t("fine_tune.samples.alt", truth=truth, answers=said)
        shown.append(Matrix(np.asarray(picture, dtype=np.float32), alt, truth, lines))
    heatmap(
        shown,
        key="ft_pictures",
        label=t("fine_tune.samples.image.title"),
        limit=1.0,
        palette="seq",
        size=(84, 84),
        least="7.75rem",
    )


def answers(run: Run) -> list[tuple[str, list[int]]]:
    """Whose answers, and the class each model says, for before, now and full."""
    found = [(t("fine_tune.before"), run.first("predictions"))]
    now, full = run.latest("run", "predictions"), run.latest("yardstick", "predictions")
    found.append((t("fine_tune.now"), now[1] if now and now[0] else None))
    found.append((t("fine_tune.full_short"), full[1] if full and full[0] else None))
    return [(title, guesses) for title, guesses in found if guesses is not None]


def scores(run: Run) -> Markup:
    """Accuracy before, now and of full fine-tuning, as HTML."""
    values = [
        (t("fine_tune.before"), run.before("accuracy")),
        (t("fine_tune.samples.now", step=number(run.step)), run.result("run", "accuracy")),
        (t("fine_tune.samples.full", step=number(run.step)), run.result("yardstick", "accuracy")),
    ]
    parts = [
        Markup("<span>{} <b>{}</b></span>").format(title, percent(value, 1))
        for title, value in values
        if value is not None
    ]
    return Markup('<p class="ft-scores num">{}</p>').format(Markup("").join(parts))
