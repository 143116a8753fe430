"""One claim: what the source says, what we saw, the verdict by rule, the figure. Nothing here runs anything.

`claim_figure(name, key)` and `verdict(outcome)` are for any page that speaks of a claim.
"""

from __future__ import annotations

import datetime
from functools import cache
from urllib.parse import urlencode

import streamlit as st
from markupsafe import Markup

from lab.claims import Record, read
from web.kit.axes import Spec
from web.kit.claims.chart import Chart, overlay
from web.kit.claims.draw import spec_of
from web.kit.claims.figures import FIGURES, VIEWS
from web.kit.claims.words import shown
from web.kit.i18n import day, duration, group, language, number, t, tn
from web.kit.text import escape
from widgets.figure.widget import Table, figure

RULES = {"methods_race": "race"}  # how the checks make a verdict, where not as everywhere
NOTE = Markup('<p class="note-s">{}</p>')
OUTCOMES = ("reproduces", "partly", "does_not")


@cache
def record(name: str) -> Record | None:
    """The recorded run of a claim; None while there is none."""
    return read(name)


def verdict(outcome: str) -> Markup:
    """A verdict as HTML: a full, half or open disc, then words."""
    mark = Markup('<span class="verdict {}">{}</span>')
    return mark.format(outcome, t(f"experiments.verdict.{outcome}"))


def claim_figure(name: str, key: str, view: str | None = None) -> None:
    """The recorded figure of a claim, under a title that says what it shows.

    Args:
        view: one of VIEWS[name]; the first unless given.
    """
    found = record(name)
    if found is None:
        return
    shown_view = view or VIEWS[name][0]
    st.html(finding(found, shown_view))
    spec, rows = recorded(name, shown_view, language())
    alt = t(f"experiments.{name}.finding.{shown_view}", **facts(found))
    figure(spec, key=key, alt=alt, text=group("figure"), table=rows)


@cache
def recorded(name: str, view: str, language: str) -> tuple[Spec, Table | None]:
    """The figure of a record and its table, made once in a language: a page may show many."""
    found = record(name)
    assert found is not None
    chart = FIGURES[name][view](found.result, found.recipe)
    return spec_of(chart), table(chart)


def draw(name: str, view: str, key: str, chart: Chart, behind: Chart | None = None) -> None:
    """A chart, over the record if there is one behind it."""
    whole = chart if behind is None else overlay(behind, chart)
    found = record(name)
    alt = t(f"experiments.{name}.finding.{view}", **facts(found)) if found else t(f"experiments.{name}.title")
    figure(spec_of(whole), key=key, alt=alt, text=group("figure"), table=table(whole))


def finding(found: Record, view: str) -> Markup:
    """What a figure shows, in a sentence of HTML."""
    text = t(f"experiments.{found.name}.finding.{view}", **facts(found))
    return Markup('<p class="ex-finding">{}</p>').format(escape(text))


def facts(found: Record) -> dict[str, float | str]:
    """What a sentence on a record may speak of: the verdict's numbers, the recipe's single values, means.

    A dot in a name is an underscore, as a dot in a field of a string has a meaning of its own.
    """
    values = {key: value for key, value in found.recipe.items() if isinstance(value, int | float | str)}
    values |= {f"mean_{name}": found.result.mean(name) for name in found.result.per_seed}
    optima = found.result.extra.get("optima", {})
    values |= {f"best_{name}": best["loss"] for name, best in optima.items() if best["loss"] is not None}
    values |= {key: value for key, value in found.verdict.numbers.items() if value is not None}
    return shown({key.replace(".", "_"): value for key, value in values.items()})


