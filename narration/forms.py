"""Written forms that are more than a number: dates, times, telephones, versions, money, fractions, powers.

A form is a pattern and what is said for it. Forms are tried in order, before numbers and words; one that does
not fit after all (a month 13) leaves the text to what comes after it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from num2words import num2words

from content.pronunciation import lexicon
from narration.numbers import SUPERSCRIPTS, cardinal

ADDRESS = (
    r"(?:https?|ftp)://[^\s<>\"']*[^\s<>\"'.,;:!?)\]]|www\.[^\s<>\"']*[^\s<>\"'.,;:!?)\]]"
    r"|(?:doi:\s?)?10\.\d{4,9}/[^\s<>\"']*[^\s<>\"'.,;:!?)\]]|arXiv:\s?\d{4}\.\d{4,5}(?:v\d+)?|[\w.+-]+@[\w-]+\.[\w.-]*\w"
)
"""Addresses, which nobody wants to hear."""

MONTHS = {
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    "th": (
        "มกราคม", "กุมภาพันธ์", "มีนาคม", "เมษายน", "พฤษภาคม", "มิถุนายน",
        "กรกฎาคม", "สิงหาคม", "กันยายน", "ตุลาคม", "พฤศจิกายน", "ธันวาคม",
    ),
}  # fmt: skip
_MONTH = "|".join(f"{name}|{name[:3]}\\.?|{name[:4]}\\." for name in MONTHS["en"])
_PLAIN = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_CLOCK = r"(?:[01]?\d|2[0-4])[:.][0-5]\d(?::[0-5]\d)?"
_SCALES = {
    "en": {"k": "thousand", "m": "million", "bn": "billion", "b": "billion", "t": "trillion"},
    "th": {"k": "พัน", "m": "ล้าน", "bn": "พันล้าน", "b": "พันล้าน", "t": "ล้านล้าน"},
}
_SCALE_WORDS = "thousand|million|billion|trillion|ล้านล้าน|พันล้าน|แสนล้าน|หมื่นล้าน|ล้าน|แสน|หมื่น|พัน"
_SIGNS = {"$": "dollar", "€": "euro", "£": "pound", "฿": "baht", "¥": "yen"}
_CODES = {"USD": "dollar", "EUR": "euro", "GBP": "pound", "THB": "baht", "JPY": "yen"}
_VULGAR = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"
_PAIRS = {("24", "7"), ("50", "50")}  # spoken as two numbers


def _gap(language: str) -> str:
    return " " if language == "en" else ""


def _digits(text: str, language: str) -> str:
    """Digit by digit, with a short pause where the writing has one."""
    groups = [
        " ".join(cardinal(digit, language) for digit in group)
        if language == "en"
        else "".join(cardinal(digit, language) for digit in group)
        for group in re.findall(r"\d+", text)
    ]
    plus = f"{lexicon(language).say['plus']} " if text.lstrip("(").startswith("+") else ""
    return plus + (", " if language == "en" else " ").join(groups)


def _date(year: str, month: int, day: int, language: str) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    name = MONTHS[language][month - 1]
    if language == "th":
        return f"{cardinal(str(day), 'th')}{name}{cardinal(year, 'th')}" if year else None
    said = f"{name} {num2words(day, to='ordinal')}"
    return f"{said}, {cardinal(year, 'en', year=True)}" if year else said


def _iso_date(match: re.Match[str], language: str) -> str | None:
    return _date(match[1], int(match[2]), int(match[3]), language)


def _slash_date(match: re.Match[str], language: str) -> str | None:
    """Day before month, as in Thai; in English where only one order can be, else number by number."""
    first, second, year = int(match[1]), int(match[2]), match[3]
    if language == "th" or first > 12:
        return _date(year, second, first, language)
    if second > 12:
        return _date(year, first, second, language)
    return (
        f"{cardinal(match[1], 'en')} slash {cardinal(match[2], 'en')} slash {cardinal(year, 'en', year=True)}"
    )


def _month_date(match: re.Match[str], language: str) -> str | None:
    if language != "en":
        return None
    month = [name[:3] for name in MONTHS["en"]].index(match[1][:3]) + 1
    return _date(match[3] or "", month, int(match[2]), "en")


def _clock(text: str, language: str) -> str:
    hours, minutes, *seconds = re.split("[:.]", text)
    say = lexicon(language).say
    if language == "th":
        said = cardinal(str(int(hours)), "th") + say["hour"]
        if int(minutes) or seconds:
            said += cardinal(str(int(minutes)), "th") + say["minute"]
        return said + "".join(cardinal(str(int(each)), "th") + say["second"] for each in seconds)
    hour = cardinal(str(int(hours)), "en")
    if not seconds and not int(minutes):
        return f"{hour} {say['hour'] if 0 < int(hours) <= 12 else 'hundred'}"
    rest = [
        f"oh {cardinal(str(int(each)), 'en')}" if int(each) < 10 else cardinal(each, "en")
        for each in (minutes, *seconds)
    ]
    return " ".join([hour, *rest])


def _time(match: re.Match[str], language: str) -> str | None:
    times = re.findall(_CLOCK, match[0])
    said = f"{_gap(language)}{lexicon(language).say['range']}{_gap(language)}".join(
        _clock(each, language) for each in times
    )
    half = re.search(r"([ap])\.?m", match[0], re.IGNORECASE)
    if half and language == "en":
        said = re.sub(f" {lexicon('en').say['hour']}$", "", said) + f" {half[1].lower()} m"
    return said


def _half_day(match: re.Match[str], language: str) -> str:
    return f"{cardinal(match[1], language)} {match[2]} m"


def _ratio(match: re.Match[str], language: str) -> str:
    link = lexicon(language).say["ratio"]
    return _gap(language).join([cardinal(match[1], language), link, cardinal(match[2], language)])


def _telephone(match: re.Match[str], language: str) -> str:
    return _digits(match[0], language)


def _version(match: re.Match[str], language: str) -> str:
    say, gap = lexicon(language).say, _gap(language)
    numbers = [cardinal(str(int(each)), language) for each in match["numbers"].split(".")]
    said = f"{gap}{say['point']}{gap}".join(numbers)
    if match["v"]:
        said = f"{say['version']}{gap}{said}"
    suffix = re.findall(r"[a-z]+|\d+", match["suffix"] or "")
    return " ".join([said, *(cardinal(each, language) if each.isdigit() else each for each in suffix)])


def _decade(match: re.Match[str], language: str) -> str:
    year = int(match[1].lstrip("'’"))
    if language == "th":
        word = lexicon("th").say["decade"]
        written = match.string[: match.start()].rstrip().endswith(word)
        return ("" if written else word) + cardinal(str(year), "th")
    century, rest = divmod(year, 100)
    ones = "tens" if rest == 10 else re.sub("y$", "ies", num2words(rest))
    if not rest:
        return f"{num2words(year)}s" if year % 1000 == 0 else f"{num2words(century)} hundreds"
    return f"{num2words(century)} {ones}" if century else ones


def _money(match: re.Match[str], language: str) -> str:
    words = lexicon(language)
    scale = (match["scale"] or "").strip()
    scale = _SCALES[language].get(scale.lower(), scale)
    currency = _SIGNS.get(match["sign"] or "") or _CODES[match["code"] or match["after"]]
    one, _, many = words.say[currency].partition("|")
    amounts = [each for each in (match["low"], match["high"]) if each]
    said = f"{_gap(language)}{words.say['range']}{_gap(language)}".join(
        cardinal(each, language) for each in amounts
    )
    single = amounts == ["1"] and not scale
    said = _gap(language).join([said, *([scale] if scale else []), one if single or not many else many])
    per = match["per"]
    if per:
        said = _gap(language).join([said, words.say["per"], words.unit.get(per, (per,))[0]])
    return said


def _fraction(match: re.Match[str], language: str) -> str:
    share = Fraction(unicodedata.numeric(match["vulgar"])).limit_denominator(10)
    top, bottom = share.numerator, share.denominator
    whole = match["whole"] or ""
    if language == "th":
        said = f"{lexicon('th').say['part']}{cardinal(str(top), 'th')}{lexicon('th').say['fraction']}"
        return (cardinal(whole, "th") if whole else "") + said + cardinal(str(bottom), "th")
    name = {2: "half", 4: "quarter"}.get(bottom) or str(num2words(bottom, to="ordinal"))
    name = ("halves" if bottom == 2 else f"{name}s") if top > 1 else name
    if whole:
        part = f"a {name}" if top == 1 else f"{num2words(top)} {name}"
        return f"{cardinal(whole, 'en')} and {part}"
    return f"{num2words(top)} {name}"


def _power(match: re.Match[str], language: str) -> str:
    say, gap = lexicon(language).say, _gap(language)
    exponent = (match["exponent"] or match["raised"]).translate(SUPERSCRIPTS).strip("{}").lstrip("+")
    base = cardinal(match["base"], language)
    if exponent in ("2", "3"):
        return gap.join([base, say["squared" if exponent == "2" else "cubed"]])
    return gap.join([base, say["power"], cardinal(exponent, language)])


def _pair(match: re.Match[str], language: str) -> str | None:
    """Two years written as one, 2024/25, and what is spoken as two numbers, 24/7."""
    first, second = match[1], match[2]
    if (first, second) in _PAIRS:
        return _gap(language).join([cardinal(first, language), cardinal(second, language)])
    if len(first) != 4 or (int(first) + 1) % 100 != int(second):
        return None
    years = cardinal(first, language, year=True), cardinal(second, language)
    return f"{_gap(language)}{lexicon(language).say['range']}{_gap(language)}".join(years)


def _comparison(match: re.Match[str], language: str) -> str:
    sign = {"==": "=", "!=": "≠", ">=": "≥", "<=": "≤", "~=": "≈"}[match[0]]
    return lexicon(language).symbol[sign]


@dataclass(frozen=True)
class Form:
    """A pattern and what is said for a match of it; None leaves the text to others."""

    pattern: re.Pattern[str]
    say: Callable[[re.Match[str], str], str | None]


_AMOUNT = (
    rf"(?:(?:(?P<code>USD|EUR|GBP|THB|JPY)\s?|(?:US|A|C)?(?P<sign>[$€£฿¥])\s?))?(?P<low>{_PLAIN})"
    rf"(?:\s?[-–—]\s?(?:[$€£฿¥])?(?P<high>{_PLAIN}))?"
    rf"(?P<scale>\s?(?:{_SCALE_WORDS})|(?:bn|[kKmMbBtT])(?![A-Za-z]))?"
    r"(?(code)|(?(sign)|\s?(?P<after>USD|EUR|GBP|THB|JPY)(?![A-Za-z])))"
    r"(?:/(?P<per>hour|day|month|year|token|GB|MB|h|ชั่วโมง|วัน|เดือน|ปี)(?![A-Za-z]))?"
)
_NAMED = "|".join(
    rf"(?<={re.escape(name)})"
    for name in ("ersion ", "ersions ", "รุ่น ", "เวอร์ชัน ", "ython ", "orch ", "CUDA ")
)

FORMS = tuple(
    Form(re.compile(pattern), say)
    for pattern, say in (
        (r"(?<![\w.-])(\d{4})-(\d{2})-(\d{2})(?![\w-])", _iso_date),
        (r"(?<![\w./])(\d{1,2})/(\d{1,2})/(\d{4})(?![\w/])", _slash_date),
        (rf"(?<![A-Za-z])({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?(?:,? (\d{{4}}))?(?![\w.:%])", _month_date),
        (rf"(?<![\w.:])(?:{_CLOCK}\s?[-–—]\s?)?{_CLOCK}\s?(?:น\.|นาฬิกา|[ap]\.?m\.?(?![A-Za-z]))", _time),
        (r"(?<![\w.:])(\d{1,2})\s?([ap])\.?m(?:\.(?!\s*$))?(?![A-Za-z])", _half_day),
        (
            r"(?<![\w.:])(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d)?"
            r"(?:\s?[-–—]\s?(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d)?)?(?![\w:])",
            _time,
        ),
        (r"(?<![\w.:])(\d{1,4}):(\d{1,4})(?![\w:])", _ratio),
        (
            r"(?<![\w.+-])(?:\+\d{1,3}[ -]?(?:\(0\)[ -]?)?\d{1,4}(?:[ -]\d{2,4}){1,4}"
            r"|\(0\d{1,3}\)[ -]?\d{3,4}[ -]?\d{3,4}"
            r"|0\d{1,3}[ -]\d{3,4}[ -]?\d{3,4}|(?:1-)?\d{3}-\d{3}-\d{4}|\d{3}-0\d{3})(?![\w-])",
            _telephone,
        ),
        (r"(?<=โทร )\d{3,10}|(?<=โทร\. )\d{3,10}|(?<=[Cc]all )\d{3}(?!\d)|(?<=[Dd]ial )\d{3,10}", _telephone),
        (
            r"(?<![\w.])(?P<v>[vV]\.?(?=\d))?(?P<numbers>\d+(?:\.\d+){2,})(?P<suffix>[-.]?(?:rc|post|dev|a|b|alpha|beta)\d*)?(?![\w])",
            _version,
        ),
        (r"(?<![\w.-])(?P<v>[vV])(?P<numbers>\d+(?:\.\d+)?)(?P<suffix>)(?![\w.]\d|\w)", _version),
        (rf"(?:{_NAMED})(?P<v>)(?P<numbers>\d+\.\d+)(?P<suffix>)(?![\w.]\d|\w)", _version),
        (r"(?<![\w.])((?:1\d|20)\d0|['’]\d0)['’]?s(?!\w)", _decade),
        (rf"(?<![\w.]){_AMOUNT}", _money),
        (rf"(?<![\w.])(?P<whole>\d+)?\s?(?P<vulgar>[{_VULGAR}])", _fraction),
        (
            rf"(?<![\w.⁰¹²³⁴-⁹×·])(?<![×·x] )(?P<base>{_PLAIN})"
            r"(?:(?:\^|\*\*)(?P<exponent>\{[-−+]?\d+\}|[-−+]?\d+)(?!\w)|(?P<raised>[⁻⁺]?[⁰¹²³⁴-⁹]+))",
            _power,
        ),
        (r"(?<![\w./])(\d{4}|24|50)/(\d\d|7)(?![\w/])", _pair),
        (r"(?<![=!<>~])(?:==|!=|>=|<=|~=)(?!=)", _comparison),
    )
)


@cache
def _protected() -> re.Pattern[str]:
    """Where no form is looked for: formulas, links, addresses, footnote marks."""
    return re.compile(
        r"\$\$.+?\$\$|\$(?![\s$])[^$\n]*?(?<![\s\\])\$(?!\d)|\\\(.+?\\\)|\\\[.+?\\\]|\[\^[^\]]*\]|\]\([^()\s]*\)"
        rf"|{ADDRESS}",
        re.DOTALL,
    )


def find(text: str, language: str, begin: int, stop: int) -> list[tuple[int, int, str]]:
    """The forms of a range of a text: where each begins and ends, and what is said for it, in order."""
    taken = [match.span() for match in _protected().finditer(text, begin, stop)]
    found = []
    for form in FORMS:
        for match in form.pattern.finditer(text, begin, stop):
            start, end = match.span()
            if any(start < b and a < end for a, b in taken):
                continue
            said = form.say(match, language)
            if said:
                taken.append((start, end))
                found.append((start, end, said))
    return sorted(found)
