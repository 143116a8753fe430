"""The nine methods as the page shows them: formulas, diagrams, code, costs and the reading of the race."""

import html
import re
import xml.etree.ElementTree as ET
from itertools import product

import pytest

from lab.claims import read
from lab.claims.methods_race import verdict
from lora_core.config import METHODS
from web.kit.claims.chart import overlay
from web.kit.claims.figures.race import late
from web.kit.i18n import number
from web.methods import costs
from web.methods.diagram import diagram
from web.methods.family import MEMBERS, Box, Member
from web.methods.parts import formula
from web.methods.race import NAME, VARIANTS, reading
from web.methods.source import highlighted, lines

ALL = pytest.mark.parametrize("member", MEMBERS.values(), ids=list(MEMBERS))


def boxes(member: Member) -> list[Box]:
    return [item for item in (*member.diagram, *member.beside) if isinstance(item, Box)]


def drawn(member: Member) -> ET.Element:
    return ET.fromstring(diagram(member, "alt & all", beside="kept"))


@ALL
def test_what_is_not_as_in_lora_is_marked_in_formula_and_diagram(member: Member) -> None:
    changed = member.key != "lora"
    marked = any(item.changed for item in (*member.diagram, *member.beside))
    assert (r"\boxed" in formula(member)) == changed == marked
    assert formula(member).count("{") == formula(member).count("}")


@ALL
def test_a_diagram_has_a_box_a_matrix_and_says_what_it_shows(member: Member) -> None:
    picture = drawn(member)
    assert (picture.get("role"), picture.get("aria-label")) == ("img", "alt & all")
    names = [text.text for text in picture.iter("text") if text.get("class") == "mt-name"]
    assert [name for name in names if name not in ("η", "λη")] == [box.name for box in boxes(member)]
    filled = [rect for rect in picture.iter("rect") if rect.get("fill") == member.token]
    assert len(filled) == sum(box.state == "trains" for box in boxes(member)) >= 2
    hatched = len(list(picture.iter("path")))
    assert hatched == sum(box.state == "frozen" for box in boxes(member)) >= 1


@ALL
def test_everything_is_inside_the_picture(member: Member) -> None:
    picture = drawn(member)
    *_, width, height = map(float, (picture.get("viewBox") or "").split())
    assert width <= 345  # a phone shows it at almost its own size
    for rect in picture.iter("rect"):
        x, y, w, h = (float(rect.get(name) or "nan") for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


def test_neighbours_that_are_changed_share_one_wash() -> None:
    washes = [rect for rect in drawn(MEMBERS["pissa"]).iter("rect") if rect.get("class") == "mt-changed"]
    assert len(washes) == 1
    assert sum(box.changed for box in boxes(MEMBERS["pissa"])) == 2


@ALL
def test_the_code_is_the_file_to_the_letter(member: Member) -> None:
    told = html.unescape(re.sub("<[^>]+>", "", highlighted(member.file)))
    assert told == member.file.read_text("utf-8")
    assert lines(member.file) <= 200
    assert member.paper.arxiv in told


def test_costs_are_counted_and_compared_with_loras() -> None:
    assert costs.of("lora").trained == 16 * 32 * (4 * 4096 * 2 + 2 * (1024 - 4096) + 3 * (4096 + 14336))
    table = costs.table([MEMBERS["lora"], MEMBERS["lora-pro"]])
    cells = re.findall(r"<td><b>(.*?)</b>(?:<span[^>]*>(.*?)</span>)?</td>", table)
    trained, optimizer, *_ = zip(cells[::2], cells[1::2], strict=True)
    assert trained == (("41.9 million", ""), ("41.9 million", "as LoRA"))
    held = 2 * 4 * 32 * (2 * 4096 * 4096 + 2 * 1024 * 4096 + 3 * 4096 * 14336)
    assert costs.of("lora-pro").optimizer_bytes == held
    assert optimizer[1] == (f"{number(held / 1e9, 2)} GB", "166 times")
    assert held / costs.of("lora").optimizer_bytes == pytest.approx(166.4)


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (1.0328, "1.03 times"),
        (166.4, "166 times"),
        (0.12896, "0.129 times"),
        (2.5002, "2.50 times"),
        (1.0055, "1.01 times"),
        (1.0018, "nearly as LoRA"),
        (1.00003, "nearly as LoRA"),
    ],
)
def test_a_ratio_has_three_digits(share: float, written: str) -> None:
    assert costs._ratio(share) == written


def test_the_reading_of_the_race_is_the_records() -> None:
    found = read(NAME)
    assert found is not None
    told = reading(found)
    table = re.findall(r"<td( class=\"mt-other\")?>([+−][\d.]+) <span>± ([\d.]+)", told)
    horizons = found.recipe["horizons"]
    assert len(table) == len(VARIANTS) * len(horizons)
    for (bold, lead, _), (method, steps) in zip(table, product(VARIANTS, horizons), strict=True):
        expected = found.verdict.numbers[f"lead_{method}_{steps}"]
        assert float(lead.replace("−", "-")) == pytest.approx(expected, abs=6e-4)
        assert not bold or expected > 0
    checks = verdict(found.result).checks
    at_end = [bold for bold, *_ in table[len(horizons) - 1 :: len(horizons)]]
    assert any(at_end) == checks["some_better_at_end"]
    early = [bold for bold, *_ in table[:: len(horizons)]]
    assert any(early) == checks["some_better_early"]
    for steps in horizons:
        assert f"After {steps} steps" in told


def test_every_method_stands_on_the_page() -> None:
    assert tuple(MEMBERS) == METHODS


def test_a_live_race_of_fewer_stands_over_the_rows_of_the_same_names() -> None:
    found = read(NAME)
    assert found is not None
    whole = late(found.result, found.recipe)
    few = late(found.result, {**found.recipe, "methods": ["full", "lora", "dora"]})
    both = overlay(whole, few)
    assert both.rows == few.rows
    behind = [series for series in both.series if series.faint and series.x]
    assert [(series.x, series.y) for series in behind] == [(series.x, series.y) for series in few.series]
