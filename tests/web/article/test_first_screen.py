"""The article's first screen as it is served."""

import re
from html import unescape

import pytest

from content.catalog import LANGUAGES
from content.document import load
from web.article.first_screen import first_screen


def words(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", page)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_holds_the_title_and_the_whole_summary(language: str) -> None:
    article, page = load(language), first_screen(language, "")
    for part in article.title.split(": "):
        assert part in words(page)
    assert article.lead in words(page)
    sentences = re.findall(r'<span class="s" data-s="([^"]+)"', page)
    assert sentences == [sentence.id for sentence in article.tldr.sentences]
    assert not re.findall(r"[ก-๙]", page) or language == "th", "dates too are in the reader's language"
    assert ("29 September" in page) == (language == "en")


def test_it_promises_no_control_that_nothing_answers() -> None:
    page = first_screen("en", "read")
    assert "inert" in page[:60]
    assert not re.search(r"tabindex|role=.(button|term)|aria-describedby|[$*]", page)
    assert page.count("<div") == page.count("</div>")


def test_the_title_alone_stands_before_a_view_that_does_not_begin_with_the_summary() -> None:
    page = first_screen("en", "listen")
    assert load("en").lead in words(page)
    assert "data-s=" not in page


def test_what_a_link_asks_for_does_not_fill_the_memory() -> None:
    assert first_screen("en", "anything") is first_screen("en", "anything else")
