"""The state of the factor view and what is sent to the browser."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.factor_view.layer import Adapter, LayerData
from widgets.factor_view.view import ALPHA, MAX_RANK, RANKS, RULES, SOURCE, TRAINED_ALPHA, View

LAYERS = ("first", "second")


def layer(**changes: object) -> LayerData:
    W = np.array([[1.0, -2.0, 0.0], [0.0, 3.0, 0.5]], np.float32)
    adapter = Adapter(
        np.eye(2, dtype=np.float32), np.ones((2, 3), np.float32), np.array([2.0, 0.0]), 4.0, 2.0, 1.5
    )
    return LayerData(
        **{"name": "first", "mode": "compress", "rule": SOURCE, "W": W, "adapters": (adapter,)} | changes
    )


def floats(text: str) -> list[float]:
    return np.frombuffer(base64.b64decode(text), "<f4").tolist()


def test_a_view_survives_its_query() -> None:
    for view in (
        View("second", rank=17),
        View("first", "retrain", 16, 5.0, "alpha/sqrt(r)"),
        View("first", "retrain", 1, 0.75, "constant"),
    ):
        assert View.from_query(view.to_query(), LAYERS, "first") == view


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, View("first")),
        ({"layer": "third", "mode": "x", "rank": "x", "alpha": "x", "rule": "x"}, View("first")),
        ({"rank": "0"}, View("first", rank=1)),
        ({"rank": "33"}, View("first", rank=32)),
        ({"rank": "1e999"}, View("first", rank=8)),
        ({"rank": "nan", "alpha": "7"}, View("first", rank=8)),  # α is fixed where an update is cut
        ({"mode": "retrain"}, View("first", "retrain")),
        ({"mode": "retrain", "rank": "7"}, View("first", "retrain", 8)),
        ({"mode": "retrain", "rank": "5"}, View("first", "retrain", 4)),
        ({"mode": "retrain", "rank": "-3"}, View("first", "retrain", 1)),
        ({"mode": "retrain", "alpha": "2.4"}, View("first", "retrain", alpha=2.0)),
        ({"mode": "retrain", "alpha": "-1e300"}, View("first", "retrain", alpha=1.0)),
        ({"mode": "retrain", "rule": "constant"}, View("first", "retrain", alpha=2.0, rule="constant")),
        (
            {"mode": "retrain", "rule": "constant", "alpha": "99"},
            View("first", "retrain", alpha=8.0, rule="constant"),
        ),
    ],
)
def test_what_a_url_does_not_say_or_says_wrongly_falls_back(query: dict[str, str], expected: View) -> None:
    assert View.from_query(query, LAYERS, "first") == expected


@given(st.dictionaries(st.sampled_from(["layer", "mode", "rank", "alpha", "rule"]), st.text(max_size=12)))
def test_every_url_opens_a_view_that_exists(query: dict[str, str]) -> None:
    view = View.from_query(query, LAYERS, "first")
    assert view.layer in LAYERS
    assert view.rule in RULES
    assert view.rank in (range(1, MAX_RANK + 1) if view.mode == "compress" else RANKS)
    least, most, _ = ALPHA[view.rule]
    assert least <= view.alpha <= most
    assert view == view.settled()


def test_every_rule_offers_the_alpha_it_was_trained_with() -> None:
    assert TRAINED_ALPHA.keys() == ALPHA.keys() == set(RULES)
    for rule, (least, most, step) in ALPHA.items():
        assert least <= TRAINED_ALPHA[rule] <= most
        assert TRAINED_ALPHA[rule] % step == 0


def test_the_browser_gets_the_columns_of_b_as_rows() -> None:
    B = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    adapter = Adapter(B, np.ones((2, 4), np.float32), np.array([2.0, 1.0]), 4.0, 2.0)
    said = adapter.to_json()
    assert said["rank"] == 2
    assert floats(said["B"]) == [1, 3, 5, 2, 4, 6]
    assert floats(said["A"]) == [1] * 8
    assert said["loss"] is None


def test_the_signature_changes_with_anything_that_is_shown() -> None:
    shown = [
        layer(),
        layer(W=np.zeros((2, 3), np.float32)),
        layer(mode="retrain"),
        layer(rule="constant"),
        layer(adapters=()),
    ]
    assert len({each.payload["signature"] for each in shown}) == len(shown)
    assert layer().payload == layer().payload
    assert floats(layer().payload["W"]) == [1, -2, 0, 0, 3, 0.5]


@pytest.mark.parametrize(("sigma", "limit"), [(0.11, 0.25), (1.0, 2.0), (3e-5, 6e-5)])
def test_the_scale_ends_in_round_numbers_that_hold_most_of_w(sigma: float, limit: float) -> None:
    W = (sigma * np.random.default_rng(0).standard_normal((64, 64))).astype(np.float32)
    assert layer(W=W).limit == pytest.approx(limit)
    assert np.mean(np.abs(W) <= layer(W=W).limit) > 0.95


def test_a_matrix_of_zeros_has_a_scale() -> None:
    assert layer(W=np.zeros((2, 3), np.float32)).limit > 0
