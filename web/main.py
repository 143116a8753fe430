"""The frame of every page: language, document, navigation, then the page itself."""

import streamlit as st

from content.catalog import LANGUAGES
from web.frame.navigation import PAGES
from web.frame.player import frame_player
from web.frame.share import addresses
from web.frame.tour import frame_tour
from web.kit.i18n import group, language, t
from widgets.document.widget import document
from widgets.share.widget import share

if "lang" not in st.session_state and st.query_params.get("lang") not in LANGUAGES:
    st.session_state["lang"] = language()  # an address from within; the server leads all others to a language

pages = [
    st.Page(page.file, title=t(f"page.{page.key}"), url_path=page.path or None, default=not page.path)
    for page in PAGES
]
page = st.navigation(pages, position="top")
st.set_page_config(page_title=f"{page.title} · {t('frame.name')}", layout="wide")

with st.container(key="bar", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.page_link(pages[0], label=t("frame.name"))
    share(addresses=addresses(), text=group("share"))
    st.segmented_control(
        t("frame.language"),
        LANGUAGES,
        required=True,
        key="lang",
        bind="query-params",
        label_visibility="collapsed",
    )
document(language(), group("document"))
if frame_player():
    st.switch_page(pages[0], query_params={"view": "listen"})
if led := frame_tour():
    target = next(each for each, known in zip(pages, PAGES, strict=True) if known.key == led)
    st.switch_page(target, query_params={})

page.run()
