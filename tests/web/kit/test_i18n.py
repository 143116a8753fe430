"""Words, numbers and dates in the reader's language, as a session sees them."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from content import catalog as catalog_module
from content.catalog import catalog


def said(script, language: str) -> list[str]:
    app = AppTest.from_function(script, default_timeout=20)
    app.query_params["lang"] = language
    app.run()
    assert not app.exception
    return [element.value for element in app.text]


def speak() -> None:
    from datetime import date

    import streamlit as st

    from web.kit import i18n

    st.text(i18n.language())
    st.text(i18n.t("frame.name"))
    st.text(i18n.number(4096))
    st.text(i18n.number(2.0, 2))
    st.text(i18n.percent(0.187, 1))
    st.text(i18n.scientific(0.0035))
    st.text(i18n.day(date(2025, 9, 29)))


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["en", "Pradit", "4,096", "2.00", "18.7%", "3.5e-3", "29 September 2025"]),
        ("th", ["th", "ประดิษฐ์", "4,096", "2.00", "18.7%", "3.5e-3", "29 กันยายน 2025"]),
        ("xx", ["en", "Pradit", "4,096", "2.00", "18.7%", "3.5e-3", "29 September 2025"]),
    ],
)
def test_a_session_speaks_its_language(language: str, expected: list[str]) -> None:
    assert said(speak, language) == expected


def test_a_catalogue_refuses_a_key_twice_and_an_empty_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "en"
    folder.mkdir()
    monkeypatch.setattr(catalog_module, "STRINGS", tmp_path)
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    (folder / "a.po").write_text(header + 'msgid "a.b"\nmsgstr "x"\n', "utf-8")
    (folder / "b.po").write_text(header + 'msgid "a.b"\nmsgstr "y"\n', "utf-8")
    with pytest.raises(ValueError, match=r"b\.po: the key 'a\.b' stands twice"):
        catalog.__wrapped__("en")
    (folder / "b.po").write_text(header + 'msgid "a.c"\nmsgstr ""\n', "utf-8")
    with pytest.raises(ValueError, match=r"b\.po: the key 'a\.c' has no text"):
        catalog.__wrapped__("en")
