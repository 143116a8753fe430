"""The frame of every page: language, document, navigation, then the page itself."""

import streamlit as st

from content.catalog import LANGUAGES
from web.frame.menu import frame_menu, frame_tabs
from web.frame.navigation import PAGES
from web.frame.player import frame_player
from web.frame.share import addresses
from web.frame.tour import frame_tour
from web.kit.i18n import group, language, t
from widgets.document.widget import document
from widgets.menu.widget import LISTEN
from widgets.share.widget import share

if "lang" not in st.session_state and st.query_params.get("lang") not in LANGUAGES:
    st.session_state["lang"] = language()  # an address from within; the server leads all others to a language

pages = {
    page.key: st.Page(
        page.file, title=t(f"page.{page.key}"), url_path=page.path or None, default=not page.path
    )
    for page in PAGES
}
page = st.navigation(list(pages.values()), position="hidden")
here = next(known for known in PAGES if known.path == page.url_path)
st.set_page_config(page_title=f"{page.title} · {t('frame.name')}", layout="wide")


def lead(key: str, **query: str) -> None:
    """Go to a page. A switch to the page one is on loses the language: there only the address changes."""
    if key != here.key:
        st.switch_page(pages[key], query_params=query)
    for name in {*st.query_params} - {"lang"}:
        del st.query_params[name]
    st.query_params.update(query)


with st.container(key="bar", horizontal=True, vertical_alignment="center"):
    pressed = frame_menu(here)
    share(addresses=addresses(), text=group("share"))
    st.segmented_control(
        t("frame.language"),
        LANGUAGES,
        required=True,
        key="lang",
        bind="query-params",
        label_visibility="collapsed",
    )
    pressed = frame_tabs(here) or pressed
document(language(), group("document"))
if frame_player() or pressed == LISTEN:
    lead("article", view="listen")
elif led := frame_tour() or pressed:
    lead(led)

page.run()
