"""Every figure and claim of the source beside what stands here for it."""

from __future__ import annotations

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


def table() -> str:
    """The comparison as HTML."""
    heads = "".join(f'<th scope="col">{escape(t(f"experiments.compare.{name}"))}</th>' for name in COLUMNS)
    rows = "".join(map(_row, ITEMS))
    title = escape(t("experiments.compare.title"))
    return (
        f'<section class="ex-compare" aria-labelledby="compare"><h2 id="compare">{title}</h2>'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></section>"
    )


COLUMNS = ("source", "ours", "verdict")


def _row(item: str) -> str:
    names = [name for name in ITEMS[item] if name in FIGURES]
    links = "".join(
        f'<a href="#{name}">{escape(t(f"experiments.{name}.title"))}</a>' for name in names
    ) or escape(t("experiments.compare.nothing"))
    verdicts = "".join(
        card.verdict(found.verdict.outcome) if (found := card.record(name)) else "—" for name in names
    )
    about = escape(t(f"experiments.item.{item}.about"))
    ours = escape(t(f"experiments.item.{item}.ours"))
    return (
        f'<tr><th scope="row"><b>{escape(t(f"experiments.item.{item}"))}</b><span>{about}</span></th>'
        f'<td><span class="ex-links">{links}</span><span>{ours}</span></td><td>{verdicts or "—"}</td></tr>'
    )
