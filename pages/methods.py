"""Methods: any two of the family side by side, what they cost, their source, and the race of all."""

import streamlit as st
from markupsafe import Markup

from web.kit.i18n import t
from web.kit.text import escape
from web.methods.costs import table
from web.methods.parts import source
from web.methods.race import race
from web.methods.side_by_side import (
    choose,
    compare,
    heading,
    show_formula,
    show_idea,
    show_start,
    show_what_trains,
)

SCROLLED = Markup('{}<div class="mt-scroll" tabindex="0" role="region" aria-labelledby="mt-cost">{}</div>')

with st.container(key="mt_head"):
    st.html(Markup("<h1>{}</h1>").format(escape(t("methods.title"))))
pair = choose()

compare("trains", pair, show_what_trains)
st.html(Markup('<p class="mt-about">{}</p>').format(escape(t("methods.intro"))))
compare("idea", pair, show_idea, titled=False)
compare("formula", pair, show_formula)
compare("start", pair, show_start)

with st.container(key="mt_part_cost"):
    st.html(SCROLLED.format(heading("cost"), table(pair)))

with st.container(key="mt_part_source"):
    st.html(heading("source"))
    with st.container(key=f"mt_pair_source{'_alone' if len(pair) == 1 else ''}"):
        for member in pair:
            st.html(source(member))

with st.container(key="mt_part_race"):
    race()
