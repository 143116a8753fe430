"""The article's page: its text as Markdown, its figures, and what a reader may do with them."""

from web.article.setting import Setter
from web.article.words import escape

__all__ = ["Setter", "escape"]
