"""Patterns from files: as Python's `re` reads them, in bounded time."""

from __future__ import annotations

import contextlib
import re
import time

import pytest

from lora_core.formats.patterns import Budget, Pattern, PatternError, first_key

PATTERNS = [
    r"q_proj", r"^q_proj", r".*\.layers\.0\..*(q_proj|k_proj)$", r"^(?!.*vision).*\.(q_proj|v_proj)",
    r"(?:.*?(?:language|text).*?(?:attn|mlp).*?(?:k_proj|v_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\.mlp\.\w+)",
    r".*(?<!down)_proj", r"(?<=layers\.)\d", r"a{2,3}", r"[^.]+\.x", r"(a|b)*c", r"m.layers.(1|2).x",
    r"\w+", r"layers\.\d+\.[a-z_]*$", r"(?i)Q_PROJ", r"", r"x|", r"a??b+?", r"\Amodel.*\Z", r"(?s).*",
    r"[\W_]*", r"(^|a)*b",
]  # fmt: skip
NAMES = [
    "", "q_proj", "model.q_proj", "xq_proj", "model.layers.0.self_attn.q_proj", "l.1.mlp.down_proj",
    "vision.layers.0.self_attn.q_proj", "aaa", "aa", "a.x", "x", "ab", "abc", "ababc", "m.layers.1.x",
    "mxlayers.1.x", "aab", "layers.7", "Q_proj", "language.self_attn.k_proj", "layers.12.mlp.up_proj", "_",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_it_fits_what_python_says_it_fits(pattern: str) -> None:
    for name in NAMES:
        assert Pattern(pattern).fullmatch(name) == bool(re.fullmatch(pattern, name)), name


@pytest.mark.parametrize(
    "pattern", [each for each in PATTERNS if not each.startswith("(?i)") and "(?s)" not in each]
)
def test_a_key_fits_what_peft_says_it_fits(pattern: str) -> None:
    for name in NAMES:
        theirs = re.match(rf"(.*\.)?({pattern})$", name)  # PEFT 0.21.2, peft.utils.other.get_pattern_key
        assert (first_key([pattern], name) is not None) == bool(theirs), name


def test_the_first_key_that_fits_counts_and_escapes_are_names() -> None:
    assert first_key(["v_proj", "proj", r"q_proj"], "a.q_proj") == "q_proj"
    assert first_key([r"^a\.q\-proj", "x"], "a.q-proj") == r"^a\.q\-proj"
    assert first_key([r"^q"], "a.q") is None
    assert first_key(["layers.1"], "layersx1") == "layers.1", "a bare dot is any character"


SLOW = [
    "(a+)+b", "(a|a)*" * 9 + "b", "(.*a){20}b", "((a{1000}){1000}){1000}", "(a?){4000000000}b",
    "(?=(a+)+b)x", "(.*)*" * 50 + "x", "(?:a*)*" * 2000 + "b",
]  # fmt: skip


@pytest.mark.parametrize("pattern", SLOW)
def test_a_pattern_that_would_never_end_is_answered_or_refused(pattern: str) -> None:
    """Each keeps Python's `re` busy for longer than anybody waits on 200 letters; here a second or so."""
    before = time.process_time()
    with contextlib.suppress(PatternError):
        assert not Pattern(pattern).fullmatch("a" * 200)
    assert time.process_time() - before < 60


def test_all_patterns_of_a_file_share_one_budget() -> None:
    budget = Budget(5000)
    first_key(["(a|a)*b"], "a" * 100, budget)
    with pytest.raises(PatternError, match="takes too long"):
        first_key(["(a|a)*b"] * 10, "a" * 100, budget)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(a)\1", "groupref is not supported"),
        (r"(?>a)b", "atomic_group is not supported"),
        (r"a++", "possessive_repeat is not supported"),
        (r"(?P<x>a)?(?(x)b|c)", "groupref_exists is not supported"),
        (r"(?i:a)", "flags inside a group"),
        ("(", "is not a regular expression"),
        ("(" * 5000 + ")" * 5000, "is not a regular expression|nested too deeply"),
        ("a" * 20_001, "20001 characters"),
    ],
)
def test_what_cannot_be_matched_safely_is_refused_and_named(pattern: str, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        Pattern(pattern).fullmatch("a")
