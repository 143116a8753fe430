"""The house rules of the Thai texts, and of numbers in both languages: each with what breaks it."""

import re

import pytest

from content.catalog import LANGUAGES, catalog
from tests.content.reading import everything

SHORT = {
    "experiments.axis.flops", "experiments.axis.best_ratio", "experiments.axis.alignment",
    "experiments.series.full", "fine_tune.full_short", "fine_tune.samples.full", "fine_tune.runs.behind",
    "fine_tune.cost.share",
}  # fmt: skip
"""Names of lines, axes and columns: full fine-tuning may be ทั้งโมเดล there."""

RULES = {
    "full fine-tuning is never full (เต็ม)": (
        r"(?:การปรับ|ปรับจูน|การฝึก|ก้าว|เคอร์เนล|อัตรา|รอบ|เทียบ|แบบ)เต็ม",
        ["สองในสามของก้าวเต็ม", "ใกล้เคอร์เนลเต็ม", "เทียบเต็ม", "ปรับจูนเต็ม"],
    ),
    "a sentence names full fine-tuning in full": (r"(?<!ปรับจูน)ทั้งโมเดล", ["สูงกว่าของทั้งโมเดล"]),
    "a decimal has a digit before its point": (r"(?<![\w)])\.\d", ["ได้ .494 แนต", ".5"]),
    "no decimals of thousands of millions": (r"\d\.\d+ ?(?:พัน|หมื่น|แสน)ล้าน", ["0.25 พันล้าน"]),
    "no sentence opens with กับ": (r"(?:^|[:?] )กับ", ["กับภาพ อัตราส่วนลดลง", "ตัวอย่างค้าน: กับตัวเลขเอียง"]),
    "we are เรา, the reader is คุณ": (r"ฉัน|ผู้เช่า", ["ฝึกช่องของฉัน"]),
    "text is used for training, not trained": (r"ที่ไม่ได้ฝึก", ["ข้อความที่ไม่ได้ฝึก"]),
    "ranks from four on": (r"ตั้งแต่ \d+(?! (?:ขึ้นไป|ถึง))", ["ของแรงก์ตั้งแต่ 4 ต่างกัน"]),
    "a counter does not count models of a name": (
        r"(?:Llama|Qwen|GPT-3) \S*ล้านตัว", ["บน Llama แปดพันล้านตัว"],
    ),
    "loss is ค่าความสูญเสีย": (r"(?<!ค่า)ความสูญเสีย", ["ดูความสูญเสีย"]),
    "precision in bits": (r"ความละเอียดสองเท่า", ["ที่ความละเอียดสองเท่า"]),
    "drawn at random": (r"จับสลาก|จับฉลาก", ["ป้ายกำกับที่จับสลากมา"]),
    "the value a setting begins with is ค่าตั้งต้น": (r"ค่าปกติ", ["จึงใช้ค่าปกติแทน"]),
    "ๆ stands after a space": (r"\S\u0e46", ["ซ้ำๆ"]),
    "a space round Latin letters and digits": (
        r"[\u0e01-\u0e4e][A-Za-z0-9]|[A-Za-z0-9][\u0e01-\u0e4e]", ["แรงก์4", "LoRAที่ฝึก"],
    ),
    "one space": (r" {2}", ["แรงก์  สูง"]),
    "a label that is pressed stands in quotation marks": (
        r"กด(?!ที่| “|ปุ่ม)(?=[\u0e01-\u0e2e\u0e40-\u0e44])", ["กดฝึก"],
    ),
}  # fmt: skip

#: Texts that name a button, and the button.
QUOTED = {
    "fine_tune.empty": "fine_tune.train",
    "tour.do.fine_tune": "fine_tune.train",
    "serving.intro": "serving.run",
    "serving.recorded": "serving.run",
    "serving.press": "serving.run",
    "serving.texts.recorded": "serving.write",
    "serving.texts.press": "serving.write",
    "player.unreachable": "player.play",
}


def shown(text: str) -> str:
    """A text without its fields and tags, of which a rule must not read the inside."""
    return re.sub(r"<[^>]*>", "", re.sub(r"\{[^{}]*\}", "{}", text))


def faults(rule: str, text: str) -> list[str]:
    """Where a text breaks a rule."""
    return [match[0] for match in re.finditer(RULES[rule][0], shown(text))]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_finds_what_breaks_it(rule: str) -> None:
    for broken in RULES[rule][1]:
        assert faults(rule, broken), broken


@pytest.mark.parametrize("rule", RULES)
def test_the_thai_texts_keep_the_rule(rule: str) -> None:
    names_of_lines = SHORT if "in full" in rule else set()
    found = {
        place: broken
        for place, text in everything("th").items()
        if place not in names_of_lines and (broken := faults(rule, text))
    }
    assert not found


def test_the_short_names_of_full_fine_tuning_are_used() -> None:
    thai = everything("th")
    assert all(faults("a sentence names full fine-tuning in full", thai[key]) for key in SHORT)


def test_english_decimals_have_a_digit_before_the_point() -> None:
    rule = "a decimal has a digit before its point"
    assert not {place: text for place, text in everything("en").items() if faults(rule, text)}


# ---- labels that are quoted -------------------------------------------------------------------------------


def misquoted(text: str, label: str, language: str) -> bool:
    return (f"“{label}”" if language == "th" else label) not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_quotes_a_button_as_it_is_labelled(language: str) -> None:
    words = catalog(language)
    for key, button in QUOTED.items():
        text, label = words[key], words[button]
        assert isinstance(text, str)
        assert isinstance(label, str)
        assert not misquoted(text, label, language), f"{key} does not name {label!r}: {text!r}"
    assert misquoted("กดเริ่มฝึก", "เริ่มฝึก", "th")
    assert misquoted("Press Go", "Train", "en")


def test_every_text_that_names_a_button_is_held_to_its_label() -> None:
    """English names a button by a capital in mid-sentence, Thai by quotation marks after กด."""
    english = re.compile(r"\b[Pp]ress [A-Z]")
    thai = re.compile(r"กด “")
    named = {key for key, text in everything("en").items() if english.search(text)}
    named |= {key for key, text in everything("th").items() if thai.search(text)}
    assert named == set(QUOTED)


# ---- the same numbers in both languages -------------------------------------------------------------------

#: Texts whose numbers the languages write otherwise: millions, bits for double precision, "by half".
OTHERWISE = {
    "experiments.c04_layers.claim", "experiments.item.table_1.about", "experiments.c07_invariance.seen",
    "experiments.c07_invariance.why", "experiments.c07_invariance.setup",
    "experiments.item.four_are_two.ours",
    "experiments.c08_warmup.check.steps_grow", "experiments.c08_warmup.check.short_runs_want_more",
}  # fmt: skip


def numbers(text: str) -> list[str]:
    """The numbers and the fields of a text, with their formats, in order of size."""
    return sorted(re.findall(r"\{[^{}]*\}|\d[\d,.]*\d|\d", text))


def test_a_string_holds_the_same_numbers_in_both_languages() -> None:
    assert numbers("from {low:.2f} to 12") != numbers("จาก {low:.1f} ถึง 12")
    assert numbers("under 100 steps") != numbers("ไม่ถึง 1,000 ก้าว")
    english, thai = catalog("en"), catalog("th")
    different = set()
    for key, text in english.items():
        other = thai[key]
        one, two = (form if isinstance(form, str) else form[-1] for form in (text, other))
        if numbers(one) != numbers(two):
            different.add(key)
    assert different == OTHERWISE
