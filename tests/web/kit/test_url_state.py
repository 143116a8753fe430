"""A page's settings and the query string, by a page of one setting."""

from collections.abc import Container
from dataclasses import dataclass

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from web.kit.url_state import Query, UrlState


@dataclass
class Page(UrlState):
    """`n` is a number; the usual is 1 and not written."""

    n: int = 1
    stays: bool = True
    reads: int = 0

    def owns(self, key: str) -> bool:
        return key == "n"

    def from_url(self, url: Query) -> None:
        self.reads += 1
        self.n = int(url.get("n", "1"))

    def to_url(self, standing: Container[str]) -> Query:
        return {"n": str(self.n)} if self.n != 1 or "n" in standing else {}

    def outlasts_a_visit(self) -> bool:
        return self.stays and self.n != 1


class Address(dict[str, str]):
    """The query string, as Streamlit gives it; each write is a step of the browser's history."""

    steps = 0

    def to_dict(self) -> dict[str, str]:
        return dict(self)

    def update(self, *args: dict[str, str]) -> None:  # type: ignore[override]
        self.steps += 1
        super().update(*args)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Address:
    found = Address(lang="th")
    monkeypatch.setattr(st, "query_params", found)
    return found


def test_a_link_is_read_once_and_again_when_it_changes(address: Address) -> None:
    page = Page()
    address["n"] = "3"
    page.read_url()
    page.read_url()
    assert (page.n, page.reads) == (3, 1)
    address["n"] = "4"  # back or forward
    page.read_url()
    assert (page.n, page.reads) == (4, 2)


def test_what_the_page_writes_it_does_not_read_and_others_keys_stay(address: Address) -> None:
    page = Page()
    page.n = 5
    page.write_url()
    page.read_url()
    assert page.reads == 0
    assert dict(address) == {"lang": "th", "n": "5"}
    assert address.steps == 1


def test_a_visit_to_another_page_is_outlasted_or_not(address: Address) -> None:
    for page, n in ((Page(stays=True), 5), (Page(stays=False), 1)):
        page.n = 5
        page.write_url()
        del address["n"]
        page.read_url()
        assert page.n == n
        assert address.get("n", "1") == str(n)
        address.pop("n", None)


def test_a_session_keeps_one_state() -> None:
    def script() -> None:
        import streamlit as st

        from web.kit.url_state import of_session

        made = st.session_state.setdefault("made", [])
        of_session("page", lambda: made.append(1) or "state")  # type: ignore[func-returns-value]

    app = AppTest.from_function(script).run().run()
    assert not app.exception
    assert app.session_state["made"] == [1]
    assert app.session_state["page"] == "state"
