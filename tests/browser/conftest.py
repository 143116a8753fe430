"""A real server and a real browser.

Every page that a test opens is watched: an error in the console, a request to another origin or an
uncaught exception fails the test, whatever the test itself looks at.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect
from playwright.sync_api import Error as PlaywrightError

from tests.browser.install import chromium
from web.frame.navigation import DESTINATIONS

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PROBE = re.compile(r"/_stcore/(health|host-config)$")  # Streamlit's own 404s on a deep link
expect.set_options(timeout=20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a browser test is forgiven: sockets left to the garbage collector."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Poll until the condition holds.

    Raises:
        TimeoutError: it did not in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise TimeoutError(what)


def healthy(url: str) -> bool:
    """Whether the server answers."""
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def serving(tmp_path: Path, **environment: str) -> Iterator[tuple[str, psutil.Process]]:
    """A fresh server on a free port; yields its address and process, and checks that nothing outlives it."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"} | environment
    port, base = free_port(), environment.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    log = tmp_path / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        server = psutil.Process(process.pid)
        url = f"http://127.0.0.1:{port}" + (f"/{base}" if base else "")
        try:
            wait_for(lambda: healthy(url) or process.poll() is not None, 60, "the server does not answer")
            assert process.poll() is None, log.read_text("utf-8")
            yield url, server
            children = server.children(recursive=True)
        finally:
            process.terminate()
            process.wait(20)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive, f"processes outlive the server: {alive}"
        assert "Traceback" not in log.read_text("utf-8"), log.read_text("utf-8")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one server for all tests that do not need their own."""
    with serving(tmp_path_factory.mktemp("server")) as (url, _):
        yield url


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = chromium()
    return browser_type_launch_args | {"args": FLAGS} | ({"executable_path": path} if path else {})


class Desks:
    """Browser contexts that one new reader after the other sits at.

    What a browser has fetched and compiled of the app stays (a page opens in a third of the time), what it
    knows of the reader goes: cookies, and what the page keeps in it.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.free: dict[str, list[tuple[BrowserContext, list[str]]]] = {}
        self.taken: list[tuple[str, BrowserContext, list[str]]] = []

    def open_page(self, *, fresh: bool = False, **options: Any) -> Page:
        """A page of a new reader; `fresh` where the test changes more of its browser than can be undone."""
        settings = {"viewport": {"width": 1440, "height": 900}, "locale": "en-US"} | options
        key = "" if fresh else json.dumps(settings, sort_keys=True)
        if self.free.get(key):
            context, troubles = self.free[key].pop()
        else:
            context, troubles = self.browser.new_context(**settings), []
            watch(context, troubles)
        self.taken.append((key, context, troubles))
        return context.new_page()

    def leave(self) -> list[str]:
        """Clear every desk that was taken since the last time; what its pages were troubled by."""
        found = []
        for key, context, troubles in self.taken:
            found += troubles
            kept = bool(key) and self._clear(context)
            if kept:
                self.free.setdefault(key, []).append((context, troubles))
            else:
                context.close()
            troubles.clear()
        self.taken = []
        return found

    def close(self) -> None:
        """Close all that are free."""
        for desks in self.free.values():
            for context, _ in desks:
                context.close()

    @staticmethod
    def _clear(context: BrowserContext) -> bool:
        """Whether the context is as good as new."""
        try:
            for page in context.pages:
                if page.url.startswith("http"):  # on the way out the player keeps its place
                    page.goto(urljoin(page.url, "/_stcore/health"))
                    page.evaluate("() => localStorage.clear()")
                page.close()
            context.clear_cookies()
        except PlaywrightError:  # the test has closed it, or its page is gone
            return False
        return True


def watch(context: BrowserContext, troubles: list[str]) -> None:
    """Note every console error, uncaught exception and request that leaves the page's own origin."""

    def console(message: ConsoleMessage) -> None:
        if message.type == "error" and not PROBE.search(message.location.get("url", "")):
            troubles.append(f"console: {message.text} ({message.location})")

    context.on("console", console)
    context.on("weberror", lambda error: troubles.append(f"uncaught: {error.error}"))
    context.on(
        "request",
        lambda request: (
            None
            if re.match(r"(https?|ws)://127\.0\.0\.1[:/]|data:|blob:", request.url)
            else troubles.append(f"outside: {request.url}")
        ),
    )


@pytest.fixture(scope="session")
def desks(browser: Browser) -> Iterator[Desks]:
    """The browser contexts of all tests."""
    all_of_them = Desks(browser)
    yield all_of_them
    all_of_them.close()


@pytest.fixture
def new_reader(desks: Desks) -> Iterator[Callable[..., Page]]:
    """Opens a page as a new reader (own cookies); keyword arguments go to the browser's context."""
    yield desks.open_page
    troubles = desks.leave()
    assert not troubles, "\n".join(troubles)


@pytest.fixture
def reader(new_reader: Callable[..., Page]) -> Page:
    """One reader at a desk."""
    return new_reader()


def settled(page: Page) -> Page:
    """Wait until the app is connected and its script has run to the end."""
    page.wait_for_selector(
        '[data-testid="stApp"][data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]',
        timeout=60_000,
    )
    page.wait_for_selector(".st-key-lang [role=radio][data-label]")  # the frame's own words are said last
    page.wait_for_function("() => document.fonts.ready.then(() => true)")
    return page


def at_rest(page: Page) -> Page:
    """Wait until the page has not scrolled for twenty frames: a smooth scroll moves in each of them."""
    page.evaluate("""() => new Promise(done => {
        const main = document.querySelector('[data-testid=stMain]')
        let last = NaN, same = 0
        const look = () => {
            same = main.scrollTop === last ? same + 1 : 0
            last = main.scrollTop
            same < 20 ? requestAnimationFrame(look) : done()
        }
        look()
    })""")
    return page


def link_to(page: Page, key: str) -> Locator:
    """The link that leads to a page: one of the tabs, or of the bar's destinations to its first page."""
    tab, place = (f"{part} a[data-page={key}]" for part in (".st-key-tabs", ".st-key-menu .places"))
    return page.locator(f"{tab}, {place}").first


def go_to(page: Page, key: str) -> None:
    """Go to a page by the frame's links, by way of its destination if it is not the first there."""
    first = next(each.pages[0].key for each in DESTINATIONS if key in [page.key for page in each.pages])
    link_to(page, first).click()
    if key != first:
        link_to(page, key).click()


def visit(page: Page, url: str) -> Page:
    """Open an address and wait until it has settled."""
    page.goto(url)
    return settled(page)
