"""From runs to figures: which curves stand on a chart, their names, and what is said of them in words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lab.bases.registry import BASES
from lora_core.matrix.low_rank import rank_for_energy
from web.fine_tune import words
from web.fine_tune.runs import Run
from web.kit.axes import Spec, Words
from web.kit.colours import method_colour
from web.kit.figures import Line, Rule, Spectrum, growth_figure, loss_figure, spectrum_figure
from web.kit.i18n import number, percent, t, tn
from widgets.figure.widget import Table

Drawn = tuple[Spec, str, Table | None]  # the figure, the same in a sentence, the same in numbers

SHOWN = {"loss": "validation", "accuracy": "accuracy"}
SHARE = 0.9  # of the energy of ΔW
GROWN = 8  # singular values that are followed over time


def loss_chart(run: Run, others: Sequence[Run], names: dict[str, str], *, show: str, log: bool) -> Drawn:
    """The watched run over earlier ones and full fine-tuning: the figure, a sentence, a table.

    Args:
        show: "loss" or "accuracy".
    """
    what = SHOWN[show]
    write = partial(number, digits=2) if show == "loss" else partial(percent, digits=0)
    lines = [_line(other, what, names[other.id], faint=True) for other in others if other != run]
    if run.curve("yardstick", what)[0]:
        steps, values = run.curve("yardstick", what)
        full = t("fine_tune.method.full")
        lines.append(Line(full, t("fine_tune.full_short"), steps, values, method_colour("full")))
    mine = _line(run, what, names[run.id])
    lines.append(mine)
    before = run.before(what)
    rule = None if before is None else Rule(before, t("fine_tune.before_level", value=write(before)))
    about = titles(t(f"fine_tune.axis.{show}.{kind(run)}"), show)
    longest = max(each.config.steps for each in (run, *others))
    spec = loss_figure(lines, about, steps=longest, log=log, before=rule)
    return spec, _in_words(run, what, names[run.id], write), _table(run, what, write)


def kind(run: Run) -> str:
    """What a run's task is about: "text" or "image"."""
    return BASES[run.config.base].kind


def titles(y: str, show: str) -> Words:
    return Words(
        x=t("fine_tune.axis.step"),
        y=y,
        x_format=lambda value: number(round(value)),
        y_format=partial(number, digits=1) if show == "loss" else partial(percent, digits=0),
        hover=t("fine_tune.hover", x="%{x}", y="%{y:.3f}"),
    )


def _line(run: Run, what: str, name: str, *, faint: bool = False) -> Line:
    steps, values = run.curve("run", what)
    live = not faint
    if live and values:
        shown = number(values[-1], 2) if what == "validation" else percent(values[-1])
        name = t("fine_tune.run.value", name=name, value=shown)
    return Line(name, name, steps, values, method_colour(words.method(run.config)), live=live, faint=faint)


def _in_words(run: Run, what: str, name: str, write: partial[str]) -> str:
    mine, full, before = run.result("run", what), run.result("yardstick", what), run.before(what)
    if mine is None or before is None:
        return t("fine_tune.alt.empty")
    sentence = t(
        "fine_tune.alt.curve",
        name=name,
        step=number(run.step),
        steps=number(run.config.steps),
        before=write(before),
        now=write(mine),
    )
    return sentence if full is None else f"{sentence} {t('fine_tune.alt.full', full=write(full))}"


def _table(run: Run, what: str, write: partial[str]) -> Table | None:
    steps, mine = run.curve("run", what)
    full = dict(zip(*run.curve("yardstick", what), strict=True))
    head = [t("fine_tune.axis.step"), t("fine_tune.this_run")]
    if full:
        head.append(t("fine_tune.method.full"))
    rows = [
        [number(step), write(value), *([write(full[step]) if step in full else ""] if full else [])]
        for step, value in zip(steps, mine, strict=True)
    ]
    return if_any(head, rows)


