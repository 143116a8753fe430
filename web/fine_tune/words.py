"""Names of things on the page in the reader's language. `tasks.who.*` may hold markup; the rest is plain."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from lab.runs.config import TrainConfig
from web.fine_tune.experiment import CONTROLS, QUIET, VIEWS, InvalidValue, presets
from web.fine_tune.runs import Run, distinguishing
from web.kit.i18n import number, scientific, t, tn
from web.kit.refusals import clipped, written

# What tells two runs of one method and rank apart, the most telling first.
FIELDS = ("lr", "alpha", "targets", "batch", "steps", "seed", "gamma", "dropout")


def bold(text: str) -> Markup:
    return Markup("<b>{}</b>").format(text)


def method(config: TrainConfig) -> str:
    return "full" if config.adapter is None else config.adapter.method


def sentence(config: TrainConfig, tense: str) -> Markup:
    """The experiment as one sentence of HTML; tense is "will", "now" or "done"."""
    if config.adapter is None:
        how = t("fine_tune.how.full")
    else:
        name = t(f"fine_tune.method.{config.adapter.method}")
        how = t("fine_tune.how.adapter", method=name, rank=number(config.adapter.rank))
    return Markup(t(f"fine_tune.say.{tense}")).format(
        who=Markup(t(f"tasks.who.{config.base}")), what=bold(t(f"tasks.what.{config.task}")), how=bold(how)
    )


def layer(name: str) -> str:
    """`blocks.1.mlp.up` as a reader calls it: block 2, MLP up."""
    parts = name.split(".")
    if parts[0] != "blocks":
        return t(f"fine_tune.part.{name}")
    if len(parts) == 2:
        return t("fine_tune.layer.plain", n=number(int(parts[1]) + 1))
    return t(
        "fine_tune.layer.block", n=number(int(parts[1]) + 1), part=t(f"fine_tune.part.{'.'.join(parts[2:])}")
    )


def targets(base: str, text: str) -> str:
    """A choice of layers: the preset's name, or the list of names that a link brought."""
    for name, value in presets(base).items():
        if value == text:
            return t(f"fine_tune.targets.{name}")
    return text.removeprefix("names:").replace(",", ", ")


def control(key: str) -> str:
    """The name of a control, or of a setting that only a link can change."""
    if key in CONTROLS or key in QUIET:
        return t(f"fine_tune.control.{key}")
    return t(f"fine_tune.{key}")


def label(key: str, value: str, base: str) -> str:
    """A value of the URL as its control shows it; `base` is the one whose layers `targets` chooses from."""
    match key:
        case "base":
            return t(f"tasks.base.{value}")
        case "task":
            return t(f"tasks.task.{value}")
        case "method":
            return t(f"fine_tune.method.{value}")
        case "targets":
            return targets(base, value)
        case "lr":
            return scientific(float(value))
        case "gamma":
            return t(f"experiments.choice.{value}")
        case "yardstick":
            return t(f"fine_tune.yardstick.{value}")
        case "layer":
            return layer(value)
    return t(f"fine_tune.{key}.{value}") if key in VIEWS else number(float(value))


def setting(name: str, run: Run) -> str:
    """One setting of a run with its name: `α 16`, `seed 3`."""
    if name == "steps":
        return tn("fine_tune.setting.steps", run.steps)
    config = run.config
    return t(f"fine_tune.setting.{name}", value=label(name, config.to_query()[name], config.base))


def run_name(config: TrainConfig) -> str:
    """Method and rank."""
    if config.adapter is None:
        return t("fine_tune.method.full")
    how, rank = t(f"fine_tune.method.{config.adapter.method}"), number(config.adapter.rank)
    return t("fine_tune.run", method=how, rank=rank)


def run_names(runs: Sequence[Run]) -> dict[str, str]:
    """A short name for each run: method and rank, and what tells it from its twins."""
    settings = distinguishing(runs, FIELDS)
    names = {}
    for run in runs:
        names[run.id] = " ".join(
            [run_name(run.config), *(setting(field, run) for field in settings[run.id][:2])]
        )
    twice = {name for name in names.values() if list(names.values()).count(name) > 1}
    for run in runs:
        if names[run.id] in twice:
            names[run.id] = t("fine_tune.run.again", name=names[run.id], n=number(run.number))
    return names


def invalid(found: InvalidValue, base: str) -> str:
    """Why a value of the link is not used, and what is. The value stays as the link has it."""
    return unusable(found, control(found.key), label(found.key, found.used, base))


def unusable(found: InvalidValue, name: str, used: str) -> str:
    """The same, of a setting that is called `name` and stands at `used` now."""
    asked, why = clipped(found.value), found.error
    if why.key == "range":
        low, high = (written(why.values["field"], why.values[end]) for end in ("low", "high"))
        return t("fine_tune.link.range", name=name, value=asked, used=used, low=low, high=high)
    return t("fine_tune.link.other", name=name, value=asked, used=used)
