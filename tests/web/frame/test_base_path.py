"""Below any `server.baseUrlPath` the server answers as at the root, and names no address beside it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit import config
from streamlit.web.server.starlette.starlette_routes import create_app_static_serving_routes
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_assets_routes
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

import narration.routes
from content.catalog import LANGUAGES, catalog
from narration.cache import Cache, Clip
from narration.service import Service
from narration.voices.registry import Settings
from web.article.first_screen import first_screen
from web.experiments.files import NAMES
from web.experiments.files import ROUTES as RESULTS
from web.frame.base_path import address, base_path, below
from web.frame.navigation import PAGES, ROOT
from web.frame.player import ROUTES as PLAYER
from web.frame.server import ROUTES, Frame
from web.frame.upload_route import HEADER
from web.frame.upload_route import ROUTES as UPLOADS
from widgets.component import MODULES, VERSION
from widgets.component import ROUTES as WIDGETS

HTML = {"accept": "text/html"}
HOST = "http://testserver"
BASES = {
    "": "",
    "pradit": "/pradit",
    "/deep/er/": "/deep/er",
    "ห้อง เรียน": "/" + quote("ห้อง เรียน"),
    "fine-tune": "/fine-tune",
}
KEY, SOUND = "cd" * 32, b"sound" * 20


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest) -> Iterator[str]:
    """The base path as it stands in an address; Streamlit is told of it as an operator does."""
    before = config.get_option("server.baseUrlPath")
    config.set_option("server.baseUrlPath", request.param)
    yield BASES[request.param]
    config.set_option("server.baseUrlPath", before)


@pytest.fixture
def client(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """All our routes before Streamlit's own files, as `app.py` and `st.App` set them up."""
    cache = Cache(tmp_path)
    cache.put(KEY, Clip(SOUND, 1.0, [], [], "builtin", []))
    service = Service(cache, Settings())
    monkeypatch.setattr(narration.routes, "service", lambda: service)
    own = below([*ROUTES, *WIDGETS, *RESULTS, *PLAYER, *UPLOADS])
    files = create_app_static_serving_routes(str(ROOT / "web" / "main.py"), base_path())
    streamlits = create_streamlit_static_assets_routes(base_path())
    inner = Starlette(routes=[*own, *files, *streamlits])
    return TestClient(Frame(inner, {"article": first_screen}), follow_redirects=False)


def addresses(html: str, page: str) -> set[str]:
    """Every address that a served page names on its own host."""
    named = re.findall(
        r'<(?:script|link|meta|img|a)\b[^>]*?\b(?:(?:src|href)="|content="(?=http))([^"]+)"', html
    )
    return {found for each in named if (found := urljoin(page, each)).startswith(f"{HOST}/")}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.key)
def test_each_page_stands_below_it_in_its_language(
    client: TestClient, base: str, page, language: str
) -> None:
    text = client.get(f"{base}/{page.path}?lang={language}", headers=HTML).text
    words = catalog(language)
    assert f'<html lang="{language}"' in text
    assert f"<title>{words[f'page.{page.key}']} · {words['frame.name']}</title>" in text
    assert f'<link rel="canonical" href="{HOST}{base}/{page.path}?lang={language}">' in text


def test_every_address_in_a_page_is_below_it_and_answers(client: TestClient, base: str) -> None:
    for path in ("", "matrices"):
        here = f"{HOST}{base}/{path}?lang=th"
        found = addresses(client.get(here, headers=HTML).text, here)
        kinds = {Path(urlsplit(each).path).suffix for each in found}
        assert kinds >= {".css", ".js", ".svg", ".png", ".webmanifest", ""}
        for each in found:
            assert each.startswith(f"{HOST}{base}/"), each
            assert client.get(each, headers=HTML).status_code == 200, each


def test_the_manifest_stands_below_it_with_all_that_it_names(client: TestClient, base: str) -> None:
    for language in LANGUAGES:
        manifest = json.loads(client.get(f"{base}/manifest.{language}.webmanifest").text)
        assert manifest["scope"] == manifest["id"] == f"{base}/"
        assert manifest["start_url"] == f"{base}/?lang={language}"
        for icon in manifest["icons"]:
            assert icon["src"].startswith(f"{base}/")
            assert client.get(icon["src"]).headers["content-type"] == icon["type"]


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/", "/?lang=th"),
        ("/matrices?rank=4&lang=xx", "/matrices?rank=4&lang=th"),
        ("/nowhere?lang=en", "/?lang=en"),
        ("/matrices/?lang=en", "/matrices?lang=en"),
    ],
)
def test_who_is_led_elsewhere_stays_below_it(client: TestClient, base: str, asked: str, led: str) -> None:
    answer = client.get(f"{base}{asked}", headers=HTML | {"accept-language": "th"})
    assert (answer.status_code, answer.headers["location"]) == (307, f"{base}{led}")


