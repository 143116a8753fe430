"""Where everything stands: the bar's destinations and the pages under each. Nothing here needs Streamlit.

A page that is named here and has no file yet has its place, and is not shown.
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Page:
    """A page: `pages/<key>.py`, titled `page.<key>` in the strings, at `/<path>`."""

    key: str
    path: str

    @property
    def file(self) -> Path:
        return ROOT / "pages" / f"{self.key}.py"


@dataclass(frozen=True)
class Destination:
    """What the bar leads to: `frame.destination.<key>` in the strings, and its pages, the first one first."""

    key: str
    pages: tuple[Page, ...]


PLAN = (
    Destination("article", (Page("article", ""),)),
    Destination("see", (Page("matrices", "matrices"), Page("decompose", "decompose"))),
    Destination("train", (Page("fine_tune", "fine-tune"), Page("room", "room"))),
    Destination("evidence", (Page("experiments", "experiments"), Page("methods", "methods"))),
    Destination("use", (Page("plan", "plan"), Page("adapter", "adapter"), Page("serving", "serving"))),
)


def existing(destinations: tuple[Destination, ...]) -> tuple[Destination, ...]:
    """The destinations with those of their pages that have a file; without those that have none."""
    found = (
        Destination(each.key, tuple(page for page in each.pages if page.file.exists()))
        for each in destinations
    )
    return tuple(each for each in found if each.pages)


DESTINATIONS = existing(PLAN)
PAGES = tuple(page for destination in DESTINATIONS for page in destination.pages)


def destination_of(page: Page) -> Destination:
    """The destination that a page stands under."""
    return next(each for each in DESTINATIONS if page in each.pages)
