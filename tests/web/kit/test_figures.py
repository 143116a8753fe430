"""The charts as data: what is drawn, where its name stands, which ticks there are."""

import json
import math
from itertools import pairwise

import pytest

from web.kit.axes import Words, linear_ticks, log_ticks, text_width
from web.kit.figures import GAP, Line, Rule, Spectrum, growth_figure, loss_figure, spectrum_figure

WORDS = Words(x="Step", y="Loss", x_format=lambda v: f"{v:g}", y_format=lambda v: f"{v:.1f}")
STEPS = [0, 1, 2, 4, 10, 100]


def line(name: str, y: list[float], **options: object) -> Line:
    return Line(name, name[:4], STEPS[: len(y)], y, "var(--m-lora)", **options)  # type: ignore[arg-type]


def names(annotations: list[dict[str, object]]) -> list[str]:
    return [str(a["text"]) for a in annotations]


def test_each_line_is_drawn_and_named_at_its_end() -> None:
    mine = line("LoRA", [3.4, 3.2, 3.0, 2.8, 2.6, 2.2], live=True)
    full = line("Full fine-tuning", [3.4, 3.1, 2.9, 2.7, 2.5, 2.0])
    spec = loss_figure([full, mine], WORDS, steps=100, log=False)
    assert [trace["name"] for trace in spec["data"]] == ["Full fine-tuning", "LoRA"]
    assert spec["data"][1]["y"] == mine.y
    end = next(a for a in spec["layout"]["annotations"] if "LoRA" in a["text"])
    assert (end["x"], end["y"], end["xanchor"]) == (100, 2.2, "left")
    assert not spec["layout"]["showlegend"]


def test_step_zero_has_no_place_on_a_log_axis_and_names_stand_at_the_logarithm() -> None:
    spec = loss_figure([line("LoRA", [3.4, 3.2, 3.0, 2.8, 2.6, 2.2])], WORDS, steps=100, log=True)
    assert spec["data"][0]["x"] == STEPS[1:]
    assert spec["layout"]["xaxis"]["range"] == [0, 2]
    assert spec["layout"]["annotations"][-1]["x"] == pytest.approx(2)


def test_names_that_would_touch_are_pushed_apart() -> None:
    lines = [line(f"run {i}", [3.0, 2.0 + i / 1000]) for i in range(4)]
    spec = loss_figure(lines, WORDS, steps=100, log=False)
    low, high = spec["layout"]["yaxis"]["range"]
    margin = spec["layout"]["margin"]
    inner = spec["layout"]["height"] - margin["t"] - margin["b"]
    ends = [a for a in spec["layout"]["annotations"] if "run" in a["text"]]
    places = sorted((a["y"] - low) / (high - low) * inner + a["yshift"] for a in ends)
    assert len(places) == 4
    assert min(b - a for a, b in pairwise(places)) >= GAP - 1e-6


def test_the_level_before_training_is_dotted_and_named_away_from_the_curves() -> None:
    falling = loss_figure(
        [line("LoRA", [3.4, 2.0])], WORDS, steps=100, log=False, before=Rule(3.4, "before: 3.4")
    )
    rising = loss_figure(
        [line("LoRA", [0.1, 0.7])], WORDS, steps=100, log=False, before=Rule(0.1, "before: 10%")
    )
    assert falling["layout"]["shapes"][0]["y0"] == 3.4
    assert falling["layout"]["shapes"][0]["line"]["dash"] != "solid"
    anchors = [
        next(a for a in spec["layout"]["annotations"] if "before" in a["text"])["yanchor"]
        for spec in (falling, rising)
    ]
    assert anchors == ["top", "bottom"]


def test_a_recorded_curve_is_dashed() -> None:
    spec = loss_figure([line("recorded 1 May", [3.0, 2.0], dash="dash")], WORDS, steps=100, log=False)
    assert spec["data"][0]["line"]["dash"] == "dash"


def test_the_margin_holds_the_longest_name_and_the_narrow_chart_uses_short_ones() -> None:
    long = "LoRA r 8 with a long name"
    spec = loss_figure([line(long, [3.0, 2.0])], WORDS, steps=100, log=False)
    assert spec["layout"]["margin"]["r"] >= text_width(long)
    assert spec["narrow"]["margin"]["r"] < spec["layout"]["margin"]["r"]
    assert any(long[:4] in text and long not in text for text in names(spec["narrow"]["annotations"]))


def test_a_chart_without_a_run_has_steps_but_no_levels() -> None:
    spec = loss_figure([], WORDS, steps=200, log=True)
    assert spec["data"] == []
    assert spec["layout"]["yaxis"]["tickvals"] == []
    assert spec["layout"]["xaxis"]["ticktext"][-1] == "200"


def test_colours_are_tokens_everywhere() -> None:
    """A literal colour would stay as it is when the reader's scheme changes."""
    spec = loss_figure(
        [line("LoRA", [3.0, 2.0], live=True)], WORDS, steps=9, log=False, before=Rule(3.0, "before")
    )
    spec |= {"more": spectrum_figure([Spectrum("LoRA", [1.0], "var(--m-lora)")], WORDS)}
    text = json.dumps(spec)
    assert "#" not in text
    assert text.count("rgb") == text.count("rgba(0,0,0,0)")


def test_singular_values_are_dots_on_a_log_axis_and_rounding_is_left_out() -> None:
    full = Spectrum("Full", [1.0, 0.5, 0.1, 1e-9], "var(--m-full)")
    mine = Spectrum("LoRA", [2.0, 1.0], "var(--m-lora)", live=True)
    spec = spectrum_figure([full, mine], WORDS)
    assert spec["data"][0]["y"] == [1.0, 0.5, 0.1]
    assert spec["data"][1]["x"] == [1, 2]
    low, high = spec["layout"]["yaxis"]["range"]
    assert low < math.log10(0.1)
    assert math.log10(2.0) < high
    assert spec["layout"]["xaxis"]["tickvals"][0] == 1
    assert spec["layout"]["xaxis"]["tickvals"][-1] == 4


def test_singular_values_before_the_first_step_draw_nothing() -> None:
    spec = spectrum_figure([Spectrum("LoRA", [0.0] * 8, "var(--m-lora)", live=True)], WORDS)
    assert spec["data"][0]["y"] == []


def test_growing_values_name_the_first_line_of_each_only() -> None:
    lines = [line("LoRA σ₁", [0.0, 1.0, 2.0]), line("", [0.0, 0.5, 1.0])]
    spec = growth_figure(lines, WORDS, steps=10)
    assert len(spec["data"]) == 2
    assert sum("σ₁" in text for text in names(spec["layout"]["annotations"])) == 1
    assert spec["layout"]["yaxis"]["range"][0] == 0


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [(2.0, 3.5, 4, [2, 2.5, 3, 3.5]), (0, 64, 4, [0, 20, 40, 60]), (3, 3, 4, [3])],
)
def test_linear_ticks_are_round_and_few(low: float, high: float, most: int, expected: list[float]) -> None:
    assert linear_ticks(low, high, most) == expected


def test_the_last_step_is_a_tick_and_nothing_stands_on_it() -> None:
    assert linear_ticks(0, 64, 4, end=True) == [0, 20, 40, 64]
    assert log_ticks(1, 200, end=True) == [1, 3, 10, 30, 100, 200]
    assert log_ticks(1, 350, end=True) == [1, 3, 10, 30, 100, 350]
    assert log_ticks(1, 200, (1,), end=True) == [1, 10, 200]


def test_marks_above_thai_letters_take_no_room() -> None:
    assert text_width("ก่อน") == text_width("กอน")
