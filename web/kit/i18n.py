"""The reader's language: which one it is, and words, numbers and dates in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from functools import cache

import streamlit as st
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent, format_scientific

from content.catalog import LANGUAGES, catalog

FALLBACK = "en"
_spoken: ContextVar[str] = ContextVar("spoken")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Words in this language, where no reader's session says which: in a page as it is served."""
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def language() -> str:
    """The language of this session: the switch, else the URL, else the browser, else English."""
    if spoken := _spoken.get(None):
        return spoken
    chosen = st.session_state.get("lang") or st.query_params.get("lang")
    return chosen if chosen in LANGUAGES else browser_language()


def browser_language() -> str:
    """The browser's language if we speak it, else English."""
    wanted = (st.context.locale or FALLBACK).replace("_", "-").split("-")[0].lower()
    return wanted if wanted in LANGUAGES else FALLBACK


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language)


def t(key: str, **values: object) -> str:
    """The text of a key in the reader's language, its `{fields}` filled in.

    Raises:
        KeyError: the language has no such key.
    """
    text = catalog(language())[key]
    assert isinstance(text, str), f"{key} has plural forms: use tn"
    return text.format(**values) if values else text


def tn(key: str, n: int, **values: object) -> str:
    """The text of a key with plural forms; `{n}` is the number, formatted."""
    forms = catalog(language())[key]
    assert isinstance(forms, tuple), f"{key} has no plural forms: use t"
    index = 0 if len(forms) == 1 else _locale_plural(n)
    return forms[index].format(n=number(n), **values)


def _locale_plural(n: int) -> int:
    return 0 if _locale(language()).plural_form(n) == "one" else 1


def group(prefix: str) -> dict[str, str]:
    """All texts below `prefix.`, by the rest of their key: what a widget is given to speak with."""
    start = prefix + "."
    return {
        k[len(start) :]: v
        for k, v in catalog(language()).items()
        if k.startswith(start) and isinstance(v, str)
    }


def number(value: float, digits: int | None = None) -> str:
    """A number in the reader's language: `4,096`, or with a fixed count of decimals."""
    pattern = None if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(value, format=pattern, locale=language())


def percent(value: float, digits: int = 0) -> str:
    """A share in the reader's language: `.19` -> `19%`."""
    return format_percent(
        value, format="#,##0" + ("." + "0" * digits if digits else "") + "%", locale=language()
    )


def scientific(value: float) -> str:
    """A small number as learning rates are written: `3.5e-3`."""
    return format_scientific(value, format="0.0E0", locale=language()).replace("E", "e")


def day(value: date) -> str:
    """A date in the reader's language: `29 September 2025`."""
    return format_date(value, format="d MMMM y", locale=language())


def duration(seconds: float) -> str:
    """Seconds as a reader counts them: `8 s`, `1 min 5 s`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return t("fine_tune.seconds", s=number(whole))
    return t("fine_tune.minutes", m=number(whole // 60), s=number(whole % 60))
