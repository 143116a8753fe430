"""The race of all nine: the record, how to read its error bars, and live with chosen methods."""

from __future__ import annotations

import streamlit as st

from lab.claims import Record
from lab.claims.methods_race import CHANCE, FELT, better_than_lora
from lora_core.config import METHODS
from web.kit.claims.card import record
from web.kit.claims.live import live_card
from web.kit.claims.state import state
from web.kit.i18n import number, percent, t
from web.kit.text import escape
from web.methods.family import MEMBERS

NAME = "methods_race"
VARIANTS = METHODS[1:]


def race() -> None:
    """The same card as on the experiments page, and the leads behind its error bars."""
    page = state("methods_page", [NAME])
    page.read_url()
    page.jobs.sync()
    live_card(page, NAME)
    if found := record(NAME):
        with st.container(key="mt_leads"):
            st.html(reading(found))


def reading(found: Record) -> str:
    """How to read the bars, and the leads over LoRA, seed by seed: which of them count."""
    horizons = [int(steps) for steps in found.recipe["horizons"]]
    comparisons = len(VARIANTS) * len(horizons)
    counted = {
        steps: [each for each in VARIANTS if better_than_lora(found.result, each, steps, comparisons)]
        for steps in horizons
    }
    about = t(
        "methods.race.bars",
        seeds=number(len(found.seeds)),
        comparisons=number(comparisons),
        odds=number(comparisons / CHANCE),
        felt=percent(FELT),
    )
    told = " ".join(sentence(steps, names) for steps, names in counted.items())
    heads = "".join(
        f'<th scope="col">{escape(t("methods.race.after", steps=number(steps)))}</th>' for steps in horizons
    )
    rows = "".join(
        f'<tr><th scope="row"><i style="background:{MEMBERS[each].token}"></i>{MEMBERS[each].name}</th>'
        + "".join(_cell(found, each, steps, each in counted[steps]) for steps in horizons)
        + "</tr>"
        for each in VARIANTS
    )
    return (
        f"<h3>{escape(t('methods.race.title'))}</h3><p>{escape(about)}</p><p>{escape(told)}</p>"
        f'<table class="mt-cost mt-race"><caption>{escape(t("methods.race.caption"))}</caption>'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def sentence(steps: int, names: list[str]) -> str:
    """Which methods beat LoRA after so many steps."""
    if not names:
        return t("methods.race.none", steps=number(steps))
    listed = ", ".join(MEMBERS[name].name for name in names)
    return t("methods.race.some", steps=number(steps), names=listed)


def _cell(found: Record, method: str, steps: int, counts: bool) -> str:
    lead, error = found.result.gap(f"lora/{steps}", f"{method}/{steps}")
    sign = "+" if lead > 0 else "−"
    text = f"{sign}{number(abs(lead), 3)} <span>± {number(error, 3)}</span>"
    if counts:
        return f'<td class="mt-other">{text}<i class="vh"> {escape(t("methods.race.counts"))}</i></td>'
    return f"<td>{text}</td>"
