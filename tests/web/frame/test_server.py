"""The frame on the wire, without a browser: what is served, to whom, with which headers."""

import re
from urllib.parse import parse_qs

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from content.catalog import LANGUAGES, catalog
from web.article.first_screen import first_screen
from web.frame.navigation import PAGES
from web.frame.server import ROUTES, Frame, policy

HTML = {"accept": "text/html"}


@pytest.fixture
def client() -> TestClient:
    inner = Starlette(routes=[*ROUTES, Route("/{rest:path}", lambda _: PlainTextResponse("streamlit"))])
    return TestClient(Frame(inner, {"article": first_screen}), follow_redirects=False)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.key)
def test_each_page_is_served_in_the_language_of_its_address(client: TestClient, page, language: str) -> None:
    text = client.get(f"/{page.path}?lang={language}", headers=HTML).text
    assert f'<html lang="{language}" class="coming">' in text
    assert (
        f"<title>{catalog(language)[f'page.{page.key}']} · {catalog(language)['frame.name']}</title>" in text
    )
    assert catalog(language)["frame.noscript"] in text
    assert "tokens.css" in text
    assert "service-desc" not in text
    assert ('id="first"' in text) == (page.key == "article")
    assert "{first}" not in text
    assert '<script type="module" src="/app/static/first.js?v=' in text  # or the page would stay unseen


def test_the_article_stands_in_the_served_page_as_its_view_begins(client: TestClient) -> None:
    title = f"<title>{catalog('th')['page.article']}"
    for query, summary in [("", True), ("&view=read", True), ("&view=listen", False), ("&view=both", False)]:
        text = client.get(f"/?lang=th{query}", headers=HTML).text
        assert title in text
        assert ('data-s="tldr-1"' in text) == summary


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("th,en;q=0.8", "th"),
        ("th-TH", "th"),
        ("de,th;q=0.5", "en"),
        ("en-GB", "en"),
        ("de", "en"),
        ("", "en"),
    ],
)
def test_an_address_without_a_language_is_led_to_the_browsers(
    client: TestClient, accepted: str, language: str
) -> None:
    for query in ("", "?lang=xx", "?lang=%3Cscript%3E", "?lang="):
        answer = client.get(f"/matrices{query}", headers=HTML | {"accept-language": accepted})
        assert (answer.status_code, answer.headers["location"]) == (307, f"/matrices?lang={language}")
    kept = client.get("/matrices?rank=4&lang=xx&rule=constant", headers={"accept-language": accepted})
    query = parse_qs(kept.headers["location"].removeprefix("/matrices?"))
    assert query == {"rank": ["4"], "rule": ["constant"], "lang": [language]}


def test_a_reader_gets_one_unguessable_cookie(client: TestClient) -> None:
    cookie = client.get("/?lang=en", headers=HTML).headers["set-cookie"]
    assert re.match(r"pradit_reader=[\w-]{32}\.[\w-]{43}; HttpOnly;", cookie)
    assert "SameSite=lax" in cookie
    assert "set-cookie" not in client.get("/?lang=en", headers=HTML).headers  # the client keeps it
    assert TestClient(client.app).get("/?lang=en", headers=HTML).headers["set-cookie"] != cookie


def test_a_page_we_do_not_have_leads_to_the_start_and_keeps_its_query(client: TestClient) -> None:
    answer = client.get("/nowhere?lang=th", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (307, "/?lang=th")
    assert client.get("/nowhere.js").text == "streamlit"
    assert client.get("/static/js/x", headers=HTML).text == "streamlit"


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/agent/openapi.json", "/_stcore/agent/mcp"])
def test_closed_doors_are_closed(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 404


def test_every_answer_carries_the_headers(client: TestClient) -> None:
    for path in ("/", "/_stcore/metrics", "/app/static/tokens.css", "/vendor/plotly.min.js"):
        headers = client.get(path, headers=HTML).headers
        assert headers["content-security-policy"] == policy()
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-frame-options"] == "SAMEORIGIN"


def test_no_inline_script_runs_but_streamlits_own() -> None:
    scripts = re.search(r"script-src ([^;]*)", policy())
    assert scripts
    assert "unsafe-inline" not in scripts[1]
    assert "unsafe-eval" not in scripts[1]
    assert len(re.findall(r"'sha256-[\w+/=]+'", scripts[1])) == 1


def test_plotly_comes_from_this_server_and_in_its_small_form(client: TestClient) -> None:
    answer = client.get("/vendor/plotly.min.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "plotly.js (basic - minified)" in answer.text[:200]
    assert len(answer.content) < 1.5e6
