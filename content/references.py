"""The works the article cites, from `references.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REFERENCES = Path(__file__).parent / "references.toml"


@dataclass(frozen=True)
class Reference:
    """One work. Of `doi` and `arxiv`, one names where it is found."""

    key: str
    authors: tuple[str, ...]
    year: int
    title: str
    et_al: bool = False
    doi: str = ""
    arxiv: str = ""

    @property
    def url(self) -> str:
        return f"https://doi.org/{self.doi}" if self.doi else f"https://arxiv.org/abs/{self.arxiv}"

    @property
    def place(self) -> str:
        """Where it is found, as references write it: `doi 10.64434/…` or `arXiv 2106.09685`."""
        return f"doi {self.doi}" if self.doi else f"arXiv {self.arxiv}"


@cache
def references() -> dict[str, Reference]:
    """All works by key.

    Raises:
        ValueError: a work has neither doi nor arXiv number, or both.
        TypeError: a field is missing or unknown.
    """
    found = {}
    for key, fields in tomllib.loads(REFERENCES.read_text("utf-8")).items():
        found[key] = work = Reference(key, tuple(fields.pop("authors")), **fields)
        if bool(work.doi) == bool(work.arxiv):
            raise ValueError(f"{REFERENCES}: [{key}] needs either doi or arxiv")
    return found
