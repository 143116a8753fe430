"""What makes a link worth sharing: how it looks where it is posted, a code to scan, a home screen's mark."""

import io
import json
import socket
from urllib.parse import urlsplit

import psutil
import segno
import streamlit as st
from markupsafe import escape
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from content.catalog import LANGUAGES, catalog
from web.frame.base_path import address

LONGEST = 1500
"""Bytes of an address that a code is drawn for; beyond, it is too dense to scan from a wall."""

LOCALES = {"en": "en_GB", "th": "th_TH"}


def head(language: str, key: str, path: str) -> str:
    """What a page says of itself to those who show its link. `{origin}` is the scheme and host."""
    words = catalog(language)
    title = escape(f"{words[f'page.{key}']} · {words['frame.name']}")
    about = escape(str(words[f"about.{key}"]))
    tags = [
        f'<meta name="description" content="{about}">',
        '<meta property="og:type" content="website">',
        f'<meta property="og:site_name" content="{escape(str(words["frame.name"]))}">',
        f'<meta property="og:title" content="{title}">',
        f'<meta property="og:description" content="{about}">',
        f'<meta property="og:url" content="{{origin}}{path}?lang={language}">',
        f'<meta property="og:image" content="{{origin}}{address(f"/app/static/share-{language}.png")}">',
        '<meta property="og:image:width" content="1200"><meta property="og:image:height" content="630">',
        f'<meta property="og:image:alt" content="{escape(str(words["frame.picture"]))}">',
        f'<meta property="og:locale" content="{LOCALES[language]}">',
        '<meta name="twitter:card" content="summary_large_image">',
        f'<link rel="canonical" href="{{origin}}{path}?lang={language}">',
        *(
            f'<link rel="alternate" hreflang="{other}" href="{{origin}}{path}?lang={other}">'
            for other in LANGUAGES
        ),
        f'<link rel="manifest" href="{address(f"/manifest.{language}.webmanifest")}">',
        f'<link rel="apple-touch-icon" href="{address("/app/static/icon-192.png")}">',
        '<meta name="theme-color" content="#fbf8f1" media="(prefers-color-scheme: light)">',
        '<meta name="theme-color" content="#171512" media="(prefers-color-scheme: dark)">',
    ]
    return "".join(tags)


def addresses() -> list[str]:
    """IPv4 addresses at which others in the room reach this server; none if it listens to itself only."""
    listens = st.get_option("server.address")
    if listens and (listens == "localhost" or listens.startswith("127.")):
        return []
    return sorted(
        each.address
        for found in psutil.net_if_addrs().values()
        for each in found
        if each.family == socket.AF_INET and not each.address.startswith(("127.", "169.254."))
    )


async def serve_code(request: Request) -> Response:
    """`/qr.svg?text=…`: an address of this very server as a QR code, and of no other."""
    text = request.query_params.get("text", "")
    try:
        url = urlsplit(text)
    except ValueError:  # a bracket that is not closed
        return PlainTextResponse("not an address", status_code=400)
    if url.scheme not in ("http", "https") or url.hostname not in {request.url.hostname, *addresses()}:
        return PlainTextResponse("not an address of this server", status_code=400)
    if len(text.encode()) > LONGEST:
        return PlainTextResponse("too long", status_code=400)
    drawing = io.BytesIO()
    segno.make(text, error="m", micro=False).save(drawing, kind="svg", border=1, scale=4, xmldecl=False)
    return Response(drawing.getvalue(), media_type="image/svg+xml")


async def serve_manifest(request: Request) -> Response:
    """The web manifest of a language: name, colours and marks for a home screen."""
    language = request.path_params["language"]
    if language not in LANGUAGES:
        return PlainTextResponse("not found", status_code=404)
    words = catalog(language)
    manifest = {
        "name": f"{words['page.article']} · {words['frame.name']}",
        "short_name": words["frame.name"],
        "description": words["frame.description"],
        "lang": language,
        "dir": "ltr",
        "id": address("/"),
        "start_url": f"{address('/')}?lang={language}",
        "scope": address("/"),
        "display": "minimal-ui",
        "background_color": "#fbf8f1",
        "theme_color": "#fbf8f1",
        "icons": [
            {"src": address("/app/static/favicon.svg"), "sizes": "any", "type": "image/svg+xml"},
            *(
                {
                    "src": address(f"/app/static/icon-{size}.png"),
                    "sizes": f"{size}x{size}",
                    "type": "image/png",
                }
                for size in (192, 512)
            ),
        ],
    }
    return Response(json.dumps(manifest, ensure_ascii=False), media_type="application/manifest+json")


ROUTES = [Route("/qr.svg", serve_code), Route("/manifest.{language}.webmanifest", serve_manifest)]
