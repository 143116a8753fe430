"""The article's page, run without a browser, in both languages and both views."""

import re
from collections import Counter

import pytest
from streamlit.testing.v1 import AppTest

from content.catalog import LANGUAGES
from content.document import load
from content.references import references
from narration.article import chapters
from web.frame.navigation import ROOT


def page(language: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "web" / "main.py"), default_timeout=60)
    for name, value in (query | {"lang": language}).items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def text(app: AppTest) -> str:
    return "\n".join(element.value for element in app.markdown)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_whole_article_stands_on_the_page_once(language: str) -> None:
    shown = text(page(language))
    article = load(language)
    ids = [sentence.id for section in article.chapters for sentence in section.sentences]
    assert re.findall(r'data-s="([^"]+)"', shown) == ids
    anchors = [section.id for section in article.chapters]
    assert [a for a in re.findall(r'data-anchor="([^"]+)"', shown) if a in anchors] == anchors
    tongues = re.findall(r'class="s" data-s="[^"]+" lang="([a-z]+)"', shown)
    assert tongues == [language] * shown.count('class="s"')
    for work in references().values():
        assert work.url in shown
    assert "29 " in shown
    assert "10.64434/tml.20250929" in shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_ids_are_unique_and_every_link_within_the_page_leads_to_one(language: str) -> None:
    shown = text(page(language))
    ids = Counter(re.findall(r' (?:id|data-anchor)="([^"]+)"', shown))
    assert [name for name, count in ids.items() if count > 1] == []
    links = set(re.findall(r'href="#([^"]+)"', shown))
    assert links <= ids.keys()
    for note in load(language).notes:  # from the text to both places, and from both back
        n = note.number
        assert {f"side-{n}", f"foot-{n}", f"mark-{n}"} <= links
        assert shown.count(f'href="#mark-{n}"') == 2
    assert set(re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', shown)) <= ids.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_two_languages_every_sentence_stands_twice_and_every_id_once(language: str) -> None:
    shown = text(page(language, view="both"))
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    sides: dict[str, list[str]] = {language: [], other: []}
    for name, tongue in re.findall(r'class="s" data-s="([^"]+)" lang="([a-z]+)"', shown):
        sides[tongue].append(name)
    assert sides[language] == sides[other]
    article = load(language)
    formulas = re.findall(r'class="formula" id="eq-[^"]+" data-s="([^"]+)"', shown)
    spoken = [sentence.id for section in article.chapters for sentence in section.sentences]
    assert sorted(sides[language] + formulas) == sorted(spoken)
    ids = Counter(re.findall(r' (?:id|data-anchor)="([^"]+)"', shown))
    assert [name for name, count in ids.items() if count > 1] == []
    assert set(re.findall(r'href="#([^"]+)"', shown)) <= ids.keys()
    assert set(re.findall(r'aria-describedby="([^"]+)"', shown)) <= ids.keys()
    for one in LANGUAGES:
        assert load(one).sections[-1].title in re.sub("<[^>]*>", "", shown)


@pytest.mark.parametrize("language", LANGUAGES)
def test_sections_lead_on_and_back(language: str) -> None:
    shown = text(page(language))
    ids = [section.id for section in load(language).sections]
    assert re.findall(r'class="previous" href="#([^"]+)"', shown) == ids[:-1]
    assert re.findall(r'class="next" href="#([^"]+)"', shown) == ids[1:]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_transcript_holds_every_sentence_that_is_spoken_in_order(language: str) -> None:
    shown = text(page(language, view="listen"))
    said = [one.id for chapter in chapters(language) for one in chapter.utterances]
    assert re.findall(r'data-s="([^"]+)"', shown) == said
    assert "<sup" not in shown
    assert "<a " not in shown


def test_the_view_follows_the_switch_and_the_address() -> None:
    app = page("en")
    assert "view" not in app.query_params
    app.segmented_control(key="view").set_value("listen").run()
    assert not app.exception
    assert app.query_params["view"] == "listen"
    assert 'data-anchor="listen"' in text(app)
    app.segmented_control(key="view").set_value("read").run()
    assert "view" not in app.query_params
    assert 'data-anchor="listen"' not in text(app)
    app.query_params["view"] = "listen"  # back and forward
    app.run()
    assert app.segmented_control(key="view").value == "listen"


def test_an_unknown_view_is_the_text() -> None:
    assert 'class="head"' in text(page("th", view="nonsense"))
    assert 'data-anchor="listen"' not in text(page("th", view="nonsense"))


def test_titles_and_labels_are_in_the_readers_language() -> None:
    english, thai = (re.findall(r'aria-label="([^"]+)"', text(page(language))) for language in LANGUAGES)
    assert len(english) == len(thai) > 0
    assert not any(re.search(r"[\u0e00-\u0e7f]", label) for label in english)
    assert all(re.search(r"[\u0e00-\u0e7f]", label) for label in thai)
