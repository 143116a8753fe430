"""The page from top to bottom."""

import streamlit as st

from lora_core.nested import METHODS
from web.decompose import sources
from web.i18n import group, language, t
from web.markup import variables
from web.matrices import LAYERS, titles
from widgets.decompose.view import SPECTRA, View
from widgets.decompose.widget import decompose


def decompose_page() -> None:
    """What to try, the picture and its five approximations, and what each is good for."""
    with st.container(key="decompose_intro"):
        st.title(t("decompose.title"), anchor=False)
        st.markdown(variables(t("decompose.intro")), unsafe_allow_html=True)
    view = View.from_query(st.query_params.to_dict(), LAYERS, own=False)
    which = {"delta": view.layer, "random": view.spectrum}.get(view.source, "")
    decompose(
        sources.payload(view.source, which, view.draw),
        view,
        key="decompose",
        text=group("decompose_view") | names(),
        language=language(),
        thumbs=sources.thumbs(),
        layers=titles(),
        own="",
        on_change=follow,
    )
    good()


def follow(view: View) -> None:
    """Let the URL say what the reader sees."""
    st.query_params.update(view.to_query())  # in one step: each step is an entry in the history


def names() -> dict[str, str]:
    """What the widget calls the matrices, the methods and the spectra."""
    return {
        **{f"source_{name}": t(f"decompose.source.{name}") for name in sources.thumbs()},
        **{name: t(f"decompose.method.{name}") for name in METHODS},
        **{f"short_{name}": t(f"decompose.short.{name}") for name in METHODS},
        **{f"formula_{name}": t(f"decompose.formula.{name}") for name in METHODS},
        **{f"spectrum_{name}": t(f"decompose.spectrum.{name}") for name in SPECTRA},
    }


def good() -> None:
    """What each method is good for."""
    entries = "".join(
        f"<section><h3>{t(f'decompose.full.{name}')}</h3>"
        f'<p class="note-s">{variables(t(f"decompose.formula.{name}"))}</p>'
        f"<p>{variables(t(f'decompose.good.{name}'))}</p></section>"
        for name in METHODS
    )
    with st.container(key="decompose_good"):
        st.html(f'<h2>{t("decompose.good")}</h2><div class="decompose-good">{entries}</div>')
