"""Where a line of the Thai article may end: between words, also inside marks, terms and links."""

import re
from html.parser import HTMLParser

import pytest

from content import thai_words
from content.document import load
from content.model import Figure
from web.article import appendices
from web.article.transcript import transcript
from web.article.typesetting import Setter
from web.kit.i18n import speaking
from web.kit.text import RUN, joint, running

INLINE = {"a", "strong", "em", "span", "wbr"}
APART = {"drop", "side", "hear", "cite", "previous", "next"}
"""Classes of what is drawn beside the text, not in its line."""
CANNOT_SPLIT = re.compile("[เแโใไ](?=.)|.(?=[ะ-ฺๅ็-๎])")
"""Places inside a syllable at which no browser ends a line: after a leading vowel, before a sign."""


class Lines(HTMLParser):
    """Runs of Thai script in HTML, and where each may be split.

    Attributes:
        runs: the text of each, and the places in it: "given" by the page or "left" to the browser.
    """

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.runs: list[tuple[str, dict[int, str]]] = []
        self.text, self.places = "", dict[int, str]()
        self.open: list[tuple[bool, bool]] = []
        self.feed(markup)
        self.end()

    def end(self) -> None:
        if self.text:
            self.runs.append((self.text, self.places))
        self.text, self.places = "", {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "wbr":
            self.places[len(self.text)] = "given"
            return
        kind = dict(attributes).get("class") or ""
        apart = tag not in INLINE or kind in APART
        if apart:
            self.end()
        self.open.append(("nb" in kind.split(), apart))

    def handle_endtag(self, tag: str) -> None:
        if self.open.pop()[1]:
            self.end()

    def handle_data(self, data: str) -> None:
        for at, sign in enumerate(data):
            if not RUN.fullmatch(sign):
                self.end()
                continue
            place = len(self.text)
            held = at > 0 and any(whole for whole, _ in self.open)
            if place and not held and not CANNOT_SPLIT.match(self.text[-1] + sign):
                self.places.setdefault(place, "left")
            self.text += sign


def pages() -> dict[str, str]:
    """Every text of the Thai article as HTML."""
    article = load("th")
    with speaking("th"):
        setter = Setter(article)
        parts = [part for each in article.sections for part in setter.section(each)]
        found = [str(part) for part in parts if not isinstance(part, Figure)]
        return {
            "head": str(setter.head()),
            "summary": str(setter.summary()),
            "sections": "\n".join(found),
            "terms": str(appendices.terms([setter])),
            "transcript": "\n".join(transcript(article)),
        }


@pytest.mark.parametrize("page", ["head", "summary", "sections", "terms", "transcript"])
def test_a_line_of_the_thai_article_ends_between_words(page: str) -> None:
    runs = Lines(pages()[page]).runs
    thai_words.prepare(text for text, _ in runs)
    split = set()
    for text, places in runs:
        words = thai_words.segment(text)
        within = {a + x for a, b in words for x, _ in thai_words.parts(text[a:b])}
        wrong = {at for at in places if at not in within | {0, len(text)}}
        split |= {f"{text[:at]}|{text[at:]}" for at in wrong}
    assert len(runs) > 10
    assert not split


def test_every_place_between_words_is_given() -> None:
    runs = Lines(pages()["sections"]).runs
    given = sum(way == "given" for _, places in runs for way in places.values())
    left = [text for text, places in runs if "left" in places.values()]
    assert given > 1000
    assert not left


def test_a_word_that_a_browser_would_split_is_found() -> None:
    ((text, places),) = Lines("<p>ของจาก</p>").runs
    assert (text, places) == ("ของจาก", {1: "left", 2: "left", 3: "left", 5: "left"})
    ((_, places),) = Lines(f"<p>{running('ของจาก')}</p>").runs
    assert places == {3: "given"}


def test_text_and_offsets_stay_as_they_are() -> None:
    text = "ของที่แรงก์ต่ำ ๆ < 4 แล้วกลับ"
    shown = re.sub(r"<[^>]*>", "", str(running(text)))
    assert shown == "ของที่แรงก์ต่ำ\u00a0ๆ &lt; 4 แล้วกลับ"


def test_two_elements_of_one_text_have_a_place_between_them() -> None:
    assert joint("ใช้", "แรงก์") == "<wbr>"
    assert joint("ใช้ ", "แรงก์") == joint("", "ก") == joint("rank", "แรงก์") == ""


def test_large_type_may_end_a_line_between_the_words_of_a_term() -> None:
    whole, parts = running("การปรับจูนทั้งโมเดล"), running("การปรับจูนทั้งโมเดล", terms=False)
    assert whole.count("<wbr>") == 0
    assert parts.count("<wbr>") >= 3


def test_the_segmenter_is_started_a_few_times_for_an_article(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads its dictionary anew at each start, a tenth of a second."""
    starts = []
    cut = thai_words._with_kham

    def counted(texts: list[str]) -> list[list[tuple[int, int]]]:
        starts.extend([len(texts)] if texts else [])
        return cut(texts)

    monkeypatch.setattr(thai_words, "_with_kham", counted)
    running.cache_clear()
    thai_words.forget()
    pages()
    assert 0 < len(starts) <= 20
