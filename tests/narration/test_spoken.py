"""What is said for what is written, and where in the writing each said word stands."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narration import spoken_form

ENGLISH = {
    "LoRA replaces $W' = W + \\gamma BA$.": "Lora replaces W prime equals W plus gamma B A.",
    "Plain γBA and W′ = W + γBA too.": "Plain gamma B A and W prime equals W plus gamma B A too.",
    "The scale is α/r or α/√r.": "The scale is alpha over r or alpha over the square root of r.",
    "Ranks 1–32 in 1,250 steps, 10% fewer.": (
        "Ranks one to thirty-two in one thousand two hundred fifty steps, ten percent fewer."
    ),
    "Rates of 1e-4, 3×10⁻⁴ and 10^6.": (
        "Rates of one times ten to the minus four, three times ten to the minus four "
        "and ten to the power of six."
    ),
    "It took 0.25 s, 1 GB, 48 GB and 7B.": (
        "It took zero point two five seconds, one gigabyte, forty-eight gigabytes and seven billion."
    ),
    "A 64×64 matrix, 10× faster, 4-bit, 2r.": (
        "A sixty-four by sixty-four matrix, ten times faster, four bit, two r."
    ),
    "On 29 Sep 2025 it cost $9.99, not 2048.": (
        "On twenty-nine September twenty twenty-five it cost nine point nine nine dollars, "
        "not two thousand forty-eight."
    ),
    "Both, e.g. A and B, et al., etc. were 3rd.": (
        "Both, for example A and B, and others, and so on were third."
    ),
    "Silent.[^1] As was this[^note-2] one².": "Silent. As was this one.",
    "See https://a.b/c?d=1, doi:10.64434/tml.20250929 or arXiv:2106.09685 now.": "See, or now.",
    "The [article](https://thinkingmachines.ai/blog/lora/) is **very** *good*.": "The article is very good.",
    "Call `lora_core.attach` or read/listen.": "Call lora core attach or read listen.",
    "-5 or −5, ±0.5, 1/3, ≈10.": (
        "minus five or minus five, plus or minus zero point five, one over three, is about ten."
    ),
    "- first\n- second\n1. third\n2. fourth": "first. second. one. third. two. fourth.",
    "Is it “quoted” — really?": "Is it quoted, really?",
    "A matrix A, of I and a.": "A matrix A, of I and a.",
}
THAI = {
    "มี 1,250 โทเคน": "มีหนึ่งพันสองร้อยห้าสิบโทเคน",
    "ลดลง 10% ในช่วง 1–32": "ลดลงสิบเปอร์เซ็นต์ในช่วงหนึ่งถึงสามสิบสอง",
    "๑๒๓ ตัว": "หนึ่งร้อยยี่สิบสามตัว",
    "ต่าง ๆ ฯลฯ": "ต่างต่างและอื่นอื่น",
    "สูตร $W' = W + \\gamma BA$ นี้": "สูตร W ไพรม์ เท่ากับ W บวก แกมมา B A นี้",
    "ใช้ learning rate 3×10⁻⁴": "ใช้ learning rate สามคูณสิบยกกำลังลบสี่",
    "วันที่ 29 ก.ย. 2025[^2]": "วันที่ยี่สิบเก้ากันยายนสองพันยี่สิบห้า",
    "ดู https://a.b/c ที่นี่": "ดูที่นี่",
    "เทคนิค LoRA ดี": "เทคนิค Lora ดี",
    "0.25 วินาที": "ศูนย์จุดสองห้าวินาที",
    "1/3 ของ 48 GB": "หนึ่งส่วนสามของสี่สิบแปดกิกะไบต์",
}


@pytest.mark.parametrize(("written", "said"), ENGLISH.items())
def test_english(written: str, said: str) -> None:
    assert spoken_form(written, "en").text == said


@pytest.mark.parametrize(("written", "said"), THAI.items())
def test_thai(written: str, said: str) -> None:
    form = spoken_form(written, "th")
    assert form.text.replace(" ", "") == said.replace(" ", "")


def test_thai_terms_stay_whole_and_spaces_between_words_are_breaks() -> None:
    form = spoken_form("อะแดปเตอร์ของโมเดล เรียนรู้โทเคน", "th")
    shown = [form.display[word.start : word.end] for word in form.words]
    assert shown == ["อะแดปเตอร์", "ของ", "โมเดล", "เรียนรู้", "โทเคน"]
    assert [word.after for word in form.words] == ["", "", " ", "", ""]


def test_the_map_leads_from_every_spoken_place_to_the_display() -> None:
    form = spoken_form("Rank 16 makes $\\gamma BA$ better.", "en")
    for said, shown in {
        "Rank": "Rank",
        "sixteen": "16",
        "gamma": "$\\gamma BA$",
        "B": "$\\gamma BA$",
    }.items():
        word = form.words[form.word_at(form.text.index(said))]
        assert form.display[word.start : word.end] == shown
    last = form.to_json()["map"][-1]
    assert form.text[last[0] : last[1]] == "better"
    assert form.display[last[2] : last[3]] == "better"


def test_what_the_author_wrote_is_said_in_place() -> None:
    text = "with \\frac{a}{b} rows and B."
    form = spoken_form(text, "en", ((5, 16, "a over b."),))
    assert form.text == "with a over b rows and B."
    assert [text[word.start : word.end] for word in form.words][1] == "\\frac{a}{b}"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="'xx'"):
        spoken_form("text", "xx")


SIGNS = "aW γΔ′'$\\{}^_=+-−×/%1.,2e–…[]^()*`#\n\tกเ่า์ๆฯ๑“”!?;:°√²⁻"


@settings(deadline=None, max_examples=80)  # the Thai segmenter takes 0.1 s a call
@given(st.text(SIGNS, max_size=40), st.sampled_from(["en", "th"]))
def test_any_text_gives_words_in_order_inside_it(text: str, language: str) -> None:
    form = spoken_form(text, language)
    ends = [0]
    for word, (a, b) in zip(form.words, form.spans, strict=True):
        assert ends[-1] <= word.start < word.end <= len(text)
        assert form.text[a:b] == word.spoken.rstrip() or b >= len(form.text)
        ends.append(word.end)
