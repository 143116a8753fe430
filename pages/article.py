"""The article: read it, or listen to it."""

import streamlit as st

from content.document import load
from content.model import Figure
from web.article.figures import figure
from web.article.setting import Setter
from web.i18n import language, t
from web.listen import listen_view
from widgets.contents.widget import contents

VIEWS = ("read", "listen")


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


article = load(language())
setter = Setter(article)

with st.container(key="article_head"):
    st.markdown(setter.head(), unsafe_allow_html=True)
    view = chosen_view()

if view == "listen":
    listen_view(article)
else:
    with st.container(key="article"):
        with st.container(key="article_contents"):
            contents(
                [(section.id, section.title) for section in article.sections],
                key="contents",
                title=t("article.contents"),
                language=article.language,
            )
        with st.container(key="article_text"):
            st.markdown(setter.summary(), unsafe_allow_html=True)
            for section in article.sections:
                for part in setter.section(section, "vh" if section is article.sections[0] else ""):
                    if isinstance(part, Figure):
                        figure(part.name, article.figures.index(part) + 1)
                    else:
                        st.markdown(part, unsafe_allow_html=True)
            st.markdown(setter.foot(), unsafe_allow_html=True)
            st.markdown(setter.references(), unsafe_allow_html=True)
