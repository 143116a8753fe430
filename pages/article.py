"""The article: read it, in one language or two, or listen to it."""

import streamlit as st

from content.document import load
from content.model import Figure
from web.article.citations import bibtex, our_bibtex, source
from web.article.claims import claim
from web.article.figures import figure
from web.article.reading import chosen_view, parts
from web.article.transcript import transcript
from web.article.typesetting import Setter
from web.kit.i18n import group, language, t
from widgets.citation.widget import Entry, citation
from widgets.contents.widget import contents
from widgets.glossary.widget import glossary
from widgets.player.widget import chapter_list, listen_card
from widgets.tour.widget import tour_button

article = load(language())

with st.container(key="article_head"):
    st.markdown(Setter(article).head(), unsafe_allow_html=True)
    view = chosen_view()
    tour_button(t("tour.start"))

if view == "listen":
    with st.container(key="listen"):
        with st.container(key="listen_side"):
            listen_card(title=article.title.partition(": ")[0])
            chapter_list()
        with st.container(key="listen_text"):
            st.markdown("\n\n".join(transcript(article)), unsafe_allow_html=True)
else:
    with st.container(key="article"):
        with st.container(key="article_contents"):
            sections = [(section.id, section.title) for section in article.sections]
            contents(sections, key="contents", title=t("article.contents"), language=article.language)
        with st.container(key="article_text"):
            own = [slot for slot in article.figures if slot.kind == "figure"]
            for part in parts(article.language, both=view == "both"):
                if not isinstance(part, Figure):
                    st.markdown(part, unsafe_allow_html=True)
                elif part.kind == "claim":
                    claim(part.name)
                else:
                    figure(part.name, own.index(part) + 1)
            entries = [
                Entry(t("article.cite_source"), bibtex(source())),
                Entry(t("article.cite_ours"), our_bibtex(article)),
            ]
            citation(entries, key="citation", title=t("article.cite"), text=group("article.copy"))
    glossary()
