"""The decompose page without a browser."""

import re
from functools import partial

import numpy as np
import pytest

from content.catalog import LANGUAGES, catalog
from lora_core.matrix.nested import DECOMPOSITIONS
from tests.pages.app import heard, opened, told
from web.decompose.assumptions import FILE, OWN
from web.kit.layers import LAYERS
from web.kit.uploads import Matrix, RefusedError, read
from widgets.decompose.view import SPECTRA

page = partial(opened, "decompose")
view = partial(heard, component="pradit_decompose")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_speaks_the_language_and_opens_on_a_photo(language: str) -> None:
    app = page(language)
    words = catalog(language)
    assert app.title[0].value == words["decompose.title"]
    data = view(app)
    assert data["language"] == language
    assert data["text"]["rank"] == words["decompose_view.rank"]
    assert (data["opened"]["source"], data["opened"]["rank"]) == ("cat", 20)
    assert data["matrix"]["photo"]
    assert list(data["matrix"]["methods"]) == list(DECOMPOSITIONS)
    html = re.sub(r"<[^>]*>", "", told(app))
    for method in DECOMPOSITIONS:
        assert str(words[f"decompose.good.{method}"]).split("*")[0][:9] in html
    assert heard(app, "pradit_upload")["text"]["choose"] == words["uploads.choose"]


def test_the_url_is_the_state() -> None:
    asked = {
        "source": "delta",
        "rank": "5",
        "layer": LAYERS[2],
        "spectrum": "flat",
        "draw": "3",
        "mark": "id",
    }
    data = view(page("en", **asked))
    assert {name: str(value) for name, value in data["opened"].items()} == asked
    assert data["matrix"]["shape"] == [256, 64]
    assert data["matrix"]["draw"] == 3
    assert data["matrix"]["ranks"] == 32, "a trained update has the rank it was trained with"


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_a_random_matrix_has_the_spectrum_that_was_chosen(spectrum: str) -> None:
    data = view(page("th", source="random", spectrum=spectrum, rank="8"))
    floor = data["matrix"]["methods"]["svd"]["errors"][7]
    values = {
        "exponential": 0.85 ** np.arange(64),
        "power": 1 / np.arange(1, 65),
        "step": np.repeat([1, 0.05], [8, 56]),
        "flat": np.ones(64),
    }[spectrum]
    assert floor == pytest.approx(np.sqrt((values[8:] ** 2).sum() / (values**2).sum()), abs=2e-4)


def test_nonsense_in_the_url_is_no_error() -> None:
    data = view(page("th", source="<b>", rank="1e999", layer="?", spectrum="", draw="-4", mark="svd"))
    assert (data["opened"]["source"], data["opened"]["rank"], data["opened"]["draw"]) == ("cat", 20, 1)


def test_a_link_to_what_another_reader_brought_opens_a_photo() -> None:
    data = view(page("en", source="own"))
    assert (data["opened"]["source"], data["own"]) == ("cat", "")


def test_what_the_reader_brought_is_shown() -> None:
    M = np.random.default_rng(0).standard_normal((9, 14))
    data = view(page("en", {OWN: Matrix("mine.npy", M, photo=False)}, source="own"))
    assert (data["own"], data["matrix"]["shape"], data["matrix"]["photo"]) == ("mine.npy", [9, 14], False)
    assert "own" in data["thumbs"]
    assert view(page("en", {OWN: Matrix("mine.npy", M, photo=False)}))["opened"]["source"] == "cat"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_assumed_of_a_file_is_said_and_can_be_taken_the_other_way(language: str) -> None:
    words, text = catalog(language), b"1,234;5,678\n2,000;1,500"
    state = {OWN: read("m.csv", text), FILE: ("m.csv", text, frozenset[str]())}
    app = page(language, state, source="own")
    assert words["uploads.assumed.comma_decimal"] in [each.value for each in app.markdown]
    app.button(key="otherwise_comma_decimal").click().run()
    assert app.session_state[OWN].M.tolist() == [[1234, 5678], [2000, 1500]]
    assert words["uploads.assumed.comma_thousands"] in [each.value for each in app.markdown]
    app.button(key="otherwise_comma_thousands").click().run()
    assert app.session_state[OWN].M[0, 0] == 1.234


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_is_a_sentence(language: str) -> None:
    refused = RefusedError("shape", rows=1200, columns=7, most=512)
    app = page(language, {"decompose_upload.refusal": refused})
    assert heard(app, "pradit_upload")["refusal"] == str(catalog(language)["uploads.refused.shape"]).format(
        rows="1,200", columns="7", most="512"
    )


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
