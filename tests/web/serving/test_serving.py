"""What the serving page counts is what the models hold, and its charts say what was measured."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from lab.bases.models import load_base
from lab.bases.tenants import BASE, TENANTS, delta, file_bytes
from lab.runs.serving_config import ADAPTERS, CHARACTERS, PROMPTS, SERVE_LIMITS, WAYS, ServeConfig, names_of
from lab.runs.serving_record import read
from lab.runs.serving_trial import Result
from lora_core import delta_weights, load_adapter
from lora_core.serving import Server, read_factors
from web.kit.text import language_of
from web.serving import bars, charts, memory, state, tenants


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.kit.i18n.language", lambda: "en")


def found(**rates: Sequence[float]) -> dict[str, Any]:
    """A result with these requests a second; a request waits for as long as the batch takes."""
    waits = {way: [64_000 / rate for rate in rates[way]] for way in WAYS}
    return {"rate": rates, "median": {way: [w / 2 for w in waits[way]] for way in WAYS}, "p95": waits}


FAST_BATCH = found(batched=[900, 1000, 1100], single=[200, 200, 210], swapped=[400, 380], merged=[500, 480])
FAST_COPIES = found(batched=[1000], single=[200], swapped=[900], merged=[1500])


def test_the_base_is_counted_as_it_is() -> None:
    assert memory.base_bytes() == sum(each.nbytes for each in load_base(BASE).parameters())
    assert memory.base_bytes() < memory.base_file() < memory.base_bytes() + 4096


@pytest.mark.parametrize("count", [2, 8, 20])
def test_adapters_are_counted_as_they_are(count: int) -> None:
    server, held = Server(load_base(BASE)), 0
    for name in names_of(count):
        factors = read_factors(TENANTS[name.split("/")[0]].folder)
        server.add(name, factors)
        held += sum(A.nbytes + B.nbytes for A, B in factors.values())
    assert memory.adapters_bytes(count) == held <= server.reserved
    assert memory.adapters_files(count) == sum(file_bytes(name.split("/")[0]) for name in names_of(count))
    assert memory.times(count) == pytest.approx(
        count * memory.base_bytes() / (memory.base_bytes() + held), rel=1e-12
    )


def test_the_pictures_are_of_the_files() -> None:
    for name, tenant in TENANTS.items():
        model = load_adapter(load_base(BASE), tenant.folder)
        torch.testing.assert_close(
            torch.from_numpy(np.ascontiguousarray(delta(name, tenants.LAYER))),
            delta_weights(model)[tenants.LAYER],
            atol=1e-5,
            rtol=1e-4,
        )
        assert np.linalg.matrix_rank(delta(name, tenants.LAYER), tol=1e-5) == tenant.rank
    assert tenants.limit() > 0


def test_the_finding_names_the_quickest_way() -> None:
    assert "2.0 times as many requests as the next best way, and 5.0 times" in charts.finding(FAST_BATCH)
    assert "copies are 1.5 times as fast as one batch" in charts.finding(FAST_COPIES)
    even = found(batched=[1000], single=[200], swapped=[900], merged=[1050])
    assert "about as fast: Merged copies" in charts.finding(even)
    for best in WAYS:
        charts.finding(found(**{way: [2.0 if way == best else 1.0] for way in WAYS}))


def test_bars_are_medians_and_whiskers_the_middle_half() -> None:
    spec, alt, table = charts.rate_chart(FAST_BATCH)
    batched = spec["data"][0]
    assert batched["x"] == [1000]
    assert batched["error_x"]["array"] == [50]
    assert batched["error_x"]["arrayminus"] == [50]
    assert [bar["y"] for bar in spec["data"]] == [[0], [1], [2], [3]]
    assert "Batched together 1,000" in alt
    assert table
    assert table["rows"][0] == ["Batched together", "1,000", "900", "1,100"]


def test_latency_runs_from_half_to_all_but_a_twentieth() -> None:
    spec, alt, table = charts.latency_chart(FAST_COPIES)
    line = next(each for each in spec["data"] if each["type"] == "scatter" and each["y"] == [1, 1])
    assert line["x"] == [160, 320]
    assert "One by one: half within 160.0 ms, 95% within 320.0 ms" in alt
    assert table
    assert len(table["rows"]) == len(WAYS)


@pytest.mark.parametrize("chart", [charts.rate_chart, charts.latency_chart])
def test_before_a_measurement_the_rows_wait(chart: Any) -> None:
    for nothing in (None, {name: {way: [] for way in WAYS} for name in ("rate", "median", "p95")}):
        spec, alt, table = chart(nothing)
        assert (spec["data"], alt, table) == ([], "Nothing measured yet.", None)
        for way in WAYS:
            assert any(bars.way_name(way) in note["text"] for note in spec["layout"]["annotations"])


def test_a_round_counts_when_every_way_has_done_it() -> None:
    assert charts.rounds_of(None) == 0
    assert charts.rounds_of(FAST_BATCH) == 2


@pytest.mark.parametrize("characters", CHARACTERS)
def test_the_record_has_every_setting_of_the_page(characters: int) -> None:
    record = read()
    for adapters in ADAPTERS:
        result = record.of(adapters, characters)
        assert result
        assert set(result) == set(vars(Result()))
        for what in ("rate", "median", "p95"):
            assert all(len(result[what][way]) >= 7 for way in WAYS)
        assert 0 < result["apart"] < 1e-3
    assert record.of(3, characters) is None
    spec, alt, table = charts.growth_chart(record, 64, characters, FAST_COPIES)
    assert [len(line["x"]) for line in spec["data"]] == [8, 8, 8, 8, 4]  # and the live dots
    assert "from 2 to 256 adapters" in alt
    assert table
    assert len(table["rows"]) == len(ADAPTERS)
    assert charts.growth(record, characters)


def test_the_record_has_a_text_of_every_tenant_for_every_prompt() -> None:
    texts: Mapping[str, Mapping[str, str]] = read().texts
    assert set(texts) == set(PROMPTS)
    for prompt, written in texts.items():
        assert set(written) == {"base", *TENANTS}
        assert all(text.startswith(prompt) and len(text) > 100 for text in written.values())
    alone = texts["\n"]
    assert alone["capitals"].upper() == alone["capitals"] != alone["plays"].upper()
    thai = {name for name, text in alone.items() if language_of(text) == "th"}
    assert {name for name, tenant in TENANTS.items() if tenant.language == "th"} <= thai
    assert not thai & {name for name, tenant in TENANTS.items() if tenant.language == "en"}


def test_the_record_says_where_the_batch_wins_and_where_it_does_not() -> None:
    """Short requests for many adapters: one batch. Few adapters: whole copies are as good or better."""
    record = read()
    for characters in CHARACTERS[:2]:
        many, few = record.of(256, characters), record.of(2, characters)
        assert many
        assert few
        rates = {way: charts.middle(many, "rate", way) for way in WAYS}
        assert rates["batched"] > 2 * max(rates[way] for way in WAYS if way != "batched")
        assert charts.middle(few, "rate", "merged") > charts.middle(few, "rate", "batched")


def test_a_url_is_read_key_by_key() -> None:
    query, invalid = state.read({"adapters": "16", "prompt": "x" * 41, "seed": "1.5", "lang": "th"})
    assert query == {**state.usual(), "adapters": "16"}
    assert [error.values["field"] for error in invalid] == ["prompt", "seed"]
    assert set(state.KEYS) < set(ServeConfig().to_query())
    assert set(SERVE_LIMITS) | {"prompt"} == set(ServeConfig().to_query())
