"""The state of the decompose page and what is sent to the browser."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_core.matrix.nested import DECOMPOSITIONS, STORED
from widgets.decompose.matrix import THUMB, Shown
from widgets.decompose.view import DRAWS, MARKS, MAX_RANK, SOURCES, SPECTRA, View

LAYERS = ("first", "second")


def floats(text: str, *shape: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(shape)


def test_a_view_survives_its_query() -> None:
    view = View("delta", 7, "second", "flat", 4, "cr")
    assert View.from_query(view.to_query(), LAYERS, own=False) == view


@given(
    st.dictionaries(
        st.sampled_from(["source", "rank", "layer", "spectrum", "draw", "mark"]), st.text(max_size=9)
    )
)
def test_every_url_opens_a_view_that_exists(query: dict[str, str]) -> None:
    view = View.from_query(query, LAYERS, own=False)
    assert view.source in SOURCES[:-1]
    assert 1 <= view.rank <= MAX_RANK
    assert 1 <= view.draw <= DRAWS
    assert view.layer in LAYERS
    assert view.spectrum in SPECTRA
    assert view.mark in MARKS


def test_the_bases_are_those_of_every_rank() -> None:
    M = np.random.default_rng(0).standard_normal((12, 9))
    said = Shown(M, photo=False).payload(1)
    assert (said["shape"], said["ranks"]) == ([12, 9], 9)
    np.testing.assert_allclose(floats(said["M"], 12, 9), M, rtol=1e-6)
    for name in DECOMPOSITIONS:
        method = said["methods"][name]
        shown = M
        if method["left"]:
            Q = floats(method["left"], 9, 12)[:4].T.astype(float)
            shown = Q @ Q.T @ shown
        if method["right"]:
            Q = floats(method["right"], 9, 9)[:4].T.astype(float)
            shown = shown @ Q @ Q.T
        error = np.linalg.norm(M - shown) / np.linalg.norm(M)
        assert method["errors"][3] == pytest.approx(error, abs=1e-4), name
        assert said["stored"][name][3] == STORED[name](12, 9, 4)
    low, high = said["bands"]["cr"]
    assert (np.array(low) <= high).all()
    assert low[3] <= said["methods"]["cr"]["errors"][3] <= high[3], "the draw that is shown is one of the ten"


def test_a_tile_is_small_and_means_what_it_shows() -> None:
    photo = np.zeros((256, 256))
    photo[:, 128:] = 200
    said = Shown(photo, photo=True).thumb()
    small = floats(said["M"], *said["shape"])
    assert max(said["shape"]) <= THUMB
    assert (small[:, 0].mean(), small[:, -1].mean()) == (0, 200)
    signed = Shown(np.diag(np.arange(1.0, 65)), photo=False).thumb()
    assert max(signed["shape"]) <= THUMB


def test_a_strip_has_a_tile_too() -> None:
    for shape in ((4, 256), (512, 2)):
        said = Shown(np.full(shape, 50.0), photo=True).thumb()
        small = floats(said["M"], *said["shape"])
        assert small.size, "a browser makes no picture without height"
        assert max(small.shape) <= THUMB
        assert (small == 50).all()


def test_a_few_large_entries_do_not_leave_the_rest_on_paper() -> None:
    M = np.full((64, 64), 0.1)
    M[0, 0] = 90
    assert Shown(M, photo=False).limit == pytest.approx(0.1)
    lonely = np.zeros((64, 64))
    lonely[3, 4] = -2
    assert Shown(lonely, photo=False).limit == 2
    assert Shown(M, photo=True).limit == 255
