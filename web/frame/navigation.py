"""The pages there are: their key, their path in the URL and their file. Nothing here needs Streamlit."""

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


ALL = (
    Page("article", ""),
    Page("matrices", "matrices"),
    Page("decompose", "decompose"),
    Page("fine_tune", "fine-tune"),
    Page("experiments", "experiments"),
    Page("methods", "methods"),
    Page("serving", "serving"),
)

PAGES = tuple(page for page in ALL if page.file.exists())
