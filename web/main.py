"""The frame of every page: language, document, navigation, then the page itself."""

import streamlit as st

from content.catalog import LANGUAGES
from web.i18n import browser_language, language, t
from web.navigation import PAGES
from widgets.document_language.widget import document_language

with st.container(key="language"):
    st.segmented_control(
        t("frame.language"),
        LANGUAGES,
        default=browser_language(),
        required=True,
        key="lang",
        bind="query-params",
        label_visibility="collapsed",
    )
document_language(language())

page = st.navigation(
    [
        st.Page(p.file, title=t(f"page.{p.key}"), url_path=p.path or None, default=not p.path)
        for p in PAGES
    ],
    position="top",
)
st.set_page_config(page_title=f"{page.title} · {t('frame.name')}", layout="wide")
page.run()
