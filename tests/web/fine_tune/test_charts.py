"""What the page says of a run's figures."""

import pytest

from tests.web.fine_tune.sample import run_of
from web.fine_tune.charts import values_title


@pytest.mark.parametrize(
    ("ours", "full", "said"),
    [
        ([], [], "Its singular values"),
        ([0.0, 0.0], [0.0, 0.0], "Its singular values"),
        ([3.0], [], "90% of its energy lies in 1 direction"),
        ([1.0, 1.0], [], "90% of its energy lies in 2 directions"),
        ([3.0, 0.1], [1.0] * 10, "90% of its energy lies in 1 direction, of full fine-tuning’s in 9"),
    ],
)
def test_the_singular_values_say_what_they_show(
    monkeypatch: pytest.MonkeyPatch, ours: list[float], full: list[float], said: str
) -> None:
    monkeypatch.setattr("web.kit.i18n.language", lambda: "en")
    run = run_of()
    last = run.view.snapshots[-1]
    last["run"]["spectra"], last["yardstick"]["spectra"] = {"up": ours}, {"up": full}
    assert values_title(run, "up") == said
