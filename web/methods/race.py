"""The race of all nine: the record, how to read its error bars, and live with chosen methods."""

from __future__ import annotations

import streamlit as st
from markupsafe import Markup

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
READING = Markup(
    "<h3>{title}</h3><p>{about}</p><p>{findings}</p>"
    '<table class="mt-cost mt-race"><caption>{caption}</caption>'
    "<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>"
)
ROW = Markup('<tr><th scope="row"><i style="background:{token}"></i>{name}</th>{cells}</tr>')


def race() -> None:
    """The same card as on the experiments page, and the leads behind its error bars."""
    page = state("methods_page", [NAME])
    page.read_url()
    page.jobs.sync()
    live_card(page, NAME)
    if found := record(NAME):
        with st.container(key="mt_leads"):
            st.html(reading(found))


def reading(found: Record) -> Markup:
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
    findings = " ".join(sentence(steps, names) for steps, names in counted.items())
    after = [escape(t("methods.race.after", steps=number(steps))) for steps in horizons]
    rows = [
        ROW.format(
            token=MEMBERS[each].token,
            name=MEMBERS[each].name,
            cells=Markup("").join(_cell(found, each, steps, each in counted[steps]) for steps in horizons),
        )
        for each in VARIANTS
    ]
    return READING.format(
        title=escape(t("methods.race.title")),
        about=escape(about),
        findings=escape(findings),
        caption=escape(t("methods.race.caption")),
        heads=Markup("").join(map(Markup('<th scope="col">{}</th>').format, after)),
        rows=Markup("").join(rows),
    )


def sentence(steps: int, names: list[str]) -> str:
    """Which methods beat LoRA after so many steps."""
    if not names:
        return t("methods.race.none", steps=number(steps))
    listed = ", ".join(MEMBERS[name].name for name in names)
    return t("methods.race.some", steps=number(steps), names=listed)


def _cell(found: Record, method: str, steps: int, counts: bool) -> Markup:
    lead, error = found.result.gap(f"lora/{steps}", f"{method}/{steps}")
    sign = "+" if lead > 0 else "−"
    text = Markup("{}{} <span>± {}</span>").format(sign, number(abs(lead), 3), number(error, 3))
    if counts:
        marked = Markup('<td class="mt-other">{}<i class="vh"> {}</i></td>')
        return marked.format(text, escape(t("methods.race.counts")))
    return Markup("<td>{}</td>").format(text)
