"""Where pages stand: their addresses, the destinations, and what is not shown before it exists."""

import json

import pytest

from content.catalog import LANGUAGES, catalog
from tests.pages.app import opened
from web.frame import navigation
from web.frame.navigation import DESTINATIONS, PAGES, PLAN, Destination, Page, destination_of, existing


def test_addresses_are_those_of_the_links_that_were_shared() -> None:
    assert {page.key: page.path for page in PAGES}.items() >= {
        "article": "",
        "matrices": "matrices",
        "decompose": "decompose",
        "fine_tune": "fine-tune",
        "experiments": "experiments",
        "methods": "methods",
        "serving": "serving",
    }.items()


def test_every_page_stands_under_one_destination() -> None:
    assert [each.key for each in PLAN] == ["article", "see", "train", "evidence", "use"]
    planned = [page for each in PLAN for page in each.pages]
    assert len({page.key for page in planned}) == len({page.path for page in planned}) == len(planned)
    for page in PAGES:
        assert [each.key for each in DESTINATIONS if page in each.pages] == [destination_of(page).key]


def test_every_file_of_a_page_has_its_place() -> None:
    files = {path.stem for path in (navigation.ROOT / "pages").glob("*.py") if path.stem != "__init__"}
    assert files == {page.key for page in PAGES}


def test_what_has_no_file_is_not_shown() -> None:
    there, to_come = Page("article", ""), Page("not_yet", "not-yet")
    found = existing((Destination("mixed", (there, to_come)), Destination("empty", (to_come,))))
    assert found == (Destination("mixed", (there,)),)


@pytest.mark.parametrize("language", LANGUAGES)
def test_destinations_titles_and_lines_are_words_of_the_language(language: str) -> None:
    words = catalog(language)
    titles = [words[f"frame.destination.{each.key}"] for each in PLAN]
    lines = [words[f"frame.line.{page.key}"] for page in PAGES]
    assert len(set(titles)) == len(titles)
    assert len(set(lines)) == len(lines)
    assert max(map(len, map(str, lines))) <= 44, "one line of a phone"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.key)
def test_a_page_says_where_it_is_and_shows_the_tabs_of_its_destination(page: Page) -> None:
    app = opened(page.key, "th")
    menus = [each.proto for each in app.get("bidi_component")]
    menus = [json.loads(each.json) for each in menus if each.component_name.endswith("pradit_menu")]
    said = {
        data["form"]: [data["here"], [[entry["key"] for entry in place["pages"]] for place in data["places"]]]
        for data in menus
    }
    here = destination_of(page)
    assert said.pop("bar") == [page.key, [[each.key for each in place.pages] for place in DESTINATIONS]]
    several = len(here.pages) > 1
    assert said == ({"tabs": [page.key, [[each.key for each in here.pages]]]} if several else {})
