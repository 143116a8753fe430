"""A method's file as it stands, with its syntax in colour."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer


@cache
def highlighted(path: Path) -> Markup:
    """HTML of the file's lines; the page's style gives the classes their colours."""
    return Markup(highlight(path.read_text("utf-8"), PythonLexer(), HtmlFormatter(nowrap=True)))


@cache
def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())
