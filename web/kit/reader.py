"""Who is reading: an unguessable token in a cookie, the same through reloads."""

import secrets
from http.cookies import CookieError, SimpleCookie

import streamlit as st

COOKIE = "pradit_reader"


def reader_id() -> str:
    """The token of this session's reader; where the cookie was refused, one for this session only."""
    token = st.context.cookies.get(COOKIE)
    if token:
        return str(token)
    return str(st.session_state.setdefault("_reader", secrets.token_urlsafe(24)))


def reader_of(cookie_header: str) -> str | None:
    """The reader's token in a request's cookie header, if there is one."""
    try:
        cookie = SimpleCookie(cookie_header).get(COOKIE)
    except CookieError:
        return None
    return cookie.value if cookie else None
