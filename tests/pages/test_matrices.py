"""The matrices page without a browser."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from content.catalog import LANGUAGES, catalog
from web.matrices import LAYER, LAYERS
from web.navigation import ROOT


def opened(language: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "web" / "main.py"), default_timeout=60)
    app.query_params["lang"] = language
    app.run()
    app.switch_page(str(ROOT / "pages" / "matrices.py"))
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def told(app: AppTest) -> dict:
    """What the page tells the factor view."""
    assert not app.exception
    (view,) = [c for c in app.get("bidi_component") if "factor_view" in c.proto.component_name]
    return json.loads(view.proto.json)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_speaks_the_language(language: str) -> None:
    app = opened(language)
    words = catalog(language)
    assert app.title[0].value == words["matrices.title"]
    data = told(app)
    assert data["language"] == language
    assert data["text"]["compress"] == words["factor_view.compress"]
    assert list(data["layers"]) == list(LAYERS)
    assert data["opened"] == {"layer": LAYER, "mode": "compress", "rank": 8, "alpha": 32.0, "rule": "alpha/r"}


def test_the_url_is_the_state() -> None:
    data = told(opened("en", layer=LAYERS[1], mode="retrain", rank="4", alpha="5", rule="constant"))
    assert data["opened"] == {
        "layer": LAYERS[1],
        "mode": "retrain",
        "rank": 4,
        "alpha": 5.0,
        "rule": "constant",
    }
    assert data["layer"]["name"] == LAYERS[1]
    assert [adapter["rank"] for adapter in data["layer"]["adapters"]] == [1, 2, 4, 8, 16, 32]


def test_nonsense_in_the_url_is_no_error() -> None:
    assert (
        told(opened("th", layer="<b>", mode="?", rank="ten", alpha="", rule="0"))["opened"]["layer"] == LAYER
    )


def test_what_the_browser_is_told_stays_the_same_until_the_url_says_otherwise() -> None:
    """The big arrays travel again only where the message differs."""
    app = opened("en", rank="5")
    first = told(app)
    assert told(app.run()) == first
    app.query_params["rank"] = "6"
    second = told(app.run())
    assert second["opened"]["rank"] == 6
    assert second["visit"] == first["visit"] + 1
    assert told(app.run()) == second
