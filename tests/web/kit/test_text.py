"""What is put into a page is shown as it is: by HTML, by Markdown, in an attribute."""

import html
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markupsafe import Markup
from mdit_py_plugins.dollarmath import dollarmath_plugin

from content.terms import unbroken
from web.kit.text import escape, language_of, variables

ROOT = Path(__file__).parents[3]
MARKDOWN = MarkdownIt("commonmark").enable(["strikethrough", "table"]).use(dollarmath_plugin)


def shown(markdown: str) -> str:
    """What a reader sees of words, after Markdown and HTML."""
    return html.unescape(re.sub(r"<[^>]*>", "", MARKDOWN.render(markdown))).strip()


@given(st.text(alphabet="aZ1 ก็ๆ\\`*_[](){}~$:|#<>&\"'^=+-.!@", min_size=1))
def test_words_are_shown_as_they_are(text: str) -> None:
    text = f"a{' '.join(text.split(' '))}a"
    text = re.sub(r" +", " ", text)
    assert shown(f"<span>{escape(text)}</span>").replace("\u00a0", " ") == text


def test_thai_terms_are_kept_in_one_piece_and_the_longest_wins() -> None:
    assert escape("ใช้แรงก์ต่ำ") == 'ใช้<span class="nb">แรงก์</span>ต่ำ'
    assert "การปรับแบบแรงก์ต่ำ" in unbroken()
    assert escape("การปรับแบบแรงก์ต่ำ") == '<span class="nb">การปรับแบบแรงก์ต่ำ</span>'
    assert escape("เล็ก ๆ") == "เล็ก\u00a0ๆ"


def test_a_template_escapes_what_is_put_in_once() -> None:
    made = Markup('<p title="{}">{}</p>').format('a "b" <c>', escape("<d> & #1"))
    assert made == '<p title="a &#34;b&#34; &lt;c&gt;">&lt;d&gt; &amp; &#35;1</p>'
    assert Markup("<div>{}</div>").format(made) == f"<div>{made}</div>"


def test_a_variable_stands_between_stars() -> None:
    assert variables("*W* < *B*") == '<i class="m">W</i> &lt; <i class="m">B</i>'


@pytest.mark.parametrize(
    ("text", "language"), [("", "en"), ("To be", "en"), ("ภาษาไทย", "th"), ("abcdefghi ไทย", "en")]
)
def test_the_language_of_a_text(text: str, language: str) -> None:
    assert language_of(text) == language


def test_no_file_escapes_in_another_way() -> None:
    files = [path for room in ("web", "pages", "widgets") for path in (ROOT / room).rglob("*.py")]
    assert len(files) > 50
    for path in files:
        text = path.read_text("utf-8")
        assert not re.search(r"^import html$|^from html import|html\.escape|&(lt|gt|quot);", text, re.M), path
