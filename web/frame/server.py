"""What stands around Streamlit on the wire: security headers, the served page, a reader's cookie, Plotly.

Streamlit's own `index.html` is served with our styles linked, so that the first paint is already on paper,
and with the language and title of the URL, so that a shared link shows them where no script runs.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import streamlit
from markupsafe import Markup, escape
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from content.catalog import LANGUAGES, catalog
from web.frame.base_path import address, base_path
from web.frame.navigation import PAGES
from web.frame.share import ROUTES as SHARE
from web.frame.share import head
from web.kit.reader import COOKIE, reader_of, signed

INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
STATIC = Path(__file__).parents[1] / "static"
PLOTLY = STATIC / "plotly.min.js"
"""Lines and bars alone: the whole library keeps a browser busy for longer before it draws anything."""
STYLES = (
    "tokens.css", "frame.css", "article.css", "matrices.css", "decompose.css", "fine_tune.css", "player.css",
    "experiments.css", "serving.css", "methods.css", "teach.css",
)  # fmt: skip
FirstScreen = Callable[[str, str], str]
"""The HTML that a page shows before any script has run, of a language and of the view the URL asks for."""
FIRST = "first.js"
"""Shows the app once it stands, and takes the first screen away."""
CLOSED = ("/_stcore/metrics", "/_stcore/agent/")


@cache
def policy() -> str:
    """The content security policy; the one inline script of Streamlit's page is allowed by its hash."""
    inline = re.findall(r"<script>(.*?)</script>", INDEX.read_text("utf-8"), flags=re.DOTALL)
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline)
    scripts = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'self'; script-src 'self' blob: {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; connect-src 'self'; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    )


def spoken(headers: Headers) -> str:
    """The browser's own language, the first of its `Accept-Language`, if we speak it, else English."""
    first = headers.get("accept-language", "").split(",")[0].split(";")[0]
    tag = first.strip().split("-")[0].lower()
    return tag if tag in LANGUAGES else LANGUAGES[0]


@cache
def version(name: str) -> str:
    """A short hash of a static file, so that a changed file is fetched anew."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def static(name: str) -> str:
    """The address of a file of `web/static`."""
    return address(f"/app/static/{name}")


@cache
def index(language: str, key: str, path: str) -> str:
    """Streamlit's page with our language, title, description and styles; `{origin}`, `{first}` stay open.

    Args:
        path: where the page is reached, as `address` gives it.
    """
    words = catalog(language)
    title = escape(f"{words[f'page.{key}']} · {words['frame.name']}")
    noscript = escape(str(words["frame.noscript"]))
    styles = "".join(
        Markup('<link rel="stylesheet" href="{}?v={}">').format(static(name), version(name))
        for name in STYLES
        if (STATIC / name).exists()
    )
    page = INDEX.read_text("utf-8")
    page = page.replace('<html lang="en">', f'<html lang="{language}" class="coming">')
    page = re.sub(r"<title>.*?</title>", f"<title>{title}</title>", page)
    page = re.sub(r'<link\s+rel="preload"[^>]*as="font"[^>]*/>', "", page)
    page = re.sub(r'<link rel="service-desc"[^>]*/>', "", page)
    page = re.sub(
        r'<link rel="shortcut icon"[^>]*/>',
        f'<link rel="icon" type="image/svg+xml" href="{static("favicon.svg")}">',
        page,
    )
    page = re.sub(
        r"<noscript>.*?</noscript>", f"<noscript><p>{noscript}</p></noscript>", page, flags=re.DOTALL
    )
    page = page.replace('<div id="root">', '{first}<div id="root">')
    return page.replace("</head>", f"{head(language, key, path)}{styles}</head>")


def serve_index(request: Request, key: str, path: str, first_screen: FirstScreen | None = None) -> Response:
    """The page of a path with its first screen, and with a reader's cookie.

    An address without a language, or with one we do not speak, is led to the same address in the
    browser's language, so that every address in the bar can be shared as it stands.
    """
    language = request.query_params.get("lang", "")
    if language not in LANGUAGES:
        query = request.url.include_query_params(lang=spoken(request.headers)).query
        return RedirectResponse(f"{path}?{query}", status_code=307, headers={"vary": "accept-language"})
    origin = escape(f"{request.url.scheme}://{request.url.netloc}")
    page = index(language, key, path).replace("{origin}", origin)
    view = request.query_params.get("view", "")
    script = f'<script type="module" src="{static(FIRST)}?v={version(FIRST)}"></script>'
    page = page.replace("{first}", f"{first_screen(language, view) if first_screen else ''}{script}")
    response: Response = HTMLResponse(page, headers={"cache-control": "no-cache"})
    if reader_of(request.headers.get("cookie", "")) is None:
        response.set_cookie(
            COOKIE, signed(secrets.token_urlsafe(24)), max_age=7 * 86400, path=address("/"), httponly=True,
            samesite="lax", secure=request.url.scheme == "https",
        )  # fmt: skip
    return response


class Frame:
    """Pure ASGI middleware: headers on every response, our page on every page path, nothing under CLOSED.

    Args:
        first_screens: of the pages that have one, by their key.
    """

    def __init__(self, app: ASGIApp, first_screens: Mapping[str, FirstScreen] | None = None) -> None:
        self.app = app
        self.first_screens = first_screens or {}
        self.pages = {f"/{page.path}": page.key for page in PAGES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = policy()
                headers["x-content-type-options"] = "nosniff"
                headers["referrer-policy"] = "same-origin"
                headers["x-frame-options"] = "SAMEORIGIN"
                headers["permissions-policy"] = "camera=(), microphone=(), geolocation=()"
            await send(message)

        answer = self.answer(Request(scope))
        await (answer or self.app)(scope, receive, with_headers)

    def answer(self, request: Request) -> Response | None:
        """Our own answer to a request, or None where Streamlit answers."""
        asked, base = str(request.scope["path"]), base_path()
        query = "?" + query if (query := request.scope["query_string"].decode("latin-1")) else ""
        if base and asked == base:
            return RedirectResponse(f"{address('/')}{query}", status_code=307)
        if not asked.startswith(f"{base}/"):
            return None  # not ours, nor Streamlit's
        path = asked.removeprefix(base)
        if path.startswith(CLOSED):
            return PlainTextResponse("not found", status_code=404)
        if request.method not in ("GET", "HEAD"):
            return None
        if path in self.pages:
            key = self.pages[path]
            return serve_index(request, key, address(path), self.first_screens.get(key))
        first, _, rest = path.strip("/").partition("/")
        if not rest and "." not in first and "text/html" in request.headers.get("accept", ""):
            known = (
                f"/{first}" if f"/{first}" in self.pages else "/"
            )  # with a slash too many, or none of ours
            return RedirectResponse(f"{address(known)}{query}", status_code=307)
        return None


async def serve_plotly(_: Request) -> Response:
    """Plotly's script from beside the page, so that no other origin is asked."""
    return FileResponse(
        PLOTLY, media_type="text/javascript", headers={"cache-control": "public, max-age=86400"}
    )


ROUTES = [Route("/vendor/plotly.min.js", serve_plotly), *SHARE]
