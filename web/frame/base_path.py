"""The path below which everything is served, Streamlit's `server.baseUrlPath`: `/pradit`, or none.

What the server writes into a page, a header or a manifest goes through `address`; its routes through `below`.
Scripts, styles and links in the browser name the server's paths relative to the page, which stands directly
below the base path (`widgets/shared/address.js`).
"""

from collections.abc import Iterable
from urllib.parse import quote

import streamlit as st
from starlette.routing import Route


def base_path() -> str:
    """With a slash before it and none behind it; empty where the server has the whole host."""
    inside = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{inside}" if inside else ""


def address(path: str) -> str:
    """Where one of the server's own paths is reached: `/pradit/qr.svg` for `/qr.svg`, percent-encoded."""
    return quote(base_path() + path)


def below(routes: Iterable[Route]) -> list[Route]:
    """The routes as they stand below the base path; `st.App` mounts what it is given at the root."""
    base = base_path()
    return [Route(base + route.path, route.endpoint, methods=sorted(route.methods or ())) for route in routes]
