"""The page from top to bottom: two methods, what each changes, its cost and its code; the race of all."""

from __future__ import annotations

import streamlit as st

from web.kit.i18n import t
from web.kit.text import escape
from web.methods import parts
from web.methods.costs import table
from web.methods.diagram import diagram
from web.methods.family import BY_NAME, MEMBERS, Member
from web.methods.pictures import starts
from web.methods.race import race
from widgets.drawing.widget import drawing

FIRST, SECOND = "LoRA", "PiSSA"  # what a first visit shows
PARTS = ("idea", "formula", "trains", "start")  # a cell for each method


def methods() -> None:
    """Any two methods side by side, part by part; then what they cost, their source and the race of all."""
    with st.container(key="mt_head"):
        title, about = (escape(t(f"methods.{name}")) for name in ("title", "intro"))
        st.html(f"<h1>{title}</h1><p>{about}</p>")
    pair = choose()
    alone = "_alone" if len(pair) == 1 else ""
    for part in PARTS:
        with st.container(key=f"mt_part_{part}"):
            if part != "idea":
                st.html(heading(part))
            with st.container(key=f"mt_pair_{part}{alone}"):
                for place, member in enumerate(pair):
                    with st.container(key=f"mt_cell_{part}_{place}"):
                        cell(part, member, place)
    with st.container(key="mt_part_cost"):
        scroll = '<div class="mt-scroll" tabindex="0" role="region" aria-labelledby="mt-cost">'
        st.html(f"{heading('cost')}{scroll}{table(pair)}</div>")
    with st.container(key="mt_part_source"):
        st.html(heading("source"))
        with st.container(key=f"mt_pair_source{alone}"):
            for member in pair:
                st.html(parts.source(member))
    with st.container(key="mt_part_race"):
        race()


def choose() -> list[Member]:
    """The reader's two methods, or one if both are the same; they stand in the URL by their own names."""
    found = []
    with st.container(key="mt_choose"):
        for key, usual in (("a", FIRST), ("b", SECOND)):
            name = st.segmented_control(
                t(f"methods.choose.{key}"),
                list(BY_NAME),
                default=usual,
                required=True,
                key=key,
                bind="query-params",
            )
            found.append(MEMBERS[BY_NAME[name or usual]])
    return list(dict.fromkeys(found))


def heading(part: str) -> str:
    """The title of a part, and a sentence under it."""
    title, about = (escape(t(f"methods.part.{part}{end}")) for end in ("", ".about"))
    return f'<h2 id="mt-{part}">{title}</h2><p class="cap">{about}</p>'


def cell(part: str, member: Member, place: int) -> None:
    """One method's share of a part."""
    if part == "idea":
        st.html(parts.idea(member))
    elif part == "formula":
        st.html(parts.label(member))
        st.markdown(parts.formula(member))
        st.html(parts.change(member))
    elif part == "trains":
        st.html(parts.label(member))
        picture = diagram(member, t(f"methods.diagram.{member.key}"), beside=t("methods.beside"))
        drawing(picture, key=f"mt_diagram_{place}")
        st.html(parts.legend(member))
    else:
        st.html(parts.label(member))
        starts(member, key=f"mt_start_{place}")
