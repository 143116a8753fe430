"""The article as it is read, in one language or in two."""

from functools import cache

import streamlit as st

from content.catalog import LANGUAGES
from content.document import load
from content.model import Article, Figure
from web.article import appendices, bilingual
from web.article.citations import bibtex, our_bibtex, source
from web.article.claims import claim
from web.article.figures import figure
from web.article.typesetting import Setter
from web.kit.i18n import group, t
from widgets.citation.widget import Entry, citation
from widgets.contents.widget import contents
from widgets.glossary.widget import glossary

VIEWS = ("read", "both", "listen")


def chosen_view() -> str:
    """The view that the URL asks for, until the reader chooses another; the URL follows."""
    asked = st.query_params.get("view", VIEWS[0])
    asked = asked if asked in VIEWS else VIEWS[0]
    if st.session_state.get("view_asked") != asked or "view" not in st.session_state:
        st.session_state["view_asked"] = st.session_state["view"] = asked  # by a link, or back and forward
    view = st.segmented_control(
        t("article.view"),
        VIEWS,
        format_func=lambda name: t(f"article.view_{name}"),
        key="view",
        required=True,
        label_visibility="collapsed",
    )
    if view != asked:
        st.session_state["view_asked"] = view
        if view == VIEWS[0]:
            del st.query_params["view"]
        else:
            st.query_params["view"] = view
    return view


@cache
def text(language: str, both: bool) -> tuple[str | Figure, ...]:
    """The Markdown of the article from the summary to the references, cut where figures stand.

    Args:
        language: the reader's.
        both: the other language stands beside it.
    """
    article = load(language)
    titles = ["vh" if section is article.sections[0] else "" for section in article.sections]
    if not both:
        alone = Setter(article)
        parts = [alone.summary()]
        for section, kind in zip(article.sections, titles, strict=True):
            parts += alone.section(section, kind)
        return (*parts, appendices.foot([alone]), appendices.terms([alone]), appendices.works(alone))
    first = Setter(article, "first")
    beside = Setter(load(next(other for other in LANGUAGES if other != language)), "beside")
    parts = [bilingual.summary(first, beside)]
    for one, other, kind in zip(article.sections, beside.article.sections, titles, strict=True):
        parts += bilingual.facing(first, beside, one, other, kind)
    return (
        *parts,
        appendices.foot([first, beside]),
        appendices.terms([first, beside]),
        appendices.works(first),
    )


def reading_view(article: Article, *, both: bool) -> None:
    """Contents, text with its figures, notes, glossary, references, and how to cite."""
    own = [slot for slot in article.figures if slot.kind == "figure"]
    with st.container(key="article"):
        with st.container(key="article_contents"):
            contents(
                [(section.id, section.title) for section in article.sections],
                key="contents",
                title=t("article.contents"),
                language=article.language,
            )
        with st.container(key="article_text"):
            for part in text(article.language, both):
                if not isinstance(part, Figure):
                    st.markdown(part, unsafe_allow_html=True)
                elif part.kind == "claim":
                    claim(part.name)
                else:
                    figure(part.name, own.index(part) + 1)
            citation(
                [
                    Entry(t("article.cite_source"), bibtex(source())),
                    Entry(t("article.cite_ours"), our_bibtex(article)),
                ],
                key="citation",
                title=t("article.cite"),
                text=group("article.copy"),
            )
    glossary()
