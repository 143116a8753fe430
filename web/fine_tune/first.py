"""What the page opens on: the defaults of a lesson, as they were run once and recorded."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from typing import Any

from lab.bases.registry import BASES
from lab.data import CHECKPOINTS
from lab.runs.config import TrainConfig
from web.fine_tune import words
from web.fine_tune.charts import Drawn, if_any, titles
from web.fine_tune.runs import curve
from web.kit.colours import method_colour
from web.kit.figures import Line, Rule, loss_figure
from web.kit.i18n import day, number, t

RECORDS = CHECKPOINTS / "records" / "firsts"


@cache
def recorded(base: str, task: str) -> dict[str, Any]:
    """The record: recipe, date, and the history of its only run."""
    found: dict[str, Any] = json.loads((RECORDS / f"{base}--{task}.json").read_text("utf-8"))
    return found


def recorded_on(base: str, task: str) -> str:
    """The day of the record, in the reader's language."""
    return day(date.fromisoformat(recorded(base, task)["date"]))


def first_chart(base: str, task: str, *, log: bool) -> Drawn:
    """The recorded curves, faint, as earlier runs are."""
    kept = recorded(base, task)
    config = TrainConfig.from_json(kept["recipe"])
    names = {"yardstick": t("fine_tune.full_short"), "run": words.run_name(config)}
    colours = {"yardstick": method_colour("full"), "run": method_colour(words.method(config))}
    curves = {who: curve(kept["history"], who, "validation") for who in names}
    lines = [Line(name, name, *curves[who], colours[who], faint=True) for who, name in names.items()]
    about = titles(t(f"fine_tune.axis.loss.{BASES[base].kind}"), "loss")
    (_, mine), (_, full) = curves["run"], curves["yardstick"]
    before = Rule(mine[0], t("fine_tune.before_level", value=number(mine[0], 2)))
    sentence = t(
        "fine_tune.alt.recorded",
        day=recorded_on(base, task),
        name=names["run"],
        before=number(mine[0], 2),
        now=number(mine[-1], 2),
        full=number(full[-1], 2),
    )
    head = [t("fine_tune.axis.step"), names["run"], t("fine_tune.method.full")]
    points = zip(curves["run"][0], mine, full, strict=True)
    rows = [[number(step), number(one, 2), number(other, 2)] for step, one, other in points]
    spec = loss_figure(lines, about, steps=config.steps, log=log, before=before)
    return spec, sentence, if_any(head, rows)
