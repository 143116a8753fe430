"""A reader finds everything below `server.baseUrlPath`, and behind nginx as `docs/nginx.conf` sets it up."""

import http.client
import json
import re
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Page, Response, expect

from content.catalog import catalog
from tests.browser.conftest import PROBE, ROOT, free_port, go_to, healthy, serving, settled, visit, wait_for
from tests.browser.dragging import said
from tests.browser.install import install_nginx, nginx
from tests.browser.playing import press_play, switch
from web.frame.upload_route import HEADER

SHIPPED = ROOT / "docs" / "nginx.conf"
AROUND = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {shipped}
}}
"""


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a base path."""
    folder = tmp_path_factory.mktemp("below")
    with serving(folder, STREAMLIT_SERVER_BASE_URL_PATH="pradit") as (url, _):
        yield url


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, below: str, server: str) -> Iterator[str]:
    """nginx as it is shipped, before a server with a host of its own and one below a path of it."""
    if reason := install_nginx():
        pytest.skip(f"no nginx: {reason}")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    text = SHIPPED.read_text("utf-8")
    for shipped, here in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("http://127.0.0.1:8501;", f"{server};"),
        ("http://127.0.0.1:8502;", f"{below.removesuffix('/pradit')};"),
    ):
        assert text.count(shipped) == 1
        text = text.replace(shipped, here)
    settings = folder / "nginx.conf"
    settings.write_text(AROUND.format(folder=folder, shipped=text), "utf-8")
    command = [str(nginx()), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(settings)]
    process = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: healthy(url) or process.poll() is not None, 20, "nginx does not answer")
        assert process.poll() is None, (folder / "error.log").read_text("utf-8")
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(params=["below a path", "behind nginx, below a path", "behind nginx"])
def start(request: pytest.FixtureRequest) -> str:
    """Where the app's first page is reached, without a slash at its end."""
    if request.param == "below a path":
        return str(request.getfixturevalue("below"))
    path = "/pradit" if "path" in request.param else ""
    return f"{request.getfixturevalue('proxy')}{path}"


@pytest.fixture
def walker(new_reader: Callable[..., Page], start: str) -> Iterator[tuple[Page, list[Response]]]:
    """A reader, and all the answers they get: none is missing, and none comes from beside the base path."""
    page, answers = new_reader(), list[Response]()
    sockets: list[str] = []
    page.on("response", lambda answer: answers.append(answer))
    page.on("websocket", lambda opened: sockets.append(opened.url))
    yield page, answers
    found = [answer for answer in answers if not PROBE.search(answer.url) and answer.url.startswith("http")]
    assert [(answer.status, answer.url) for answer in found if answer.status >= 400] == []
    assert [answer.url for answer in found if not f"{answer.url}/".startswith(f"{start}/")] == []
    assert sockets
    assert all(url.startswith(f"{start.replace('http', 'ws', 1)}/_stcore/stream") for url in sockets)


def shows(page: Page, start: str, key: str, path: str, language: str) -> None:
    """The page stands at its address, with its title."""
    words = catalog(language)
    expect(page).to_have_title(f"{words[f'page.{key}']} · {words['frame.name']}")
    expect(page).to_have_url(re.compile(rf"^{re.escape(start)}/{path}\?(.*&)?lang={language}"))


def test_a_reader_walks_drags_uploads_and_listens(walker: tuple[Page, list[Response]], start: str) -> None:
    page, answers = walker
    visit(page, start)
    shows(page, start, "article", "", "en")

    go_to(page, "matrices")
    settled(page)
    shows(page, start, "matrices", "matrices", "en")
    rank = page.locator(".st-key-matrices #rank")
    before = said(page, "parameters").inner_text()
    rank.press("ArrowRight")
    expect(said(page, "parameters")).not_to_have_text(before)
    expect(page).to_have_url(re.compile(r"[?&]rank="))
    switch(page, "th")
    shows(page, start, "matrices", "matrices", "th")
    settled(page.reload() and page)
    shows(page, start, "matrices", "matrices", "th")

    go_to(page, "decompose")
    settled(page)
    shows(page, start, "decompose", "decompose", "th")
    file = {"name": "m.csv", "mimeType": "text/csv", "buffer": b"1,2\n3,9"}
    page.locator(".upload input[type=file]").set_input_files([file])
    expect(said(page, "size")).to_have_text("2 × 2")

    go_to(page, "experiments")
    settled(page)
    record = page.locator("a[download][href$='.csv']").first.evaluate("link => link.href")
    assert record.startswith(f"{start}/results/")
    assert page.request.get(record).status == 200
    expect(page.locator(".js-plotly-plot").first).to_be_attached()

    go_to(page, "article")
    shows(page, start, "article", "", "th")
    settled(page)
    page.locator(".st-key-view [role=radio]").last.click()
    press_play(page, "th")
    asked = {answer.url.removeprefix(f"{start}/").partition("/")[0] for answer in answers}
    assert asked >= {"app", "widgets", "vendor", "upload", "narration", "audio"}


def test_a_page_that_does_not_exist_leads_to_the_first(
    walker: tuple[Page, list[Response]], start: str
) -> None:
    page, _ = walker
    visit(page, f"{start}/nowhere?lang=th")
    shows(page, start, "article", "", "th")


@pytest.mark.parametrize("path", ["", "/pradit"])
def test_the_proxy_hands_on_the_host_that_was_asked(proxy: str, path: str) -> None:
    """A page names itself as the browser does, and the live connection is open to the browser's origin."""
    host = f"pradit.example:{urlsplit(proxy).port}"
    request = urllib.request.Request(f"{proxy}{path}/matrices?lang=en", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert f'rel="canonical" href="http://{host}{path}/matrices?lang=en"' in answer.read().decode()
    upgrade = {
        "Host": host, "Origin": f"http://{host}", "Connection": "Upgrade", "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
    }  # fmt: skip
    connection = http.client.HTTPConnection(urlsplit(proxy).netloc, timeout=20)
    connection.request("GET", f"{path}/_stcore/stream", headers=upgrade)
    assert connection.sock is not None
    assert connection.sock.recv(12) == b"HTTP/1.1 101"
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()


@pytest.mark.parametrize("path", ["", "/pradit"])
def test_the_proxy_hands_on_a_file_and_a_reader_by_their_cookie(proxy: str, path: str) -> None:
    with urllib.request.urlopen(f"{proxy}{path}/?lang=en", timeout=20) as answer:
        cookie = answer.headers["set-cookie"].partition(";")[0]
        styles = re.findall(r'href="([^"]+\.css)', answer.read().decode())
    assert styles
    for style in styles:
        with urllib.request.urlopen(urljoin(f"{proxy}{path}/", style), timeout=20) as answer:
            assert answer.headers["content-type"].startswith("text/css")
    large = bytes(3 << 20)  # nginx alone refuses more than a megabyte
    headers = {"Cookie": cookie, HEADER: "1", "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(f"{proxy}{path}/upload", large, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert list(json.loads(answer.read())) == ["id"]


def test_the_path_without_its_slash_is_mended_where_the_browser_is(proxy: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(proxy).netloc, timeout=20)
    connection.request("GET", "/pradit?lang=th", headers={"Host": "pradit.example"})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["location"]) == (301, "/pradit/?lang=th")
    connection.close()
