"""A page's settings and its part of the query string, so that a link is an experiment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import TypeVar

import streamlit as st

Query = dict[str, str]
S = TypeVar("S")


@dataclass
class UrlState(ABC):
    """What a page remembers of a reader. A page says which keys are its own, and how its settings read.

    Attributes:
        url: the page's part of the query string as it was read or written last. Where another one stands in
            the address, the reader opened a link, or went back or forward.
    """

    url: Query = field(default_factory=dict, kw_only=True)

    @abstractmethod
    def owns(self, key: str) -> bool:
        """Whether a key of the query string is one of the page's settings."""

    @abstractmethod
    def from_url(self, url: Query) -> None:
        """Take the settings of a URL; what it does not name, or names wrongly, is as usual."""

    @abstractmethod
    def to_url(self, standing: Container[str]) -> Query:
        """The settings as a URL; those that are as usual may be left out unless they stand there already."""

    def outlasts_a_visit(self) -> bool:
        """Whether the settings stay when the reader comes back by the navigation, whose link has none."""
        return False

    def read_url(self) -> None:
        """Take the settings from the URL when the reader gave new ones."""
        url = {key: text for key, text in st.query_params.to_dict().items() if self.owns(key)}
        if url == self.url:
            return
        if not url and self.outlasts_a_visit():
            self.write_url()
        else:
            self.from_url(url)
            self.url = url

    def write_url(self) -> None:
        """Put the settings into the URL, beside what others keep there."""
        self.url = self.to_url(st.query_params.to_dict())
        st.query_params.update(self.url)  # all at once: one step of the browser's history


def of_session(key: str, make: Callable[[], S]) -> S:
    """What this session keeps under a key, made at the first visit."""
    if key not in st.session_state:
        st.session_state[key] = make()
    found: S = st.session_state[key]
    return found
