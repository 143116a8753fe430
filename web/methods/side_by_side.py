"""Two methods side by side, part by part: which two, and the share of each in a part."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st
from markupsafe import Markup

from web.kit.i18n import t
from web.kit.text import escape
from web.methods import parts
from web.methods.diagram import diagram
from web.methods.family import BY_NAME, MEMBERS, Member
from web.methods.pictures import starts
from widgets.drawing.widget import drawing

FIRST, SECOND = "LoRA", "PiSSA"  # what a first visit shows


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


def heading(part: str) -> Markup:
    """The title of a part, and a sentence under it, as HTML."""
    title, about = (escape(t(f"methods.part.{part}{end}")) for end in ("", ".about"))
    return Markup('<h2 id="mt-{}">{}</h2><p class="cap">{}</p>').format(part, title, about)


def compare(
    part: str, pair: Sequence[Member], show: Callable[[Member, int], None], *, titled: bool = True
) -> None:
    """A part of the page: each method's share beside the other's.

    Args:
        show: draws the share of a method; its place is 0 or 1.
    """
    with st.container(key=f"mt_part_{part}"):
        if titled:
            st.html(heading(part))
        with st.container(key=f"mt_pair_{part}{'_alone' if len(pair) == 1 else ''}"):
            for place, member in enumerate(pair):
                with st.container(key=f"mt_cell_{part}_{place}"):
                    show(member, place)


def show_idea(member: Member, place: int) -> None:
    st.html(parts.idea(member))


def show_formula(member: Member, place: int) -> None:
    st.html(parts.label(member))
    st.markdown(parts.formula(member))
    st.html(parts.change(member))


def show_what_trains(member: Member, place: int) -> None:
    st.html(parts.label(member))
    picture = diagram(member, t(f"methods.diagram.{member.key}"), beside=t("methods.beside"))
    drawing(picture, key=f"mt_diagram_{place}")
    st.html(parts.legend(member))


def show_start(member: Member, place: int) -> None:
    st.html(parts.label(member))
    starts(member, key=f"mt_start_{place}")
