"""The run that the page opens on."""

import pytest

from lab.bases import recipes
from lab.runs.config import TASKS, TrainConfig
from web.fine_tune import first

PAIRS = [(base, task) for base, tasks in TASKS.items() for task in tasks]


@pytest.mark.parametrize(("base", "task"), PAIRS)
def test_the_page_opens_on_the_recorded_run_of_the_defaults(base: str, task: str) -> None:
    kept = first.recorded(base, task)
    assert TrainConfig.from_json(kept["recipe"]) == recipes.default(base, task), "record it anew"
    spec, told, table = first.first_chart(base, task, log=True)
    drawn = [trace for trace in spec["data"] if len(trace["x"])]
    assert len(drawn) == 2
    assert table is not None
    assert len(table["rows"]) == len(kept["history"])
    assert first.recorded_on(base, task) in told
    last = kept["history"][-1]
    assert table["rows"][-1][1:] == [f"{last[f'{who}_validation']:.2f}" for who in ("run", "yardstick")]
