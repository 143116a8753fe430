"""What the player is told by the frame, and what it may ask the server for."""

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

import web.frame.player
from content.catalog import LANGUAGES, catalog
from narration.article import chapters
from web.frame.navigation import PAGES, ROOT
from web.kit.reader import COOKIE, signed


class Recorder:
    """A narration that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def request(self, *asked: str) -> dict[str, Any]:
        self.asked.append(asked)
        return {"chapter": "why", "audio": None, "fallback": "", "sentences": [], "peaks": [0.0], "words": []}

    def script(self, *asked: str) -> list[dict[str, Any]]:
        self.asked.append(asked)
        return [{"id": "why-1", "text": "said", "map": [], "pause": 0.2}]


@pytest.fixture
def narration(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(web.frame.player, "service", lambda: recorder)
    return recorder


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=web.frame.player.ROUTES))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_chapters_are_the_articles_with_the_time_each_sentence_may_take(
    client: TestClient, language: str
) -> None:
    found = client.get(f"/narration/{language}").json()
    assert [(one["id"], one["title"]) for one in found] == [(c.id, c.title) for c in chapters(language)]
    said = [name for one in found for name, _ in one["sentences"]]
    assert said == [u.id for chapter in chapters(language) for u in chapter.utterances]
    assert all(0 < seconds < 60 for one in found for _, seconds in one["sentences"])


def test_sentences_have_the_same_names_in_both_languages(client: TestClient) -> None:
    names = [
        [name for chapter in client.get(f"/narration/{language}").json() for name, _ in chapter["sentences"]]
        for language in LANGUAGES
    ]
    assert names[0] == names[1]


def test_a_track_is_asked_for_from_a_sentence_on_for_this_reader(
    client: TestClient, narration: Recorder
) -> None:
    client.cookies.set(COOKIE, signed("token"))
    answer = client.get("/narration/en/why?voice=builtin&sentence=why-3")
    assert narration.asked == [("en", "builtin", "why-3", "token")]
    assert answer.json() == {"chapter": "why", "audio": None, "fallback": "", "sentences": []}
    assert answer.headers["cache-control"] == "no-store"


def test_a_sentence_of_another_chapter_is_the_beginning(client: TestClient, narration: Recorder) -> None:
    for sentence in ("cost-2", "", "nonsense"):
        client.get(f"/narration/th/why?voice=builtin&sentence={sentence}")
    assert {asked[2] for asked in narration.asked} == {"why-title"}


def test_a_device_is_given_what_to_say(client: TestClient, narration: Recorder) -> None:
    answer = client.get("/narration/th/why?voice=device").json()
    assert answer["sentences"][0]["text"] == "said"
    assert narration.asked == [("th", "why")]


@pytest.mark.parametrize("path", ["xx", "xx/why", "en/nowhere", "en/..%2f..%2fapp"])
def test_what_does_not_exist_is_not_found(client: TestClient, narration: Recorder, path: str) -> None:
    assert client.get(f"/narration/{path}").status_code == 404
    assert not narration.asked


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_player_stands_in_the_frame_of_every_page_in_its_language(language: str) -> None:
    app = AppTest.from_file(str(ROOT / "web" / "main.py"), default_timeout=60)
    app.query_params["lang"] = language
    app.run()
    for page in PAGES:
        app.switch_page(str(page.file)).run()
        assert not app.exception
        found = [each for each in app.get("bidi_component") if "player" in each.proto.component_name]
        assert len(found) == 1
        told = json.loads(found[0].proto.json)
        assert told["language"] == language
        assert told["voices"]["builtin"] == catalog(language)["narration.voice.builtin"]
        assert told["text"]["play"] == catalog(language)["player.play"]
