"""A page as a reader opens it, without a browser."""

import json
from collections.abc import Mapping
from typing import Any

from streamlit.testing.v1 import AppTest

from web.frame.navigation import ROOT


def opened(key: str, language: str = "en", state: Mapping[str, Any] | None = None, **query: str) -> AppTest:
    """The page of a key, with what the reader's session holds already.

    Two underscores in a parameter's name stand for a dot.
    """
    app = AppTest.from_file(str(ROOT / "web" / "main.py"), default_timeout=60)
    app.query_params["lang"] = language
    app.run()  # until the pages are known
    for name, value in query.items():
        app.query_params[name.replace("__", ".")] = value
    for name, value in (state or {}).items():
        app.session_state[name] = value
    app.switch_page(str(ROOT / "pages" / f"{key}.py")).run()
    assert not app.exception, app.exception
    return app


def told(app: AppTest) -> str:
    """All the page's own HTML."""
    return "\n".join(str(block.proto.body) for block in app.get("html"))


def heard(app: AppTest, component: str) -> dict[str, Any]:
    """What the page tells its only widget of a name."""
    assert not app.exception, app.exception
    (widget,) = [c for c in app.get("bidi_component") if c.proto.component_name.endswith(component)]
    message: dict[str, Any] = json.loads(widget.proto.json)
    return message
