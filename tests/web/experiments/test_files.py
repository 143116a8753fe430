"""Records as files to take home."""

import csv
import io
import json

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lab.claims import read
from web.experiments.files import HEAD, ROUTES

CLIENT = TestClient(Starlette(routes=ROUTES))


@pytest.mark.parametrize("name", ["c01_capacity", "c07_invariance"])
def test_both_files_hold_what_was_recorded(name: str) -> None:
    record = read(name)
    assert record is not None
    table = CLIENT.get(f"/results/{name}.csv")
    assert table.headers["content-disposition"] == f'attachment; filename="{name}.csv"'
    head, *rows = csv.reader(io.StringIO(table.text))
    assert tuple(head) == HEAD
    assert len(rows) == sum(map(len, record.result.per_seed.values()))
    condition, seed, value, rate = rows[-1]
    assert float(value) == record.result.per_seed[condition][-1]
    assert seed == ("" if record.deterministic else str(record.seeds[-1]))
    assert rate == str(record.result.chosen.get(condition, ""))
    whole = CLIENT.get(f"/results/{name}.json")
    assert json.loads(whole.text)["per_seed"] == record.result.per_seed
    assert "attachment" in whole.headers["content-disposition"]


@pytest.mark.parametrize(
    "path",
    ["c01_capacity.py", "c01_capacity", "nothing.csv", "..%2Fc01_capacity.json", "serving.json", ".json"],
)
def test_no_other_file_can_be_asked_for(path: str) -> None:
    assert CLIENT.get(f"/results/{path}").status_code == 404
