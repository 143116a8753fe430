"""A component from the files of its folder: `widget.js`, `widget.css` and, if it has one, `widget.html`.

The styles of `widgets/shared.css` stand before the component's own, so that a slider or a pill looks
the same inside a component (whose styles are isolated) as on the page.

Scripts are ES modules: `widget.js` exports the component as its default and imports its siblings and
`widgets/shared/*.js` by relative path. Streamlit runs a component's script from a `blob:` address, from which
no relative path leads anywhere; so that script only imports `widget.js` from this server (`ROUTES`). The
address carries a hash of all modules: a browser keeps them for good, and a document loads each once.
"""

import hashlib
import json
import re
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from streamlit.components.v2.types import ComponentRenderer

HERE = Path(__file__).parent
MODULES = {path.relative_to(HERE).as_posix(): path.read_bytes() for path in sorted(HERE.glob("*/*.js"))}
VERSION = hashlib.sha256(b"".join(name.encode() + code for name, code in MODULES.items())).hexdigest()[:12]
IMPORT = re.compile(r"^import [^']*'([^']+)'$", re.MULTILINE)


def component(name: str, *, isolate_styles: bool = True) -> ComponentRenderer:
    """Register the component in `widgets/<name>/`. Call once, at import.

    Args:
        name: the folder's name.
        isolate_styles: False for a component whose styles or DOM belong to the whole document.
    """
    folder = HERE / name
    styles = (HERE / "shared.css").read_text("utf-8") if isolate_styles else ""
    html = folder / "widget.html"
    css = folder / "widget.css"
    return st.components.v2.component(
        f"pradit_{name}",
        html=html.read_text("utf-8") if html.exists() else "<div></div>",
        css=styles + (css.read_text("utf-8") if css.exists() else ""),
        js=loader(f"{name}/widget.js"),
        isolate_styles=isolate_styles,
    )


def loader(entry: str) -> str:
    """The script that imports a module and all that it needs, in one round trip, from beside the page."""
    paths = json.dumps([f"widgets/{VERSION}/{module}" for module in needed(entry)])
    return (
        f"const modules = {paths}.map(path => import(new URL(path, document.baseURI)))\n"
        "export default (await Promise.all(modules))[0].default\n"
    )


def needed(entry: str) -> list[str]:
    """The module and all that it imports, itself first.

    Raises:
        KeyError: one of them does not exist.
    """
    found = [entry]
    for module in found:  # which grows
        folder = HERE / Path(module).parent
        for path in IMPORT.findall(MODULES[module].decode()):
            other = (folder / path).resolve().relative_to(HERE.resolve()).as_posix()
            if other not in found:
                found.append(other)
    return found


async def serve_module(request: Request) -> Response:
    """A module as it was when the server started."""
    code = MODULES.get(request.path_params["path"])
    if code is None:
        return PlainTextResponse("not found", status_code=404)
    return Response(
        code, media_type="text/javascript", headers={"cache-control": "public, max-age=31536000, immutable"}
    )


ROUTES = [Route(f"/widgets/{VERSION}/{{path:path}}", serve_module)]
