"""The article: read it, in one language or two, or listen to it."""

import streamlit as st

from content.document import load
from web.article.page import chosen_view, reading_view
from web.article.transcript import listen_view
from web.article.typesetting import Setter
from web.kit.i18n import language, t
from widgets.tour.widget import tour_button

article = load(language())

with st.container(key="article_head"):
    st.markdown(Setter(article).head(), unsafe_allow_html=True)
    view = chosen_view()
    tour_button(t("tour.start"))

if view == "listen":
    listen_view(article)
else:
    reading_view(article, both=view == "both")
