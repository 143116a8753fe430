"""Regular expressions from files, matched in bounded time. No torch here.

PEFT matches the patterns of adapter_config.json with Python's `re`, which backtracks: `(a+)+b` keeps a thread
busy for ever, and no thread can be stopped. Here the same syntax tree is walked with sets of positions
instead, so that the time grows with the pattern and the square of the name. Whether a pattern matches does
not depend on the order in which ways are tried, so both say the same. What does depend on it, or on what a
group caught, is refused: atomic groups, possessive repeats, back references.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MAX_PATTERN = 20_000  # characters; one that lists every module of a model of 80 layers has 15,000
MAX_WORK = 1_000_000  # steps spent on one file's patterns, a few seconds
_FLAGS = re.IGNORECASE | re.ASCII | re.DOTALL | re.MULTILINE | re.VERBOSE | re.UNICODE

Ends = frozenset[int]


class PatternError(ValueError):
    """A pattern that is no regular expression, or one that cannot be matched safely."""


class Budget:
    """Steps that may still be spent, shared by all the matches of one file."""

    def __init__(self, steps: int = MAX_WORK) -> None:
        self.left = steps


class Pattern:
    """A regular expression.

    Raises:
        PatternError: it is none, is too long, or needs what this does not offer.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > MAX_PATTERN:
            raise PatternError(f"a pattern of {len(text)} characters, expected at most {MAX_PATTERN}")
        try:
            self._tree = parser.parse(text)
        except (re.error, RecursionError, OverflowError) as error:
            raise PatternError(f"{_clipped(text)} is not a regular expression: {error}") from None
        flags = self._tree.state.flags
        if flags & ~_FLAGS:
            raise PatternError(f"{_clipped(text)} has flags that are not supported")
        self._ignore_case = bool(flags & re.IGNORECASE)
        self._dot_all = bool(flags & re.DOTALL)
        self._multiline = bool(flags & re.MULTILINE)
        self._flags = flags & (re.IGNORECASE | re.ASCII)
        try:
            _check(self._tree)
        except RecursionError:
            raise PatternError(f"{_clipped(text)} is nested too deeply") from None

    def fullmatch(self, name: str, budget: Budget | None = None) -> bool:
        """Whether the pattern fits the whole name, as re.fullmatch.

        Raises:
            PatternError: the budget is spent.
        """
        try:
            return len(name) in _Match(self, name, budget or Budget()).ends(self._tree, 0)
        except RecursionError:
            raise PatternError(f"{_clipped(self.text)} is nested too deeply") from None


class _Match:
    """One name under one pattern. `ends` is memoised on (part of the pattern, position)."""

    def __init__(self, pattern: Pattern, name: str, budget: Budget) -> None:
        self.pattern, self.name, self.budget = pattern, name, budget
        self.known: dict[tuple[int, int], Ends] = {}

    def ends(self, sequence: Any, start: int) -> Ends:
        """Where a match of the sequence that starts at `start` may end."""
        key = (id(sequence), start)
        found = self.known.get(key)
        if found is None:
            at: Ends = frozenset((start,))
            for item in sequence:
                at = frozenset().union(*(self._item(item, i) for i in at))
                if not at:
                    break
            found = self.known[key] = at
        return found

    def _item(self, item: Any, i: int) -> Ends:
        self.budget.left -= 1
        if self.budget.left < 0:
            raise PatternError(f"{_clipped(self.pattern.text)} takes too long to match")
        kind, value = item
        if kind in _ONE:
            return (
                frozenset((i + 1,)) if i < len(self.name) and self._one(item, self.name[i]) else frozenset()
            )
        if kind is op.SUBPATTERN:
            return self.ends(value[3], i)
        if kind is op.BRANCH:
            return frozenset().union(*(self.ends(each, i) for each in value[1]))
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            least, most, inside = value
            return self._repeat(least, most, inside, i)
        if kind is op.AT:
            return frozenset((i,)) if self._at(value, i) else frozenset()
        direction, inside = value  # a look ahead or behind
        if direction > 0:
            fits = bool(self.ends(inside, i))
        else:
            width = inside.getwidth()[0]  # Python asks for a fixed one
            fits = i >= width and i in self.ends(inside, i - width)
        return frozenset((i,)) if fits == (kind is op.ASSERT) else frozenset()

    def _repeat(self, least: int, most: int, inside: Any, i: int) -> Ends:
        at: Ends = frozenset((i,))
        # After one round a position, a set no longer changes: what moves on has reached the end.
        for _ in range(min(least, len(self.name) + 2)):
            at = self._once(inside, at)
        reached = at
        for _ in range(min(most - least, len(self.name) + 2)):
            at = self._once(inside, at) - reached
            if not at:
                break
            reached |= at
        return reached

    def _once(self, inside: Any, at: Ends) -> Ends:
        self.budget.left -= len(at)
        return frozenset().union(*(self.ends(inside, i) for i in at))

    def _at(self, where: Any, i: int) -> bool:
        name = self.name
        if where is op.AT_BEGINNING:
            return i == 0 or (self.pattern._multiline and name[i - 1] == "\n")
        if where is op.AT_BEGINNING_STRING:
            return i == 0
        if where is op.AT_END:
            return (
                i == len(name)
                or (i == len(name) - 1 and name[i] == "\n")
                or (self.pattern._multiline and name[i] == "\n")
            )
        if where is op.AT_END_STRING:
            return i == len(name)
        inside = [0 <= j < len(name) and bool(_word(self.pattern._flags).match(name[j])) for j in (i - 1, i)]
        return (inside[0] != inside[1]) == (where is op.AT_BOUNDARY)

    def _one(self, item: Any, c: str) -> bool:
        if item[0] is op.ANY:
            return c != "\n" or self.pattern._dot_all
        if not self.pattern._ignore_case:
            return _fits(item, c, self.pattern._flags)
        return any(_fits(item, each, self.pattern._flags) for each in {c, c.lower(), c.upper()})


