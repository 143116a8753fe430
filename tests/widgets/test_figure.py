"""What the figure and heatmap widgets are given: tokens that exist, matrices that arrive as they are."""

import base64
import json
import re
from pathlib import Path

import numpy as np

from lora_core.config import METHODS
from web.kit.axes import Words
from web.kit.colours import method_colour
from web.kit.figures import Line, Rule, Spectrum, loss_figure, spectrum_figure
from widgets.heatmap.widget import Line as Caption
from widgets.heatmap.widget import Matrix

ROOT = Path(__file__).parents[2]


def test_every_token_of_a_figure_exists() -> None:
    words = Words("x", "y", str, str)
    colours = [method_colour(method) for method in (*METHODS, "full")]
    lines = [Line("a", "a", [1, 2], [1.0, 2.0], each) for each in colours]
    figures = [
        loss_figure(lines, words, steps=2, log=True, before=Rule(1.0, "before")),
        spectrum_figure([Spectrum("a", [1.0], each) for each in colours], words),
    ]
    scripts = (ROOT / "widgets" / "heatmap" / "widget.css").read_text("utf-8")
    asked = set(re.findall(r"var\((--[\w-]+)\)", json.dumps(figures) + scripts))
    known = set(re.findall(r"(--[\w-]+):", (ROOT / "web" / "static" / "tokens.css").read_text("utf-8")))
    assert len(asked) > 10
    assert asked - known == set()


def test_every_method_has_a_colour_of_its_own() -> None:
    assert len({method_colour(method) for method in (*METHODS, "full")}) == len(METHODS) + 1


def test_a_matrix_arrives_row_by_row_in_float32() -> None:
    values = np.arange(6, dtype=np.float64).reshape(2, 3).T  # not contiguous
    sent = Matrix(values, "alt", "title", [Caption("right", right=True), Caption("plain")]).to_json()
    assert (sent["rows"], sent["cols"]) == (3, 2)
    assert np.frombuffer(base64.b64decode(sent["data"]), "<f4").tolist() == [0, 3, 1, 4, 2, 5]
    assert sent["lines"] == [{"text": "right", "right": True}, {"text": "plain", "right": None}]
