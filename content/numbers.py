"""Numbers in the article: each is a mark `{{…}}`, replaced here before the text is parsed, so that what is
shown and what is spoken are one.

    {{S.lr_ratio}}                      cited: a fact of `facts.toml`; the sentence cites its source
    {{c01_capacity:mean:text/r4|.2f}}   recorded: from `results/c01_capacity.json`
    {{=64*2048|,}}                      computed here: + - * / ** and parentheses

After `|` stands a format as Python's. Both languages write numbers alike.
"""

import ast
import math
import operator
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from content.references import references
from lab import claims as experiments

FACTS = Path(__file__).parent / "facts.toml"

MARK = re.compile(r"\{\{([^{}|]+)(?:\|([^{}|]*))?\}\}")
MISSING = "…"
"""What stands for a number whose record is not there; a test refuses it."""

_OPERATORS: Mapping[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Fact:
    """A number from a work that is cited.

    Attributes:
        value: the number as English writes it, words included where they belong to it (`175 billion`).
        source: the key of the work, which every sentence with this number cites.
        where: its place in the work.
        value_th: as Thai writes it, where that differs.
        say_en, say_th: what a voice says in its place, where that differs.
    """

    value: str
    source: str
    where: str = ""
    value_th: str = ""
    say_en: str = ""
    say_th: str = ""

    def text(self, language: str) -> str:
        return (self.value_th if language == "th" else "") or self.value

    def say(self, language: str) -> str:
        return {"en": self.say_en, "th": self.say_th}[language]


@cache
def facts() -> dict[str, Fact]:
    """All facts by key (`S.lr_ratio`).

    Raises:
        ValueError: a fact names an unknown source.
        TypeError: a field is missing or unknown.
    """
    found = {}
    for group, members in tomllib.loads(FACTS.read_text("utf-8")).items():
        for name, fields in members.items():
            found[f"{group}.{name}"] = fact = Fact(**fields)
            if fact.source not in references():
                raise ValueError(f"{FACTS}: [{group}.{name}] has the unknown source {fact.source!r}")
    return found


@cache
def record(name: str) -> experiments.Record | None:
    """A recorded result, or None where there is none yet.

    Raises:
        ValueError: there is no such experiment.
    """
    if name not in experiments.NAMES:
        raise ValueError(f"no experiment {name!r}; there are {', '.join(experiments.NAMES)}")
    return experiments.read(name)


def shown(key: str, form: str, language: str) -> str:
    """The text that takes a mark's place, as Markdown.

    Args:
        key: what stands before the bar of the mark.
        form: the format behind it, or "".
        language: of the text.

    Raises:
        ValueError: the key or the format is not understood.
    """
    key = key.strip()
    if key.startswith("="):
        value = computed(key[1:])
        return formatted(value, form or ("," if value == int(value) else ""))
    if ":" in key:
        found = recorded(key)
        return MISSING if found is None else formatted(found, form)
    if key not in facts():
        raise ValueError(f"no fact {key!r} in {FACTS.name}")
    fact = facts()[key]
    text = formatted(float(fact.value), form) if form else fact.text(language)
    return f'[{text}]{{say="{say}"}}' if (say := fact.say(language)) else text


def formatted(value: float, form: str) -> str:
    """A number in Python's format, with a true minus and powers of ten as they are written.

    Raises:
        ValueError: the format is empty or not one of a number.
    """
    if not form:
        raise ValueError("a number needs a format, as in {{…|.2f}}")
    whole = value == int(value) and not re.search(r"[efg%]", form)
    text = format(int(value) if whole else value, form).replace("-", "−")
    if power := re.fullmatch(r"(.*)e([+−])(\d+)", text):
        exponent = str(int(power[2].replace("−", "-") + power[3]))
        return f"{power[1]} × 10{exponent.translate(_SUPERSCRIPT)}"
    return text


def computed(expression: str) -> float:
    """The value of a small arithmetic expression.

    Raises:
        ValueError: it holds anything but numbers, + - * / ** and parentheses.
    """

    def value(node: ast.AST) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return float(node.value)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](value(node.operand))
        raise ValueError(f"{expression!r} is not plain arithmetic")

    try:
        return value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ArithmeticError) as error:
        raise ValueError(f"{expression!r} is not plain arithmetic") from error


def recorded(key: str) -> float | None:
    """A number of a recorded result; None where the result is not recorded.

    Args:
        key: `name:mean:condition`, `:sd:condition`, `:diff:a:b` (mean a - mean b), `:ratio:a:b`,
            `:chosen:condition` (its learning rate), `:number:key` (of the verdict) or `:seeds` (how many).

    Raises:
        ValueError: the record has no such number.
    """
    name, kind, rest = (*key.split(":", 2), "")[:3]
    if (found := record(name)) is None:
        return None
    result = found.result
    singles = {"chosen": result.chosen, "number": found.verdict.numbers}
    if kind == "seeds":
        value = float(len(found.seeds))
    elif kind in singles:
        value = singles[kind][_known(rest, singles[kind], name)]
    elif kind in ("mean", "sd"):
        condition = _known(rest, result.per_seed, name)
        value = result.mean(condition) if kind == "mean" else result.sd(condition)
    elif kind in ("diff", "ratio"):
        one, other = map(result.mean, _pair(rest, result.per_seed, name))
        value = one - other if kind == "diff" else one / other
    else:
        raise ValueError(f"no {kind!r} of a record; there is mean, sd, diff, ratio, chosen, number, seeds")
    if not math.isfinite(value):
        raise ValueError(f"{key!r} is not a number: a run diverged")
    return value


def _known(key: str, values: Mapping[str, object], name: str) -> str:
    if key not in values:
        raise ValueError(f"{name} has no {key!r}; there is {', '.join(values) or 'nothing'}")
    return key


def _pair(text: str, conditions: Mapping[str, object], name: str) -> tuple[str, str]:
    """`a:b` taken apart; a condition may hold a colon itself."""
    parts = text.split(":")
    for i in range(1, len(parts)):
        a, b = ":".join(parts[:i]), ":".join(parts[i:])
        if a in conditions and b in conditions:
            return a, b
    raise ValueError(f"{name} has no two conditions in {text!r}; there are {', '.join(conditions)}")


def fill(line: str, language: str) -> tuple[str, tuple[str, ...]]:
    """A line of the article with its marks replaced, and the keys of those marks in order.

    Raises:
        ValueError: a mark is not understood.
    """
    keys = []

    def put(mark: re.Match[str]) -> str:
        keys.append(mark[1].strip())
        return shown(mark[1], mark[2] or "", language)

    filled = MARK.sub(put, line)
    if "{{" in filled:
        raise ValueError(f"the mark in {line[line.index('{{') :][:30]!r} is not closed, or holds a brace")
    return filled, tuple(keys)