def compiles(text: str) -> bool:
    """Whether `Pattern` takes it."""
    try:
        compiled(text)
    except PatternError:
        return False
    return True


@lru_cache(maxsize=4096)
def compiled(text: str) -> Pattern:
    """The pattern, parsed once."""
    return Pattern(text)


def first_key(patterns: Iterable[str], name: str, budget: Budget | None = None) -> str | None:
    """The first pattern that fits a module's name as PEFT fits `rank_pattern` and `alpha_pattern`.

    A pattern fits the whole name, or its end from a dot on; a leading `^` therefore asks for the whole name.

    Raises:
        PatternError: a pattern cannot be matched safely.
    """
    return next((pattern for pattern in patterns if _rule(pattern)(name, budget)), None)


@lru_cache(maxsize=4096)
def _rule(pattern: str) -> Callable[[str, Budget | None], bool]:
    literal = _literal(pattern.removeprefix("^"))
    if literal is None:
        return compiled(rf"(.*\.)?({pattern})$").fullmatch
    if pattern.startswith("^"):
        return lambda name, _: name == literal
    return lambda name, _: name == literal or name.endswith(f".{literal}")


def _literal(pattern: str) -> str | None:
    """The name that a pattern without any operator stands for; a bare dot is an operator."""
    if re.fullmatch(r"(?:[A-Za-z0-9_]|\\[^A-Za-z0-9\s])+", pattern) is None:
        return None
    return re.sub(r"\\(.)", r"\1", pattern)


_ONE = {op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN}


def _check(sequence: Any) -> None:
    """Raises PatternError: an item's meaning depends on the order of the search or on groups."""
    for kind, value in sequence:
        if kind is op.SUBPATTERN:
            if value[1] or value[2]:
                raise PatternError("flags inside a group are not supported")
            _check(value[3])
        elif kind is op.BRANCH:
            for each in value[1]:
                _check(each)
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            _check(value[2])
        elif kind in (op.ASSERT, op.ASSERT_NOT):
            _check(value[1])
        elif kind is not op.AT and kind not in _ONE:
            raise PatternError(f"{str(kind).lower()} is not supported in a pattern")


def _fits(item: Any, c: str, flags: int) -> bool:
    """Whether a part that takes one character takes this one."""
    kind, value = item
    if kind is op.LITERAL:
        return bool(ord(c) == value)
    if kind is op.NOT_LITERAL:
        return bool(ord(c) != value)
    negated, found = False, False
    for each, what in value:
        if each is op.NEGATE:
            negated = True
        elif each is op.LITERAL:
            found |= ord(c) == what
        elif each is op.RANGE:
            found |= what[0] <= ord(c) <= what[1]
        else:
            found |= bool(_category(what, flags).match(c))
    return found != negated


@lru_cache(maxsize=64)
def _category(category: Any, flags: int) -> re.Pattern[str]:
    letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}[str(category).rpartition("_")[2]]
    return re.compile(f"\\{letter.upper() if '_NOT_' in str(category) else letter}", flags & re.ASCII)


def _word(flags: int) -> re.Pattern[str]:
    return _category("CATEGORY_WORD", flags)


def _clipped(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}…")