def spectrum_chart(run: Run, layer: str) -> Drawn:
    """Singular values of a layer's ΔW now, beside full fine-tuning's."""
    found = []
    for who, name in _who(run):
        over_time = run.spectra(who, layer)
        values = over_time[-1][1] if over_time else []
        found.append(Spectrum(name, values, _colour(run, who), live=who == "run"))
    titles = Words(
        x=t("fine_tune.axis.direction"),
        y=t("fine_tune.axis.value_log"),
        x_format=lambda value: number(round(value)),
        y_format=_small,
        hover=t("fine_tune.hover_value", x="%{x}", y="%{y:.3f}"),
    )
    head = [t("fine_tune.axis.direction"), *(each.name for each in found)]
    rows = [
        [number(i + 1), *(number(each.values[i], 3) if i < len(each.values) else "" for each in found)]
        for i in range(max((len(each.values) for each in found), default=0))
    ]
    drawn = list(reversed(found))  # the watched run on top
    return spectrum_figure(drawn, titles), _values_in_words(run, layer, found), if_any(head, rows)


def values_title(run: Run, layer: str) -> str:
    """What the singular values say now, as a title."""
    ours, *full = [_now(run, who, layer) for who, _ in _who(run)]
    if not any(ours):
        return t("fine_tune.values.title")
    n, share = rank_for_energy(ours, SHARE), percent(SHARE)
    if not full or not any(full[0]):
        return tn("fine_tune.values.found", n, share=share)
    return tn("fine_tune.values.found_both", n, share=share, full=number(rank_for_energy(full[0], SHARE)))


def growth_chart(run: Run, layer: str) -> Drawn:
    """The largest singular values of a layer's ΔW over the run."""
    lines, columns = [], []
    for who, name in reversed(_who(run)):
        over_time = run.spectra(who, layer)
        steps = [step for step, _ in over_time]
        count = min(GROWN, max((len(values) for _, values in over_time), default=0))
        for i in range(count):
            heights = [values[i] if i < len(values) else 0.0 for _, values in over_time]
            named = t("fine_tune.sigma", name=name) if i == 0 else ""
            lines.append(Line(named, named, steps, heights, _colour(run, who), faint=i > 0))
        if over_time:
            columns.append((name, {step: values[0] for step, values in over_time}))
    titles = Words(
        x=t("fine_tune.axis.step"),
        y=t("fine_tune.axis.value"),
        x_format=lambda value: number(round(value)),
        y_format=_small,
        hover=t("fine_tune.hover", x="%{x}", y="%{y:.3f}"),
    )
    steps = sorted({step for _, values in columns for step in values})
    rows = [
        [number(s), *(number(values[s], 3) if s in values else "" for _, values in columns)] for s in steps
    ]
    head = [t("fine_tune.axis.step"), *(t("fine_tune.sigma", name=name) for name, _ in columns)]
    spec = growth_figure(lines, titles, steps=run.config.steps)
    now = [Spectrum(name, _now(run, who, layer), "") for who, name in _who(run)]
    return spec, _values_in_words(run, layer, now), if_any(head, rows)


def if_any(head: list[str], rows: list[list[str]]) -> Table | None:
    return Table(head=head, rows=rows) if rows else None


def _who(run: Run) -> list[tuple[str, str]]:
    """The run and, if it trains beside, the yardstick, with their names."""
    mine = [("run", t(f"fine_tune.method.{words.method(run.config)}"))]
    return [*mine, ("yardstick", t("fine_tune.method.full"))] if run.config.yardstick else mine


def _colour(run: Run, who: str) -> str:
    return method_colour("full" if who == "yardstick" else words.method(run.config))


def _now(run: Run, who: str, layer: str) -> list[float]:
    over_time = run.spectra(who, layer)
    return over_time[-1][1] if over_time else []


def _values_in_words(run: Run, layer: str, found: Sequence[Spectrum]) -> str:
    known = [each for each in found if each.values]
    if not known:
        return t("fine_tune.alt.empty")
    parts = [
        t("fine_tune.alt.values", name=s.name, count=number(len(s.values)), largest=_small(s.values[0]))
        for s in known
    ]
    return t(
        "fine_tune.alt.spectrum", layer=words.layer(layer), step=number(run.step), values="; ".join(parts)
    )


def _small(value: float) -> str:
    """A number with as many decimals as it needs on an axis."""
    digits = next((d for d in range(5) if abs(value - round(value, d)) <= abs(value) * 0.02), 5)
    return number(value, digits)
