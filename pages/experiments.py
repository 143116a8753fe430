"""Experiments: each claim of the source, run again here, with its verdict; any of them can be run live."""

import streamlit as st

from web.experiments.source import comparison
from web.experiments.tally import about, head
from web.kit.claims.figures import VIEWS
from web.kit.claims.live import live_card
from web.kit.claims.state import state
from web.kit.i18n import language, t
from widgets.contents.widget import contents

page = state("experiments", list(VIEWS))
page.read_url()
page.jobs.sync()
with st.container(key="ex_head"):
    st.html(head())
with st.container(key="ex_contents"):
    names = [(name, t(f"experiments.{name}.title")) for name in VIEWS]
    contents(names, key="ex_index", title=t("experiments.contents"), language=language())
with st.container(key="ex_list"):
    for name in VIEWS:
        live_card(page, name)
st.html(about() + comparison())
