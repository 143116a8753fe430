"""What a widget remembers of a reader between two runs of the page."""

from typing import Any

import streamlit as st


def remembered(key: str, asked: Any) -> dict[str, Any]:
    """The state that the browser was told to open, told anew only when the page asks for another.

    What a widget shows changes under the reader's hand without the server; the page then asks for what it was
    told. A state it was not told of came by a link or the history, and opens a new visit, as does a key that
    the session does not know: a widget on a page just come to.

    Args:
        key: the widget's.
        asked: the state that the page asks for.

    Returns:
        `visit` (a number), `opened` (what the browser was last told to open) and `now` (what it shows, which
        the widget's owner keeps up to date).
    """
    memory = f"{key}.opened"
    if (
        key not in st.session_state
        or memory not in st.session_state
        or st.session_state[memory]["now"] != asked
    ):
        visit = st.session_state.get(memory, {"visit": 0})["visit"] + 1
        st.session_state[memory] = {"visit": visit, "opened": asked, "now": asked}
    found: dict[str, Any] = st.session_state[memory]
    return found
