"""Controls that show a setting and report a choice."""

import re

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from content.catalog import LANGUAGES
from content.terms import glossary
from web.fine_tune import controls as fine_tune
from web.kit.claims import live
from web.kit.controls import meaning
from web.kit.i18n import speaking
from web.serving import controls as serving


def script() -> None:
    import streamlit as st

    from web.kit.controls import choose

    st.session_state.setdefault("setting", "b")
    st.session_state.setdefault("moves", [])

    def change(value: str) -> None:
        st.session_state["moves"].append(value)
        st.session_state["setting"] = value

    labels = {value: value.upper() for value in "abc"}
    choose(st.selectbox, "Letter", labels, st.session_state["setting"], "letter", change)


def test_it_shows_the_setting_and_reports_a_choice() -> None:
    app = AppTest.from_function(script).run()
    assert app.selectbox(key="letter").value == "b"
    app.selectbox(key="letter").set_value("c").run()
    assert app.session_state["moves"] == ["c"]
    app.session_state["setting"] = "a"  # by a link
    app.run()
    assert app.selectbox(key="letter").value == "a"
    assert app.session_state["moves"] == ["c"]


def test_a_label_of_another_language_moves_nothing() -> None:
    from web.kit.controls import _moved

    moves: list[str] = []
    st.session_state["letter"] = "Д"
    _moved("letter", {"a": "A"}, moves.append)
    assert moves == []
    st.session_state["letter"] = "a"
    _moved("letter", {"a": "A"}, moves.append)
    assert moves == ["a"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_help_of_a_control_is_what_the_glossary_says(language: str) -> None:
    rank, head = glossary()["rank"], glossary()["head"]
    with speaking(language):
        assert meaning("rank", "head") == (
            f"**{rank.words(language)}** {rank.meaning(language)}\n\n"
            f"**{head.words(language)}** {head.meaning(language)}"
        )
        assert meaning() is None
        for terms in (fine_tune.TERMS, serving.TERMS, live.TERMS):
            for names in terms.values():
                assert meaning(*names)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_meaning_holds_nothing_that_markdown_would_read(language: str) -> None:
    for term in glossary().values():
        assert not re.search(r"[*_`$\[\]<>~]", term.words(language) + term.meaning(language)), term.key
