"""The button by which an adapter leaves the page."""

import streamlit as st

from web.kit.i18n import t


def adapter_button(zipped: bytes, name: str, *, key: str) -> None:
    """Offers a run's adapter, a zip, under a file name."""
    st.download_button(
        t("fine_tune.download.adapter"),
        zipped,
        file_name=f"{name}.zip",
        mime="application/zip",
        key=key,
        on_click="ignore",
    )
