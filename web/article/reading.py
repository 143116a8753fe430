"""The article as it is read, in one language or in two: which view is asked for, and its Markdown."""

from functools import cache

import streamlit as st

from content.catalog import LANGUAGES
from content.document import load
from content.model import Figure
from web.article import appendices, bilingual
from web.article.typesetting import Setter
from web.kit.i18n import t

VIEWS = ("read", "both", "listen")


def chosen_view() -> str:
    """The view that the URL asks for, until the reader chooses another; the URL follows."""
    asked = st.query_params.get("view", VIEWS[0])
    asked = asked if asked in VIEWS else VIEWS[0]
    if st.session_state.get("view_asked") != asked or "view" not in st.session_state:
        st.session_state["view_asked"] = st.session_state["view"] = asked  # by a link, or back and forward
    chosen = st.segmented_control(
        t("article.view"),
        VIEWS,
        format_func=lambda name: t(f"article.view_{name}"),
        key="view",
        required=True,
        label_visibility="collapsed",
    )
    view = chosen or VIEWS[0]
    if view != asked:
        st.session_state["view_asked"] = view
        if view == VIEWS[0]:
            del st.query_params["view"]
        else:
            st.query_params["view"] = view
    return view


@cache
def parts(language: str, *, both: bool) -> tuple[str | Figure, ...]:
    """The Markdown of the article from the summary to the references, cut where figures stand.

    Args:
        language: the reader's.
        both: the other language stands beside it.
    """
    article = load(language)
    titles = ["vh" if section is article.sections[0] else "" for section in article.sections]
    found: list[str | Figure]
    if not both:
        alone = Setter(article)
        found = [alone.summary()]
        for section, kind in zip(article.sections, titles, strict=True):
            found += alone.section(section, kind)
        return (*found, appendices.foot([alone]), appendices.terms([alone]), appendices.works(alone))
    first = Setter(article, "first")
    beside = Setter(load(next(other for other in LANGUAGES if other != language)), "beside")
    found = [bilingual.summary(first, beside)]
    for one, other, kind in zip(article.sections, beside.article.sections, titles, strict=True):
        found += bilingual.facing(first, beside, one, other, kind)
    pair = [first, beside]
    return (*found, appendices.foot(pair), appendices.terms(pair), appendices.works(first))
