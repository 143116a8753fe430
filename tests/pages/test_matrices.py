"""The matrices page without a browser."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from content.catalog import LANGUAGES, catalog
from tests.pages.app import heard, opened, told
from web.adapter.page import OWN
from web.adapter.reading import open_uploads
from web.kit.layers import LAYER, LAYERS
from web.kit.upload_control import File
from web.kit.upload_store import UploadedFile

page = partial(opened, "matrices")
view = partial(heard, component="factor_view")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_speaks_the_language(language: str) -> None:
    app = page(language)
    words = catalog(language)
    assert app.title[0].value == words["matrices.title"]
    data = view(app)
    assert data["language"] == language
    assert data["text"]["compress"] == words["factor_view.compress"]
    assert list(data["layers"]) == list(LAYERS)
    assert data["opened"] == {"layer": LAYER, "mode": "compress", "rank": 8, "alpha": 32.0, "rule": "alpha/r"}


def test_the_url_is_the_state() -> None:
    data = view(page("en", layer=LAYERS[1], mode="retrain", rank="4", alpha="5", rule="constant"))
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
    assert view(page("th", layer="<b>", mode="?", rank="ten", alpha="", rule="0"))["opened"]["layer"] == LAYER


def test_what_the_browser_is_told_stays_the_same_until_the_url_says_otherwise() -> None:
    """The big arrays travel again only where the message differs."""
    app = page("en", rank="5")
    first = view(app)
    assert view(app.run()) == first
    app.query_params["rank"] = "6"
    second = view(app.run())
    assert second["opened"]["rank"] == 6
    assert second["visit"] == first["visit"] + 1
    assert view(app.run()) == second


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_adapter_is_shown_layer_by_layer(language: str) -> None:
    app = page(language)
    assert not app.exception
    assert str(catalog(language)["adapters.shipped"]) in told(app)
    names = app.selectbox(key="adapters_layer").options
    assert sorted(names) == sorted(LAYERS)
    assert names[0] == "blocks.1.mlp.down", "the one that learned most comes first"
    before = told(app)
    app.selectbox(key="adapters_layer").select(LAYER).run()
    assert not app.exception
    assert told(app) != before


def test_what_a_reader_uploaded_takes_its_place(tmp_path: Path) -> None:
    app = page("en")
    path = tmp_path / "mine.npy"
    np.save(path, np.diag([3.0, 1.0, 1.0]))
    app.session_state[OWN] = open_uploads([File("mine.npy", UploadedFile(path, path.stat().st_size))])
    app.run()
    assert not app.exception
    assert "mine.npy" in told(app)
    assert "1 of 3 directions" not in told(app)
    assert "2 of 3 directions hold 90% of the energy" in told(app)
