"""Who is reading: an unguessable token in a cookie that this server signed, the same through reloads."""

import logging
import os
import secrets
import tempfile
from contextlib import suppress
from functools import cache
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie

import streamlit as st
from itsdangerous import BadSignature, Signer
from platformdirs import user_data_path

COOKIE = "pradit_reader"

log = logging.getLogger(__name__)


def reader_id() -> str:
    """The token of this session's reader; where the cookie was refused, one for this session only."""
    token = _verified(st.context.cookies.get(COOKIE, ""))
    return token or str(st.session_state.setdefault("_reader", secrets.token_urlsafe(24)))


def reader_of(cookie_header: str) -> str | None:
    """The reader's token in a request's cookie header, if there is one that this server signed."""
    try:
        cookie = SimpleCookie(cookie_header).get(COOKIE)
    except CookieError:
        return None
    return _verified(cookie.value) if cookie else None


def signed(token: str) -> str:
    """The cookie's value for a token."""
    return _signer().sign(token).decode()


def _verified(value: str) -> str | None:
    try:
        return _signer().unsign(value).decode()
    except BadSignature:
        return None


@cache
def _signer() -> Signer:
    return Signer(_secret(), salt=COOKIE, digest_method=sha256)


def _secret() -> bytes:
    """`PRADIT_SECRET`, else the one made once in the user's data folder; with no disk, one for this start."""
    if given := os.environ.get("PRADIT_SECRET"):
        return given.encode()
    path = user_data_path("pradit", appauthor=False) / "secret"
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent)  # readable by its owner alone
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(32))
            with suppress(FileExistsError):
                os.link(temporary, path)  # the first of several servers decides
            os.unlink(temporary)
        if len(kept := path.read_bytes()) >= 32:
            return kept
        raise OSError(f"{path} is too short for a secret")
    except OSError:
        log.exception("no secret can be kept: readers' cookies end with this server")
    return secrets.token_bytes(32)
