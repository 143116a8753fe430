"""Every figure and claim of the source beside what stands here for it."""

from __future__ import annotations

from markupsafe import Markup

from web.kit.claims import card
from web.kit.claims.figures import FIGURES
from web.kit.i18n import t
from web.kit.text import escape

# In the source's order: what it shows -> the experiments that stand for it; none where we show nothing.
ITEMS: dict[str, tuple[str, ...]] = {
    "figure_1": ("c01_capacity",),
    "figure_2": ("c02_learning_rate", "c03_rank"),
    "figure_3": ("c05_batch",),
    "figure_4": ("c04_layers",),
    "table_1": ("c04_layers",),
    "figure_5": ("c04_layers",),
    "figure_6": ("c06_reinforcement",),
    "figure_7": (),
    "figure_8": (),
    "bits_reward": ("c06_reinforcement",),
    "four_are_two": ("c07_invariance",),
    "figure_9": ("early_curves",),
    "ratio": ("c02_learning_rate",),
    "warmup": ("c08_warmup",),
    "kernel": ("c11_kernel",),
    "bits": ("c10_bits",),
    "compute": ("c09_compute",),
    "pretraining": ("c12_forgetting",),
    "experts": (),
    "variants": ("methods_race",),
}


COLUMNS = ("source", "ours", "verdict")


def comparison() -> Markup:
    """The comparison as HTML."""
    heads = (
        Markup('<th scope="col">{}</th>').format(escape(t(f"experiments.compare.{name}"))) for name in COLUMNS
    )
    return Markup(
        '<section class="ex-compare" aria-labelledby="compare"><h2 id="compare">{}</h2>'
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></section>"
    ).format(
        escape(t("experiments.compare.title")), Markup("").join(heads), Markup("").join(map(_row, ITEMS))
    )


def _row(item: str) -> Markup:
    names = [name for name in ITEMS[item] if name in FIGURES]
    links = [
        Markup('<a href="#{}">{}</a>').format(name, escape(t(f"experiments.{name}.title"))) for name in names
    ] or [escape(t("experiments.compare.nothing"))]
    verdicts = [
        card.verdict(found.verdict.outcome) if (found := card.record(name)) else Markup("—") for name in names
    ] or [Markup("—")]
    title, about, ours = (escape(t(f"experiments.item.{item}{part}")) for part in ("", ".about", ".ours"))
    return Markup(
        '<tr><th scope="row"><b>{}</b><span>{}</span></th>'
        '<td><span class="ex-links">{}</span><span>{}</span></td><td>{}</td></tr>'
    ).format(title, about, Markup("").join(links), ours, Markup("").join(verdicts))