def table(chart: Chart) -> Table | None:
    """The numbers of a chart, a row a point."""
    write = chart.precise or (chart.x.format if chart.rows else chart.y.format)
    body = []
    for series in chart.series:
        name = t("experiments.table.recorded", name=series.name) if series.faint else series.name
        for i, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
            at = chart.x.format(x)
            spread = write(series.spread[i]) if series.spread else ""
            if series.ends:
                spread = "–".join(map(write, series.ends[i]))
            body.append([name, write(x), spread] if chart.rows else [name, at, write(y), spread])
    if not body:
        return None
    ends = [chart.x.title] if chart.rows else [chart.x.title, chart.y.title]
    return Table(head=[t("experiments.table.series"), *ends, t("experiments.table.spread")], rows=body)


def heading(name: str) -> Markup:
    """The claim's name, where its link leads."""
    return Markup('<h2 id="{}">{}</h2>').format(name, escape(t(f"experiments.{name}.title")))


def words(name: str) -> Markup:
    """Title, verdict and sentences of a card, as HTML."""
    found = record(name)
    seen, labelled = Markup('<p class="ex-seen">{}</p>'), Markup("<b>{}</b> {}")
    lines: list[Markup] = []
    if found is None:
        lines.append(NOTE.format(escape(t("experiments.unrecorded"))))
    else:
        outcome = found.verdict.outcome
        lines.append(Markup("<p>{}</p>").format(verdict(outcome)))
        lines.append(seen.format(escape(t(f"experiments.{name}.seen", **facts(found)))))
        if outcome != "reproduces":
            why = escape(t(f"experiments.{name}.why", **facts(found)))
            lines.append(seen.format(labelled.format(escape(t("experiments.why")), why)))
    claim = labelled.format(escape(t("experiments.source")), escape(t(f"experiments.{name}.claim")))
    lines.append(Markup('<p class="ex-claim">{}</p>').format(claim))
    if found is not None:
        lines.append(NOTE.format(escape(setup(found))))
    return Markup("").join(lines)


def setup(found: Record) -> str:
    """Model, task, seeds, date and time of a record in one line."""
    parts = [t(f"experiments.{found.name}.setup", **facts(found))]
    if found.deterministic:
        parts.append(t("experiments.exact"))
    else:
        parts.append(tn("experiments.seeds", len(found.seeds)))
    parts += [day(datetime.date.fromisoformat(found.date)), duration(found.seconds)]
    return " · ".join(parts)


def making(name: str) -> Markup:
    """How a record was judged and made, and its numbers to take home: HTML to be opened."""
    found = record(name)
    if found is None:
        return Markup("")
    check = Markup('<li class="{}"><span>{}</span> {}</li>')
    checks = [
        check.format(
            "held" if held else "failed",
            t(f"experiments.check.{held}".lower()),
            escape(t(f"experiments.{name}.check.{key}", **facts(found))),
        )
        for key, held in found.verdict.checks.items()
    ]
    file = Markup('<a href="./results/{}.{}" download>{}</a>')
    files = [file.format(name, kind, t(f"experiments.download.{kind}")) for kind in ("csv", "json")]
    versions = ", ".join(f"{package} {version}" for package, version in found.versions.items())
    return Markup(
        "<details class='ex-making'><summary>{summary}</summary><p>{rule}</p><ul>{checks}</ul>"
        "<p>{made}</p><pre translate='no'>python -m lab.claims run {name}</pre><p>{files}</p></details>"
    ).format(
        summary=t("experiments.making"),
        rule=escape(t(f"experiments.rule.{RULES.get(name, 'central')}")),
        checks=Markup("").join(checks),
        made=escape(t("experiments.made", machine=found.machine, versions=versions)),
        name=name,
        files=Markup(" · ").join(files),
    )


def place(name: str) -> Markup:
    """What stands in the first column, as HTML: the claim's number."""
    numbered = name[1:3].isdigit()
    text = number(int(name[1:3])) if numbered else t(f"experiments.{name}.place")
    line = Markup('<p class="ex-place{}" aria-hidden="true">{}</p>')
    return line.format("" if numbered else " long", escape(text))


def link(name: str, query: dict[str, str]) -> str:
    """The address of a card in a state, relative to any page."""
    return f"./experiments?{urlencode({'lang': language(), **query})}#{name}"
