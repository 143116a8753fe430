"""The sentences of the article: runs of words, formulas, marks and citations, one sentence a line.

Shared by every block that `content.markdown` reads; every complaint is a ContentError with file and line.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode
from mdit_py_plugins.attrs import attrs_block_plugin, attrs_plugin
from mdit_py_plugins.container import container_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from content.model import ContentError, Piece, Sentence
from content.numbers import facts, fill
from content.references import references

CITATION = re.compile(r"\[(@[a-z0-9]+(?:; *@[a-z0-9]+)*)\]")
LEFTOVER = re.compile(r"\$|\[[@^]|\]\{|\{[.#%]|:::|\*\*|~~")
"""Markup that the parser took for words: a lone `$`, a citation or an attribute it could not read."""


def _cite(state: StateInline, silent: bool) -> bool:
    """The inline rule for `[@key; @key]`."""
    found = CITATION.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        state.push("cite", "", 0).content = ",".join(key.strip(" @") for key in found[1].split(";"))
    state.pos = found.end()
    return True


def parser() -> MarkdownIt:
    """Markdown as the article uses it."""
    md = MarkdownIt("commonmark")
    md.use(front_matter_plugin)
    md.use(dollarmath_plugin, double_inline=False)
    md.use(footnote_plugin, inline=False, move_to_end=False, always_match_refs=True)
    md.use(attrs_plugin, after=("math_inline",), spans=True)
    md.use(attrs_block_plugin)
    md.use(container_plugin, "figure")
    md.use(container_plugin, "claim")
    md.inline.ruler.before("link", "cite", _cite)
    md.disable(
        ["html_block", "html_inline", "autolink", "image", "reference", "lheading", "hr", "blockquote"]
    )
    return md.disable(["code", "fence"])


class Reading:
    """One reading of one file: its lines with their numbers filled in, its tree, and what has been seen.

    Raises:
        ContentError: a number's mark is not understood.
    """

    def __init__(self, path: Path, source: str, language: str) -> None:
        self.path = path
        self.lines: list[str] = []
        self.numbers: dict[int, tuple[str, ...]] = {}  # the keys of a line's marks
        for at, line in enumerate(source.splitlines(), 1):
            try:
                filled, keys = fill(line, language)
            except ValueError as error:
                raise self.fail(at, str(error)) from error
            self.lines.append(filled)
            if keys:
                self.numbers[at] = keys
        self.root = SyntaxTreeNode(parser().parse("\n".join(self.lines)))
        labels = [node.info for node in self.root.walk() if node.type == "math_block_label"]
        self.equations = {label: number for number, label in enumerate(labels, 1)}
        self.seen: dict[str, int] = {}

    def fail(self, line: int, problem: str) -> ContentError:
        return ContentError(self.path, line, problem)

    def once(self, name: str, line: int) -> None:
        """Note a name that may stand only once in the file: an id, a label, a figure, a mark."""
        if name in self.seen:
            raise self.fail(line, f"{name} stands twice, first in line {self.seen[name]}")
        self.seen[name] = line

    def sentences(self, inline: SyntaxTreeNode, section: str, count: int = 0) -> tuple[Sentence, ...]:
        """The sentences of a paragraph, one a line."""
        line = line_of(inline)
        found: list[list[Piece]] = [[]]
        for piece in self.pieces(inline, line, Piece("text", "")):
            if piece is None:
                found.append([])
            elif piece.kind == "cite" and found[-1] and found[-1][-1].kind == "text":
                found[-1][-1] = replace(found[-1][-1], text=found[-1][-1].text.rstrip(" "))
                found[-1].append(piece)
            else:
                found[-1].append(piece)
        return tuple(
            self.sourced(
                Sentence(
                    f"{section}-{count + i + 1}",
                    tuple(p for p in pieces if p.text),
                    line + i,
                    self.numbers.pop(line + i, ()),
                )
            )
            for i, pieces in enumerate(found)
        )

    def sourced(self, sentence: Sentence) -> Sentence:
        """The sentence, if it cites the source of each cited number in it."""
        for key in sentence.numbers:
            if key in facts() and facts()[key].source not in sentence.citations:
                raise self.fail(
                    sentence.line, f"{key} is from {facts()[key].source}, which is not cited here"
                )
        return sentence

    def pieces(self, node: SyntaxTreeNode, line: int, style: Piece) -> Iterator[Piece | None]:
        """The runs of an inline node, None at each end of a line.

        Args:
            line: where the node starts.
            style: what the nodes around it ask of every run in it.
        """
        for child in node.children:
            kind = child.type
            if kind == "softbreak":
                line += 1
                yield None
            elif kind == "text":
                if found := LEFTOVER.search(child.content):
                    raise self.fail(line, f"{found[0]!r} is not understood here: unclosed, or misspelt")
                yield replace(style, text=child.content)
            elif kind in ("math_inline", "code_inline"):
                said = str(child.attrs.get("say", ""))
                yield replace(
                    style, kind="math" if kind == "math_inline" else "code", text=child.content, say=said
                )
            elif kind == "footnote_ref":
                label = child.meta["label"]
                self.once(f"mark [^{label}]", line)
                yield replace(style, kind="note", text=label)
            elif kind == "cite":
                if unknown := [key for key in child.content.split(",") if key not in references()]:
                    raise self.fail(line, f"no reference {unknown[0]!r} in references.toml")
                yield replace(style, kind="cite", text=child.content)
            elif kind == "link" and not child.children:
                yield self.reference(child, line, style)
            elif kind == "span":
                yield self.span(child, line, style)
            elif kind in ("strong", "em", "link"):
                styles: dict[str, dict[str, Any]] = {
                    "strong": {"strong": True},
                    "em": {"emphasis": True},
                    "link": {"link": str(child.attrs.get("href", ""))},
                }
                changed = styles[kind]
                yield from self.pieces(child, line, replace(style, **changed))
                line += sum(inner.type == "softbreak" for inner in child.walk())
            else:
                raise self.fail(line, f"a sentence has no {kind.replace('_', ' ')}")

    def span(self, node: SyntaxTreeNode, line: int, style: Piece) -> Piece:
        """`[words]{say="…"}` or `[A]{.cap}`: words alone."""
        say, cap = str(node.attrs.get("say", "")), node.attrs.get("class") == "cap"
        if [child.type for child in node.children] != ["text"] or not (say or cap) or len(node.attrs) != 1:
            raise self.fail(line, 'brackets hold words alone and take one of {say="…"} and {.cap}')
        return replace(style, text=node.children[0].content, say=say, cap=cap)

    def reference(self, node: SyntaxTreeNode, line: int, style: Piece) -> Piece:
        """`[](#eq-name)`: the number of a display formula."""
        target = str(node.attrs.get("href", ""))
        label = target.removeprefix("#eq-")
        if label not in self.equations or label == target:
            raise self.fail(
                line, f"no formula {target!r}; there are {', '.join(map('#eq-{}'.format, self.equations))}"
            )
        return replace(style, kind="equation", text=f"({self.equations[label]})", link=target)


def line_of(node: SyntaxTreeNode) -> int:
    """The line a node starts in, from 1."""
    return node.map[0] + 1 if node.map else 1
