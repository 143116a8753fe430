"""A page as a reader opens it, without a browser."""

from streamlit.testing.v1 import AppTest

from web.navigation import ROOT


def opened(key: str, language: str = "en", **query: str) -> AppTest:
    """The page of a key; two underscores in a parameter's name stand for a dot."""
    app = AppTest.from_file(str(ROOT / "web" / "main.py"), default_timeout=60)
    app.query_params["lang"] = language
    app.run()  # until the pages are known
    for name, value in query.items():
        app.query_params[name.replace("__", ".")] = value
    app.switch_page(str(ROOT / "pages" / f"{key}.py")).run()
    assert not app.exception, app.exception
    return app


def told(app: AppTest) -> str:
    """All the page's own HTML."""
    return "\n".join(str(block.proto.body) for block in app.get("html"))
