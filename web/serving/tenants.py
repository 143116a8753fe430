"""A card for each tenant: who it is, its adapter's picture, what it makes of the prompt. All escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import streamlit as st
from markupsafe import Markup

from lab.bases import tenants
from lab.bases.tenants import TENANTS
from web.kit.i18n import number, t
from web.kit.text import language_of
from widgets.heatmap.widget import Matrix, heatmap

LAYER = "blocks.1.attn.proj"
"""The layer whose ΔW is shown: square, and the last before the MLP that writes."""
BASE = "base"


def sign(name: str) -> str:
    """A tenant's number, which tells it apart without its colour."""
    return str(list(TENANTS).index(name) + 1)


def colour(name: str) -> str:
    """The token of a tenant's colour."""
    return f"--tenant-{name}"


@cache
def limit() -> float:
    """The end of the colour scale, the same for all pictures: a few entries lie beyond it."""
    entries = np.concatenate([np.abs(tenants.delta(name, LAYER)).ravel() for name in TENANTS])
    return float(np.quantile(entries, 0.995))


def cards(texts: Mapping[str, str] | None, prompt: str, *, writing: bool) -> None:
    """The base and every tenant."""
    with st.container(key="sv_cards"):
        for name in (BASE, *TENANTS):
            with st.container(key=f"sv_card_{name}"):
                _card(name, texts, prompt, writing=writing)


def _card(name: str, texts: Mapping[str, str] | None, prompt: str, *, writing: bool) -> None:
    title = t(f"serving.tenant.{name}")
    with st.container(key=f"sv_who_{name}", horizontal=True, gap="small"):
        _picture(name, title)
        st.html(_who(name, title))
    text = texts.get(name) if texts else None
    st.html(_waiting(writing=writing) if text is None else _text(title, prompt, text))


def _waiting(*, writing: bool) -> Markup:
    text = t("serving.texts.starting") if writing else t("serving.texts.none")
    return Markup('<p class="sv-text sv-wait">{}</p>').format(text)


def _text(title: str, prompt: str, text: str) -> Markup:
    return Markup(
        '<pre class="sv-text" tabindex="0" role="region" lang="{}" aria-label="{}"><b>{}</b>{}</pre>'
    ).format(language_of(text), title, prompt.strip("\n"), text[len(prompt) :].strip("\n"))


def _who(name: str, title: str) -> Markup:
    about = t(f"serving.tenant_about.{name}")
    if name == BASE:
        return Markup('<div class="sv-who"><h3>{}</h3><p>{}</p></div>').format(title, about)
    record = tenants.record(name)
    facts = t(
        "serving.tenant_facts",
        rank=number(TENANTS[name].rank),
        size=number(tenants.file_bytes(name) / 1000, 0),
        before=number(record["base_loss"], 2),
        after=number(record["validation_loss"], 2),
    )
    return Markup(
        '<div class="sv-who"><h3><span class="sv-sign" style="background:var({})"></span>'
        '{} {}</h3><p>{}</p><p class="num">{}</p></div>'
    ).format(colour(name), sign(name), title, about, facts)


def _picture(name: str, title: str) -> None:
    delta = np.zeros((64, 64), np.float32) if name == BASE else tenants.delta(name, LAYER)
    if name == BASE:
        alt = t("serving.delta.none")
    else:
        alt = t("serving.delta.alt", name=title, norm=number(float(np.linalg.norm(delta)), 2))
    heatmap(
        [Matrix(delta, alt)],
        key=f"sv_delta_{name}",
        label=t("serving.delta.label", name=title),
        limit=limit(),
        palette="div",
        size=(88, 88),
        least="5.5rem",
    )
