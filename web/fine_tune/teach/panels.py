"""What stands beside the controls: the lesson as a sentence, the loss, the answers, and the way home."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

import streamlit as st
from markupsafe import Markup

from lab.bases.lessons import lesson_called
from lab.runs.language_config import missing_model
from lab.runs.language_record import RecordedRun
from lab.runs.language_snapshot import Answers
from lora_core.language.places import NAMED, ON_HUB, find_model
from web.fine_tune import lesson_words, words
from web.fine_tune.experiment import InvalidValue
from web.fine_tune.take_home import adapter_button
from web.fine_tune.teach.state import Shown, Teaching
from web.fine_tune.words import bold
from web.kit.axes import Words
from web.kit.colours import method_colour
from web.kit.figures import Line, loss_figure
from web.kit.i18n import day, duration, group, language, number, percent, t
from web.kit.progress import progress
from web.kit.refusals import refused
from web.kit.text import running
from widgets.answers.widget import Answer, Column, Round, answers
from widgets.figure.widget import Table, figure


def head(page: Teaching, shown: Shown) -> None:
    """The lesson as a sentence, how far the run is, and every message."""
    lesson = shown.config.lesson
    tense = "now" if shown.live else "done" if shown.snapshot else "will"
    st.html(
        Markup('<h1 class="ft-say">{}</h1>').format(
            Markup(t(f"teach.say.{tense}")).format(what=bold(t(f"teach.what.{lesson}")))
        )
    )
    st.html(_line(shown))
    for text in _messages(page, shown):
        st.html(Markup('<p class="ft-message" role="status">{}</p>').format(text))


def _line(shown: Shown) -> Markup:
    """The hairline with its numbers."""
    job, last = shown.job, shown.snapshot
    step, steps = (last.step, last.steps) if last else (0, shown.config.steps)
    if job is not None and job.state == "queued" and job.position:
        parts = [_with("queued", place=number(job.position))]
    elif last is None:
        own = job is None and shown.config.lesson == "own"
        parts = [] if own else [Markup(t("fine_tune.starting" if job is not None else "teach.none"))]
    elif shown.record:
        parts = [Markup(t("teach.recorded", day=day(date.fromisoformat(shown.record.date))))]
    else:
        parts = [Markup(t("fine_tune.step")).format(step=bold(number(step)), steps=number(steps))]
    aside = []
    if last and shown.live and last.step:
        left = last.seconds / last.step * (last.steps - last.step)
        parts.append(_with("left", time=duration(left)))
    if last and not shown.live and shown.job:
        parts.append(_with("took", time=duration(last.seconds)))
    if last and last.tokens_per_second and shown.job:  # a recording may have shared its machine
        aside.append(t("teach.speed", tokens=number(round(last.tokens_per_second))))
    if last and last.peak_mb:
        aside.append(t("teach.memory", gb=number(last.peak_mb / 1024, 1)))
    texts = (Markup(" · ").join(each) for each in (parts, aside))
    return progress("ft-run", t("fine_tune.progress"), step / max(1, steps), *texts, now=step, steps=steps)


def _with(key: str, **values: str) -> Markup:
    return Markup(t(f"fine_tune.{key}")).format(**{name: bold(value) for name, value in values.items()})


def _messages(page: Teaching, shown: Shown) -> list[str]:
    """All that the reader should know now: of the link, of the last press, of the run."""
    found = [_invalid(each) for each in page.invalid]
    if reason := missing_model():
        found.append(refused("model", {"reason": reason}))
    if page.jobs.refusal:
        found.append(refused(*page.jobs.refusal))
    if shown.job and shown.job.message_key:
        found.append(refused(shown.job.message_key, shown.job.message_values))
    return found


def _invalid(found: InvalidValue) -> str:
    if found.key == "lesson":
        return words.unusable(found, t("teach.lesson"), lesson_words.name(found.used))
    return words.invalid(found, base="")


def loss(shown: Shown, full: RecordedRun | None) -> None:
    """The loss of each step's examples, or the share that earned; full fine-tuning's as it was recorded."""
    last = shown.snapshot
    if last is None and shown.config.lesson == "own":
        return  # nothing was trained on it yet
    reward = lesson_called(shown.config.lesson).kind == "reward"
    mine = (last.rewards if reward else last.losses) if last else []
    name = t(f"fine_tune.method.{shown.config.method}")
    lines = []
    if full and full.snapshot is not last:
        theirs = full.snapshot.rewards if reward else full.snapshot.losses
        short = t("fine_tune.full_short")
        lines.append(Line(short, short, _steps(theirs), theirs, method_colour("full")))
    lines.append(Line(name, name, _steps(mine), mine, method_colour(shown.config.method), live=True))
    write = percent if reward else partial(number, digits=2)
    about = Words(
        x=t("fine_tune.axis.step"),
        y=t("teach.axis.reward" if reward else "teach.axis.loss"),
        x_format=lambda value: number(round(value)),
        y_format=(lambda value: percent(value)) if reward else partial(number, digits=1),
        hover=t("fine_tune.hover", x="%{x}", y="%{y:.3f}"),
    )
    spec = loss_figure(lines, about, steps=last.steps if last else shown.config.steps, log=False, height=180)
    alt = t("fine_tune.alt.empty")
    if mine:
        alt = t("teach.alt", name=name, step=number(len(mine)), first=write(mine[0]), last=write(mine[-1]))
    rows = [[number(i + 1), write(value)] for i, value in enumerate(mine)]
    table = Table(head=[t("fine_tune.axis.step"), name], rows=rows) if rows else None
    figure(spec, key="te_loss", alt=alt, text=group("figure"), table=table)


def _steps(values: Sequence[float]) -> list[int]:
    return list(range(1, len(values) + 1))


def answer_table(shown: Shown, full: RecordedRun | None) -> None:
    """The three questions, answered by the base, by what learns, and after full fine-tuning."""
    lesson, last = shown.config.lesson, shown.snapshot
    if lesson == "own" and (last is None or not last.questions):
        return  # nobody asks anything of a plain text
    rounds = [_round(each) for each in last.answers] if last else []
    step = number(last.step if last else 0)
    numbers = number(last.numbers) if last and last.numbers else "…"
    columns = [Column(t("teach.before"), t("teach.before.about"), rounds[:1])]
    trained = t("teach.full" if shown.config.method == "full" else "teach.adapter")
    columns.append(Column(trained, t("teach.numbers", numbers=numbers, step=step), rounds, moves=True))
    if full and shown.config.method != "full":
        theirs = full.snapshot
        about = t("teach.full.about", numbers=number(theirs.numbers), step=number(theirs.step))
        columns.append(Column(t("teach.full"), about, [_round(theirs.answers[-1])]))
    thai = language() == "th"
    questions = [
        (question.text, running(lesson_words.question(lesson, i)) if thai else "")
        for i, question in enumerate(lesson_called(lesson).shown)
    ]
    if last and last.questions:
        questions = [(question, "") for question in last.questions]
    answers(
        columns,
        key="te_answers",
        questions=questions,
        asked=running(t("teach.asked.own" if lesson == "own" else "teach.asked")),
        text=group("answers"),
        language=language(),
        steps=last.steps if last else shown.config.steps,
        live=shown.live,
        run=shown.job.id if shown.job else lesson,
    )
    st.html(Markup('<p class="te-base">{}</p>').format(running(f"{t('teach.rule')} {_base(shown.model)}")))


def _base(model: str) -> str:
    """What the base is, in a sentence."""
    return t("teach.base", model=Path(model).name) if model not in NAMED else t(f"teach.base.{model}")


def _round(given: Answers) -> Round:
    marks = given.marks or [{} for _ in given.texts]
    found = [
        Answer(text, {lesson_words.mark(name): value for name, value in each.items()})
        for text, each in zip(given.texts, marks, strict=True)
    ]
    return Round(given.step, found)


def learned(shown: Shown) -> None:
    """The lesson's measure in one number, before and after, and what it teaches."""
    lesson, last = lesson_called(shown.config.lesson), shown.snapshot
    parts = []
    if last and last.scores:
        name = lesson_words.measure(lesson.name)
        values = [scores[lesson.measure] for _, scores in last.scores]
        before = t("teach.measure.from", share=percent(values[0])) if len(values) > 1 else ""
        parts.append((name, percent(values[-1]), before))
    if last and last.held_out:
        before = (
            t("teach.measure.from", share=number(last.held_out[0][1], 2)) if len(last.held_out) > 1 else ""
        )
        parts.append((t("teach.measure.held"), number(last.held_out[-1][1], 2), before))
    cells = Markup("").join(
        Markup("<p><b>{}</b> {} <small>{}</small></p>").format(value, name, before)
        for name, value, before in parts
    )
    st.html(
        Markup('<div class="te-learned">{}<p class="te-teaches">{}</p></div>').format(
            cells, running(lesson_words.teaches(lesson.name))
        )
    )


