"""Numbers as words: cardinals, decimals, years, ordinals, scientific notation, ranges and units.

Cardinals come from num2words, for English and for Thai.
"""

import re

from num2words import num2words

from content.pronunciation import lexicon

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
THAI_DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")

_PLAIN = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_SIGNED = rf"(?:(?<![\w.)])[-−–+±])?{_PLAIN}"
_POWER = r"10(?:\^\{?[-−+]?\d+\}?|[⁻⁺]?[⁰¹²³⁴-⁹]+)"
_TENS = rf"(?:{_SIGNED}\s?[×x·]\s?)?{_POWER}|{_SIGNED}[eE][-−+]?\d+"
#: A number as written, alone, with a power of ten, as a range, a product of sizes or a fraction.
NUMBER = re.compile(
    rf"(?P<currency>[$€£฿](?=\d))?(?P<first>{_TENS}|{_SIGNED})"
    rf"(?:(?:\s?(?P<range>–|—|…|\.\.\.?|(?<=\d)-(?=\d))\s?|\s?(?P<by>[×x])\s?|(?P<over>/))"
    rf"(?P<second>{_TENS}|{_PLAIN}))?(?P<ordinal>(?<=\d)(?:st|nd|rd|th)\b)?"
)


def cardinal(written: str, language: str, *, year: bool = False) -> str:
    """A signed decimal with optional thousands commas, as words.

    Args:
        written: for example "1,250", "-0.5", "2025".
        language: "en" or "th".
        year: read 1900 to 2035 in pairs where the language does so.
    """
    say = lexicon(language).say
    sign = {"-": "negative", "−": "negative", "–": "negative", "+": "plus"}.get(written[:1])
    if written[:1] == "±":
        return f"{lexicon(language).symbol['±']} {cardinal(written[1:], language)}"
    digits = written.lstrip("-−–+").replace(",", "")
    whole, _, fraction = digits.partition(".")
    if year and language == "en" and not fraction and len(whole) == 4 and 1900 <= int(whole) <= 2035:
        words = num2words(int(whole), to="year")
    elif whole.startswith("0") and len(whole) > 1:
        words = " ".join(num2words(int(digit), lang=language) for digit in whole)
    else:
        words = num2words(int(whole), lang=language)
    words = words.replace(",", "").replace(" and ", " ")
    if fraction:
        words = " ".join([words, say["point"], *(num2words(int(digit), lang=language) for digit in fraction)])
    words = words if language == "en" else words.replace(" ", "")
    return f"{say[sign]}{' ' if language == 'en' else ''}{words}" if sign else words


def number(written: str, language: str, *, year: bool = False) -> str:
    """A number as words, scientific notation included: "3×10⁻⁴", "1e-4", "10^6"."""
    say, gap = lexicon(language).say, " " if language == "en" else ""
    if match := re.fullmatch(rf"({_SIGNED})[eE]([-−+]?\d+)", written):
        return gap.join([cardinal(match[1], language), say["ten"], cardinal(match[2].lstrip("+"), language)])
    if match := re.fullmatch(rf"(?:({_SIGNED})\s?[×x·]\s?)?({_POWER})", written):
        power = cardinal(match[2][2:].translate(SUPERSCRIPTS).strip("^{}").lstrip("+"), language)
        if match[1]:
            return gap.join([cardinal(match[1], language), say["ten"], power])
        return gap.join([cardinal("10", language), say["power"], power])
    return cardinal(written, language, year=year)


def expression(match: re.Match[str], unit: str, language: str) -> str:
    """What NUMBER matched, with its unit, as words.

    Args:
        match: a match of NUMBER.
        unit: a unit of the lexicon, or "".
        language: "en" or "th".
    """
    words, gap = lexicon(language), " " if language == "en" else ""
    if match["ordinal"]:
        return str(num2words(int(match["first"].replace(",", "")), to="ordinal"))
    years = not unit and not match["currency"]
    spoken = number(match["first"], language, year=years and not match["by"] and not match["over"])
    if match["second"]:
        link = "range" if match["range"] else "by" if match["by"] else "fraction"
        spoken = gap.join(
            [spoken, words.say[link], number(match["second"], language, year=years and link == "range")]
        )
    single = not match["second"] and match["first"] in ("1", "+1", "-1", "−1")
    if match["currency"]:
        name = {"$": "dollar", "€": "euro", "£": "pound", "฿": "baht"}[match["currency"]]
        one, _, many = words.say[name].partition("|")
        if unit:
            spoken, unit = gap.join([spoken, words.unit[unit][1]]), ""
        spoken = gap.join([spoken, one if single or not many else many])
    if unit:
        one, many = words.unit[unit]
        spoken = gap.join([spoken, one if single else many])
    return spoken
