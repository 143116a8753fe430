"""How an uploaded file was read where it can be read in two ways, and a button for the other way."""

import streamlit as st

from web.kit import uploads
from web.kit.i18n import t

OWN = "own_matrix"
"""Where the session keeps the matrix that the reader uploaded; beside it, the file and the choices taken."""
FILE = "own_file"


def keep(name: str, data: bytes) -> None:
    """Read an uploaded file in the likelier way, and keep it for the other.

    Raises:
        RefusedError: the file cannot be read.
    """
    st.session_state[OWN] = uploads.read(name, data)
    st.session_state[FILE] = (name, data, frozenset[str]())


def assumptions() -> None:
    """What was assumed of the reader's file, each with its button; nothing where nothing was."""
    own: uploads.Matrix | None = st.session_state.get(OWN)
    for key in own.assumed if own else ():
        with st.container(key=f"decompose_assumed_{key}", horizontal=True, vertical_alignment="center"):
            st.markdown(t(f"uploads.assumed.{key}"))
            st.button(
                t(f"uploads.otherwise.{key}"),
                key=f"otherwise_{key}",
                type="tertiary",
                on_click=_take,
                args=(key,),
            )
    refusal = st.session_state.pop("own_refusal", None)
    if refusal:
        st.markdown(t("uploads.otherwise.refused"))


def _take(key: str) -> None:
    """Read the file again with one choice taken the other way; where it cannot be, it stays as it was."""
    name, data, chosen = st.session_state[FILE]
    chosen = chosen ^ {uploads.CHOICES[key]}
    try:
        st.session_state[OWN] = uploads.read(name, data, chosen)
        st.session_state[FILE] = (name, data, chosen)
    except uploads.RefusedError:
        st.session_state["own_refusal"] = True