def test_without_its_slash_it_leads_to_the_first_page(client: TestClient, base: str) -> None:
    if base:
        answer = client.get(f"{base}?lang=en&view=read", headers=HTML)
        assert (answer.status_code, answer.headers["location"]) == (307, f"{base}/?lang=en&view=read")


def test_beside_it_is_nothing_of_ours(client: TestClient, base: str) -> None:
    for path in ("/", "/matrices", "/nowhere", "/upload", "/app/static/tokens.css", f"{base}x/matrices"):
        if base and not f"{path}/".startswith(f"{base}/"):
            answer = client.get(f"{path}?lang=en", headers=HTML)
            assert answer.status_code == 404, path
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/agent/openapi.json"])
def test_what_is_closed_is_closed_below_it(client: TestClient, base: str, path: str) -> None:
    assert client.get(base + path).status_code == 404
    assert client.post(base + path).status_code == 404


def test_a_reader_with_the_cookie_of_this_path_uploads(client: TestClient, base: str) -> None:
    cookie = client.get(f"{base}/?lang=en", headers=HTML).headers["set-cookie"]
    assert f"Path={base}/;" in cookie
    answer = client.post(f"{base}/upload", content=b"1,2\n3,4", headers={HEADER: "1"})
    assert (answer.status_code, list(answer.json())) == (200, ["id"])


def test_sound_results_scripts_and_codes_are_served_below_it(client: TestClient, base: str) -> None:
    part = client.get(f"{base}/audio/{KEY}.mp3", headers={"range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, b"sound")
    assert client.get(f"{base}/narration/th").json()
    assert (
        client.get(f"{base}/results/{next(iter(NAMES))}.csv").headers["content-type"].startswith("text/csv")
    )
    assert "plotly.js" in client.get(f"{base}/vendor/plotly.min.js").text[:200]
    for name, code in MODULES.items():
        assert client.get(f"{base}/widgets/{VERSION}/{name}").content == code
    here = quote(f"{HOST}{base}/matrices?lang=en")
    assert client.get(f"{base}/qr.svg?text={here}").headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(("trusted", "scheme"), [("testclient", "https"), ("192.0.2.1", "http")])
def test_the_scheme_is_the_one_that_a_trusted_proxy_names(
    client: TestClient, base: str, trusted: str, scheme: str
) -> None:
    proxied = TestClient(ProxyHeadersMiddleware(client.app, trusted), follow_redirects=False)  # type: ignore[arg-type]
    headers = HTML | {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.5"}
    answer = proxied.get(f"{base}/matrices?lang=en", headers=headers)
    assert f'rel="canonical" href="{scheme}://testserver{base}/matrices?lang=en"' in answer.text
    assert ("Secure" in answer.headers["set-cookie"]) == (scheme == "https")
    led = proxied.get(f"{base}/matrices", headers=headers)
    assert led.headers["location"] == f"{base}/matrices?lang=en"  # at the browser's own scheme and host


def test_an_address_is_the_base_path_and_the_path(base: str) -> None:
    assert address("/upload") == f"{base}/upload"
    assert base_path() == unquote(base)
    assert [route.path for route in below(UPLOADS)] == [f"{unquote(base)}/upload"]
    assert below(UPLOADS)[0].methods == UPLOADS[0].methods


def test_no_script_style_or_link_names_a_path_of_the_host() -> None:
    """`/upload` in a browser leaves the base path; `upload`, relative to the page, does not."""
    rooted = re.compile(
        r"""\b(?:href|src|action)=\\?["']/|\burl\(["']?/|\bfetch\([`'"]/|\bimport\([`'"]/|location\.origin|\]\(/"""
    )
    sources = [
        path
        for folder in ("widgets", "web", "pages", "content")
        for kind in ("py", "js", "css", "html", "md", "po", "svg")
        for path in (ROOT / folder).rglob(f"*.{kind}")
        if not path.name.endswith(".min.js")  # a library's, as it came
    ]
    assert len(sources) > 100
    for path in sources:
        for found in rooted.finditer(path.read_text("utf-8")):
            raise AssertionError(f"{path.relative_to(ROOT)}: {found[0]}")
