"""What a shared link shows where it is posted, and what it is scanned from."""

import json
import re
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from content.catalog import LANGUAGES, catalog
from tests.web.frame.test_server import HTML, client
from web.frame import share
from web.frame.navigation import PAGES
from web.frame.server import STATIC

__all__ = ["client"]


def properties(text: str) -> dict[str, str]:
    return dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)"', text))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.key)
def test_a_posted_link_shows_its_page_in_its_language(client: TestClient, page, language: str) -> None:
    found = properties(client.get(f"/{page.path}?lang={language}", headers=HTML).text)
    words = catalog(language)
    assert found["og:title"] == f"{words[f'page.{page.key}']} · {words['frame.name']}"
    assert found["og:description"] == found["description"] == words[f"about.{page.key}"]
    assert found["og:url"] == f"http://testserver/{page.path}?lang={language}"
    assert found["og:image"] == f"http://testserver/app/static/share-{language}.png"
    assert found["og:locale"].startswith(language)
    assert (STATIC / f"share-{language}.png").read_bytes()[16:24] == bytes.fromhex("000004b000000276")


def test_the_address_in_the_page_is_the_one_that_was_asked_and_cannot_leave_its_quotes(
    client: TestClient,
) -> None:
    headers = HTML | {"host": 'a"><script>alert(1)</script>'}
    text = client.get("/?lang=en", headers=headers).text
    assert "<script>alert" not in text
    assert "{origin}" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_manifest_speaks_the_language_and_its_pictures_exist(client: TestClient, language: str) -> None:
    text = client.get(f"/?lang={language}", headers=HTML).text
    link = re.search(r'rel="manifest" href="([^"]+)"', text)
    assert link
    answer = client.get(link[1])
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = json.loads(answer.text)
    assert manifest["lang"] == language
    assert manifest["start_url"] == f"/?lang={language}"
    for icon in manifest["icons"]:
        assert (STATIC / icon["src"].removeprefix("/app/static/")).is_file()
    assert client.get("/manifest.xx.webmanifest").status_code == 404


def test_a_code_is_drawn_of_this_server_alone(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = client.get(f"/qr.svg?text={quote('http://testserver/fine-tune?lang=th#x')}")
    assert ours.status_code == 200
    assert ours.headers["content-type"] == "image/svg+xml"
    assert ours.text.startswith("<svg")
    long = "http://testserver/?q=" + "x" * share.LONGEST
    dense = "http://testserver/?q=" + "ก" * (share.LONGEST - 40)  # three bytes each
    broken = "http://[testserver/"
    elsewhere = ("https://elsewhere.example/", "javascript:alert(1)", "file:///etc/passwd")
    for bad in ("", *elsewhere, long, dense, broken):
        assert client.get(f"/qr.svg?text={quote(bad)}").status_code == 400
    room = f"/qr.svg?text={quote('http://192.0.2.7:8501/')}"
    assert client.get(room).status_code == 400
    monkeypatch.setattr(share, "addresses", lambda: ["192.0.2.7"])
    assert client.get(room).status_code == 200


@pytest.mark.parametrize(
    ("listens", "reached"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True), (None, True)]
)
def test_a_room_reaches_a_server_that_listens_to_it(
    monkeypatch: pytest.MonkeyPatch, listens: str | None, reached: bool
) -> None:
    monkeypatch.setattr(share.st, "get_option", lambda _: listens)
    address = type("Address", (), {"family": share.socket.AF_INET, "address": "192.0.2.7"})
    loopback = type("Address", (), {"family": share.socket.AF_INET, "address": "127.0.0.1"})
    monkeypatch.setattr(share.psutil, "net_if_addrs", lambda: {"a": [address], "lo": [loopback]})
    assert share.addresses() == (["192.0.2.7"] if reached else [])
