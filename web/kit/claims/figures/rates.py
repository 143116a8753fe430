"""C2 and C3: learning rates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lab.claims import Result, sd
from lab.claims.base import Recipe
from web.kit.claims.chart import FULL, LORA, Axis, Chart, Level, Series, line
from web.kit.claims.words import axis, named, rank, rank_short, rate, small, three, two, whole
from web.kit.i18n import t

SOURCE = 9.8  # LoRA's best rate over full fine-tuning's, in the source
FAR = 1.4  # times the lowest loss
SHOWN = (0.25, 4.0, 512.0)  # of the alphas, so that the curves can be told apart
DASHES = ("dot", "dash", "longdash", "solid")
RULES = {
    "alpha/r": (LORA, "solid", False),
    "alpha/sqrt(r)": ("var(--m-rslora)", "solid", True),
    "constant": ("var(--subtle)", "dash", True),
}


def ratio(result: Result, recipe: Recipe) -> Chart:
    """LoRA's best rate over full fine-tuning's, by alpha: of the mean curves, with a bar of one standard
    deviation of the seeds' own ratios, in logarithms."""
    alphas, found = recipe["pictures"]["alphas"], result.extra.get("ratio", {})
    full = result.per_seed.get("pictures/full", [])
    at = {alpha: f"pictures/alpha={alpha:g}" for alpha in alphas}
    kept = [alpha for alpha in alphas if at[alpha] in found]
    ends = []
    for alpha in kept:
        pairs = zip(result.per_seed.get(at[alpha], []), full, strict=False)
        logs = [math.log(a / b) for a, b in pairs if a and b]
        away = math.exp(sd(logs)) if logs else 1.0
        ends.append((found[at[alpha]] / away, found[at[alpha]] * away))
    few = [alpha for alpha in alphas if alpha in (0.25, 1, 4, 32, 128, 512)]
    return Chart(
        (Series("", kept, [found[at[alpha]] for alpha in kept], ends=ends),),
        Axis(axis("alpha"), _alpha, log=True, ticks=alphas, few=few),
        Axis(axis("best_ratio"), small, log=True, ticks=(0.1, 0.3, 1, 3, 10, 30)),
        levels=(Level(SOURCE, t("experiments.series.source", value=small(SOURCE))),),
        precise=two,
    )


def text(result: Result, recipe: Recipe) -> Chart:
    """Loss against learning rate on text, by rank."""
    ranks = recipe["text"]["ranks"]
    drawn = [
        line(rank(r), result.curves.get(f"text/r{r}"), short=rank_short(r), dash=dash)
        for r, dash in zip(ranks, _dashes(ranks), strict=True)
    ]
    full = line(named("full_long"), result.curves.get("text/full"), short=named("full"), colour=FULL)
    return _u_curves([*drawn, full], axis("loss_text"))


def pictures(result: Result, recipe: Recipe) -> Chart:
    """Loss against learning rate on pictures, by alpha."""
    alphas = [alpha for alpha in recipe["pictures"]["alphas"] if alpha in SHOWN]
    drawn = [
        line(
            f"α = {_alpha(a)}", result.curves.get(f"pictures/alpha={a:g}"), short=f"α {_alpha(a)}", dash=dash
        )
        for a, dash in zip(alphas, _dashes(alphas), strict=True)
    ]
    full = line(named("full_long"), result.curves.get("pictures/full"), short=named("full"), colour=FULL)
    return _u_curves([*drawn, full], axis("loss_picture"))


def _u_curves(drawn: Iterable[Series], y: str) -> Chart:
    """What lies far above the lowest loss is left out: there runs diverge."""
    curves = list(drawn)
    lowest = min((min(each.y) for each in curves if each.y), default=None)
    most = None if lowest is None else FAR * lowest
    return Chart(
        tuple(each if most is None else _up_to(most, each) for each in curves),
        Axis(axis("rate"), rate, log=True, ticks=(3e-4, 1e-3, 3e-3, 1e-2, 3e-2), few=(1e-3, 1e-2)),
        Axis(y, two, high=most),
        precise=three,
    )


def _up_to(most: float, curve: Series) -> Series:
    kept = [i for i, y in enumerate(curve.y) if y <= most]
    x, y, spread = ([each[i] for i in kept] if each else [] for each in (curve.x, curve.y, curve.spread))
    return replace(curve, x=x, y=y, spread=spread)


def best_text(result: Result, recipe: Recipe) -> Chart:
    return _best("text", result, recipe)


def best_pictures(result: Result, recipe: Recipe) -> Chart:
    return _best("pictures", result, recipe)


def _best(part: str, result: Result, recipe: Recipe) -> Chart:
    """The best rate by rank under three rules for γ; the bar is where the loss is about as low."""
    ranks, optima = recipe[part]["ranks"], result.extra.get("optima", {})
    drawn = []
    for rule, (colour, dash, hollow) in RULES.items():
        at = {r: f"{part}/{rule}:r{r}" for r in ranks}
        kept = [r for r in ranks if at[r] in result.chosen and optima.get(at[r], {}).get("low")]
        drawn.append(
            Series(
                t(f"experiments.choice.{rule}"),
                kept,
                [result.chosen[at[r]] for r in kept],
                ends=[(optima[at[r]]["low"], optima[at[r]]["high"]) for r in kept],
                colour=colour,
                dash=dash,
                hollow=hollow,
            )
        )
    return Chart(
        tuple(reversed(drawn)),
        Axis(axis("rank"), whole, log=True, ticks=ranks, few=[r for r in ranks if r in (1, 4, 16, 64)]),
        Axis(axis("best_rate"), rate, log=True, ticks=(3e-4, 1e-3, 3e-3, 1e-2, 3e-2)),
    )


def _alpha(value: float) -> str:
    return "¼" if value == 0.25 else whole(value)


def _dashes(values: Sequence[float]) -> Sequence[str]:
    return DASHES[-len(values) :]
