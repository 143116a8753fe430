"""Who is reading: an unguessable token in a cookie, the same through reloads."""

import secrets

import streamlit as st

from web.frame.server import READER


def reader_id() -> str:
    """The reader's token; where there is no cookie (it was refused), one for this session only."""
    token = st.context.cookies.get(READER)
    if token:
        return str(token)
    return str(st.session_state.setdefault("_reader", secrets.token_urlsafe(24)))
