"""The figures of the experiments as data, for records and for runs that have hardly begun."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

from content.catalog import LANGUAGES
from lab.claims import NAMES, Curve, Result, load, read
from web.kit.claims import card
from web.kit.claims.chart import Axis, Chart, Level, line, overlay, points, rows, series, so_far
from web.kit.claims.draw import spec_of
from web.kit.claims.figures import FIGURES
from web.kit.claims.words import Shown, power, small

VIEWS = [(name, view) for name, views in FIGURES.items() for view in views]
X = Axis("Rank", str, log=True, ticks=(1, 4))
Y = Axis("Loss", str)


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("web.kit.i18n.language", lambda: request.param)
    return str(request.param)


@pytest.fixture
def _english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("web.kit.i18n.language", lambda: "en")
    return


def texts(spec: dict[str, object]) -> str:
    return json.dumps(spec, ensure_ascii=False)


@pytest.mark.parametrize(("name", "view"), VIEWS)
def test_a_figure_is_drawn_from_its_record_whole_and_in_words(name: str, view: str, language: str) -> None:
    found = read(name)
    assert found is not None, "not recorded"
    chart = FIGURES[name][view](found.result, found.recipe)
    drawn = [each for each in chart.series if each.x]
    assert drawn, "nothing is drawn"
    for each in drawn:
        assert len(each.x) == len(each.y)
        assert len(each.spread) in (0, len(each.x))
        assert all(map(math.isfinite, [*each.x, *each.y, *each.spread]))
    if not found.deterministic:
        assert any(each.spread or each.ends for each in drawn), "several seeds, and no bar or band"
    table = card.table(chart)
    assert table is not None
    assert len(table["rows"]) == sum(len(each.x) for each in drawn)
    assert {len(row) for row in table["rows"]} == {len(table["head"])}
    spec = spec_of(chart)
    json.dumps(spec, allow_nan=False)
    assert "#" not in texts(spec), "a colour that would not follow the scheme"
    assert card.finding(found, view)


@pytest.mark.parametrize(("name", "view"), VIEWS)
def test_a_run_that_has_found_nothing_yet_draws_its_axes(name: str, view: str, language: str) -> None:
    chart = FIGURES[name][view](Result(), load(name).quick)
    assert not any(each.x for each in chart.series)
    assert spec_of(chart)["layout"]["height"] > 0
    assert card.table(chart) is None


@pytest.mark.parametrize("name", FIGURES)
def test_a_card_says_everything_in_both_languages(name: str, language: str) -> None:
    found = read(name)
    assert found is not None, "not recorded"
    said = card.words(name) + card.making(name)
    assert "{" not in said
    assert found.verdict.outcome in said
    assert f"run {name}" in said
    assert said.count("<li") == len(found.verdict.checks)


def test_every_experiment_has_its_card() -> None:
    assert list(FIGURES) == list(NAMES)


def test_the_mean_of_the_seeds_and_its_spread() -> None:
    result = Result({"r1": [1.0, 3.0], "r4": [2.0, None]})
    found = points("LoRA", result, [(1.0, "r1"), (4.0, "r4"), (16.0, "r16")])
    assert (found.x, found.y) == ([1.0], [2.0])  # a seed diverged at r4, and r16 is not measured
    assert found.spread == [pytest.approx(math.sqrt(2))]
    assert series("one seed", [(1.0, 2.0, 0.0)]).spread == []


def test_a_run_under_way_counts_with_its_last_measured_loss() -> None:
    result = Result(curves={"r1": Curve([0.0, 10.0, 20.0], [[3.0, 2.0, None], [3.0, 2.5, 1.0]])})
    assert so_far(result, "r1") == [2.0, 2.5]
    assert so_far(result, "r4") == []
    assert so_far(replace(result, per_seed={"r1": [1.0, 1.0]}), "r1") == [1.0, 1.0]


def test_a_curve_leaves_out_what_its_axis_cannot_hold() -> None:
    curve = Curve([0.0, 1.0, 2.0, 3.0], [[0.0, 0.0, 1e-9, None]])
    assert list(line("", curve, log=True).x) == [2.0]
    assert list(line("", curve, least=1.0).x) == [1.0, 2.0]
    assert line("", None).x == []


def test_the_record_stays_faint_and_whole_behind_a_live_run() -> None:
    curve = Curve([1.0, 100.0], [[3.0, 2.0], [3.0, 2.2]])
    recorded = Chart((line("LoRA", curve),), replace(X, high=100.0), Y)
    live = Chart((line("LoRA", Curve([1.0], [[3.0]])),), replace(X, high=20.0), Y)
    both = overlay(recorded, live)
    assert [each.faint for each in both.series] == [True, False]
    assert both.x.high == 100.0
    spec = spec_of(both)
    band, behind, ahead = spec["data"][-3:] if len(spec["data"]) == 3 else [None, *spec["data"]]
    assert band is None, "a faint series has no band"
    assert behind["opacity"] < ahead["opacity"]
    names = [each["text"] for each in spec["layout"]["annotations"] if "LoRA" in each["text"]]
    assert len(names) == 1, "one series has one name"
    started = overlay(recorded, Chart((line("LoRA", None),), X, Y))
    names = [each["text"] for each in spec_of(started)["layout"]["annotations"] if "LoRA" in each["text"]]
    assert len(names) == 1, "the record has the name until the live run comes"


@pytest.mark.usefixtures("_english")
def test_the_table_tells_the_record_from_the_live_run() -> None:
    recorded = Chart((points("LoRA", Result({"r1": [1.0, 3.0]}), [(1.0, "r1")]),), X, Y)
    both = overlay(recorded, replace(recorded, series=(series("LoRA", [(1.0, 5.0, 0.0)]),)))
    table = card.table(both)
    assert table is not None
    assert [list(row) for row in table["rows"]] == [
        ["LoRA (recorded)", "1.0", "2.0", str(math.sqrt(2))],
        ["LoRA", "1.0", "5.0", ""],
    ]


def test_bars_and_levels_are_within_the_axes() -> None:
    found = points("LoRA", Result({"r1": [1.0, 3.0], "r4": [0.5, 0.5]}), [(1.0, "r1"), (4.0, "r4")])
    spec = spec_of(Chart((found,), X, Y, levels=(Level(-1.0, "Full", strong=True),)))
    low, high = spec["layout"]["yaxis"]["range"]
    assert low < -1.0
    assert high > 2.0 + math.sqrt(2)
    assert spec["data"][0]["error_y"]["array"] == [pytest.approx(math.sqrt(2)), 0.0]
    assert spec["layout"]["shapes"][0]["y0"] == -1.0
    assert spec["layout"]["xaxis"]["tickvals"] == [1, 4]


def test_a_strong_level_is_named_beside_the_lines_where_these_are_named() -> None:
    level = (Level(1.0, "Full", strong=True),)
    for name, at in (("LoRA", math.log10(4) * 1.05), ("", 0)):
        chart = Chart((series(name, [(1.0, 1.1, 0.0), (4.0, 1.0, 0.0)]),), X, Y, levels=level)
        said = [each for each in spec_of(chart)["layout"]["annotations"] if "Full" in each["text"]]
        assert [each["x"] for each in said] == [pytest.approx(at)]


def test_a_bar_on_a_log_axis_never_reaches_zero() -> None:
    wide = series("", [(1.0, 1.0, 5.0), (4.0, 2.0, 0.1)])
    spec = spec_of(Chart((wide,), X, replace(Y, log=True)))
    assert all(below < y for below, y in zip(spec["data"][0]["error_y"]["arrayminus"], wide.y, strict=True))
    assert all(map(math.isfinite, spec["layout"]["yaxis"]["range"]))


def test_rows_stand_from_the_top_with_their_values() -> None:
    result = Result({"a": [1.0, 2.0], "b": [3.0, 3.0]})
    dots, names = rows(result, {"a": ("Attention", "var(--m-lora)"), "b": ("MLP", "var(--m-lora)")})
    spec = spec_of(Chart(dots, Y, Axis("", str), rows=names))
    assert spec["layout"]["yaxis"]["ticktext"] == ["Attention", "MLP"]
    assert spec["layout"]["yaxis"]["range"][0] > spec["layout"]["yaxis"]["range"][1]
    assert {"1.5", "3.0"} <= {each["text"] for each in spec["layout"]["annotations"]}
    assert "error_x" in spec["data"][0]


@pytest.mark.parametrize(
    ("value", "spec", "expected"),
    [
        (0.4197, ".2f", "0.42"),
        (-0.05, "+.2f", "−0.05"),
        (3.0, "", "3"),
        (2000.0, "", "2,000"),
        (0.25, "", "0.25"),
    ],
)
def test_numbers_in_sentences(value: float, spec: str, expected: str) -> None:
    assert format(Shown(value), spec) == expected


@pytest.mark.usefixtures("_english")
def test_numbers_far_from_one() -> None:
    assert format(Shown(0.0035), "e") == "3.5e-3"
    assert [power(v) for v in (1.0, 1e-15, 3e-5, 8.9e-16)] == ["1", "10⁻¹⁵", "3·10⁻⁵", "9·10⁻¹⁶"]
    assert [small(v) for v in (0, 0.5, 2.25, 1e-9, 16)] == ["0", "0.5", "2.25", "10⁻⁹", "16"]
