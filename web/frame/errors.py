"""What a reader sees when a page fails: a sentence in their language, never a stack trace."""

import logging

import streamlit as st

from web.kit.i18n import t

log = logging.getLogger("pradit")


def on_script_error(error: Exception) -> bool:
    """Log the error in full and say so on the page; True keeps Streamlit's own box away."""
    log.exception("a page failed", exc_info=error)
    st.error(t("frame.failed"))
    return True
