"""The run that the page opens on."""

import pytest

from lab.bases.registry import BASES
from lab.runs.config import TrainConfig
from lab.runs.defaults import default
from web.fine_tune import first

PAIRS = [(base, task) for base in BASES for task in BASES[base].lessons]


@pytest.mark.parametrize(("base", "task"), PAIRS)
def test_the_page_opens_on_the_recorded_run_of_the_defaults(base: str, task: str) -> None:
    kept = first.recorded(base, task)
    assert TrainConfig.from_json(kept["recipe"]) == default(base, task), "record it anew"
    spec, told, table = first.first_chart(base, task, log=True)
    drawn = [trace for trace in spec["data"] if len(trace["x"])]
    assert len(drawn) == 2
    assert table is not None
    assert len(table["rows"]) == len(kept["history"])
    assert first.recorded_on(base, task) in told
    last = kept["history"][-1]
    assert table["rows"][-1][1:] == [f"{last[f'{who}_validation']:.2f}" for who in ("run", "yardstick")]
