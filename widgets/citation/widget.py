"""How to cite a work: entries of BibTeX, to be copied."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from widgets.component import component

_citation = component("citation")


@dataclass(frozen=True)
class Entry:
    """What is cited, and its BibTeX."""

    title: str
    bibtex: str


def citation(entries: Sequence[Entry], *, key: str, title: str, text: Mapping[str, str]) -> None:
    """Show the entries.

    Args:
        title: of the whole.
        text: the strings `copy`, `copied` and `not_copied`.
    """
    data = {"entries": [asdict(entry) for entry in entries], "title": title, "text": dict(text)}
    _citation(key=key, data=data, height="content")