COMMANDS = {
    "peft": 'model = PeftModel.from_pretrained(base, "{folder}")',
    "llamacpp": "llama-cli -m {file} --lora {folder}/adapter.gguf",
    "ollama": "cd {folder} && ollama create {name} -f Modelfile",
    "mlx": "mlx_lm.generate --model {hub} --adapter-path {folder}/mlx",
}
"""How each program is started with what is taken home."""


def home(shown: Shown) -> None:
    """The adapter as one file, and the command of each program that runs it."""
    if shown.job is None or shown.job.adapter is None:
        return
    name = f"{shown.config.lesson}-r{shown.config.rank}"
    with st.container(key="te_home"):
        st.html(
            Markup("<h2>{}</h2><p class='cap'>{}</p>").format(
                t("teach.home"), t("teach.home.about", size=number(len(shown.job.adapter) / 1e6, 1))
            )
        )
        folder = f"pradit-{name}"
        adapter_button(shown.job.adapter, folder, key="te_adapter")
        places = {
            "folder": folder,
            "file": find_model(shown.model).name,
            "hub": ON_HUB.get(shown.model, shown.model),
        }
        lines = [
            f"# {t(f'teach.program.{key}')}\n{line.format(name=name, **places)}"
            for key, line in COMMANDS.items()
        ]
        st.code("\n\n".join(lines), language="bash", wrap_lines=True)
