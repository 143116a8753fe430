"""Reads one article file: markdown-it-py parses, this module checks and gives it its shape.

Every complaint is a ContentError with the file and the line. The syntax is described in `README.md`.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
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

from content.model import (
    Article,
    Block,
    ContentError,
    Figure,
    Formula,
    List,
    Note,
    Paragraph,
    Piece,
    Section,
    Sentence,
)
from content.references import references

FIGURES = ("factor_view",)
"""The figures a `::: figure` slot may name; `web/article.py` draws them."""

SUMMARY = "tldr"
FIELDS = {"title": str, "subtitle": str, "lead": str, "credit": str, "date": date, "source_date": date}

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


def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark")
    md.use(front_matter_plugin)
    md.use(dollarmath_plugin, double_inline=False)
    md.use(footnote_plugin, inline=False, move_to_end=False, always_match_refs=True)
    md.use(attrs_plugin, after=("math_inline",), spans=True)
    md.use(attrs_block_plugin)
    md.use(container_plugin, "figure")
    md.inline.ruler.before("link", "cite", _cite)
    md.disable(
        ["html_block", "html_inline", "autolink", "image", "reference", "lheading", "hr", "blockquote"]
    )
    return md.disable(["code", "fence"])


def parse(path: Path, language: str) -> Article:
    """Read an article.

    Raises:
        ContentError: whatever is malformed, with its line.
    """
    return _Reader(path, path.read_text("utf-8")).article(language)


class _Reader:
    """One reading of one file."""

    def __init__(self, path: Path, source: str) -> None:
        self.path = path
        self.lines = source.splitlines()
        self.root = SyntaxTreeNode(_parser().parse(source))
        self.seen: dict[str, int] = {}

    def fail(self, line: int, problem: str) -> ContentError:
        return ContentError(self.path, line, problem)

    def once(self, name: str, line: int) -> None:
        """Note a name that may stand only once in the file: an id, a label, a figure, a mark."""
        if name in self.seen:
            raise self.fail(line, f"{name} stands twice, first in line {self.seen[name]}")
        self.seen[name] = line

    def article(self, language: str) -> Article:
        nodes = list(self.root.children)
        if not nodes or nodes[0].type != "front_matter":
            raise self.fail(
                1, "no front matter: the file starts with --- and the fields " + ", ".join(FIELDS)
            )
        fields = self.front_matter(nodes.pop(0))
        definitions = [node for node in nodes if node.type == "footnote_reference"]
        chapters = self.chapters([node for node in nodes if node.type != "footnote_reference"])
        if not chapters or chapters[0].id != SUMMARY:
            raise self.fail(
                chapters[0].line if chapters else 1, f"the first section is {{#{SUMMARY}}}, the summary"
            )
        if len(chapters) == 1:
            raise self.fail(len(self.lines), "there is no section after the summary")
        return Article(
            language, **fields, tldr=chapters[0], sections=chapters[1:], notes=self.notes(definitions)
        )

    def front_matter(self, node: SyntaxTreeNode) -> dict[str, Any]:
        try:
            fields = tomllib.loads(node.content)
        except tomllib.TOMLDecodeError as error:
            at = re.search(r"at line (\d+)", str(error))
            raise self.fail(1 + int(at[1]) if at else _end(node), f"front matter: {error}") from error
        for name, kind in FIELDS.items():
            if not isinstance(fields.get(name), kind) or fields[name] == "":
                raise self.fail(1, f"front matter: {name} is missing or not a {kind.__name__}")
        if unknown := fields.keys() - FIELDS:
            raise self.fail(
                1, f"front matter: unknown field {sorted(unknown)[0]}; there are {', '.join(FIELDS)}"
            )
        return fields

    def chapters(self, nodes: Sequence[SyntaxTreeNode]) -> tuple[Section, ...]:
        starts = [i for i, node in enumerate(nodes) if node.type == "heading"]
        if nodes and starts[:1] != [0]:
            raise self.fail(_line(nodes[0]), "text before the first heading")
        return tuple(
            self.section(nodes[start], nodes[start + 1 : end])
            for start, end in zip(starts, [*starts[1:], len(nodes)], strict=True)
        )

    def section(self, heading: SyntaxTreeNode, nodes: Sequence[SyntaxTreeNode]) -> Section:
        line = _line(heading)
        name = str(heading.attrs.get("id", ""))
        if heading.tag != "h2":
            raise self.fail(line, f"a heading {heading.markup!r}: sections are '##'")
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            raise self.fail(line, "a section needs an id in the line above: {#name}, in small letters")
        self.once(f"section {name}", line)
        title = self.sentences(heading.children[0], name)[0].plain
        blocks: list[Block] = []
        count = 0
        for node in nodes:
            block = self.block(node, name, count)
            count += len(block.sentences)
            blocks.append(block)
        if not count:
            raise self.fail(line, f"section {name} has no text")
        return Section(name, title, tuple(blocks), line)

    def block(self, node: SyntaxTreeNode, section: str, count: int) -> Block:
        line = _line(node)
        if node.type == "paragraph":
            if self.lines[line - 1].lstrip().startswith("$$"):
                raise self.fail(line, "a display formula is not closed: it ends with $$ (name)")
            if (kind := node.attrs.get("class", "text")) not in ("text", "where") or node.attrs.keys() - {
                "class"
            }:
                raise self.fail(
                    line, f"a paragraph takes {{.where}} and nothing else, not {dict(node.attrs)}"
                )
            return Paragraph(
                self.sentences(node.children[0], section, count), "where" if kind == "where" else "text"
            )
        if node.type in ("bullet_list", "ordered_list"):
            return self.list(node, section, count)
        if node.type == "math_block_label":
            self.once(f"formula {node.info}", line)
            piece = Piece("math", node.content.strip(), say=str(node.attrs.get("say", "")))
            return Formula(Sentence(f"{section}-{count + 1}", (piece,), line), node.info)
        if node.type == "math_block":
            raise self.fail(line, "a display formula needs a label after its closing $$: $$ (name)")
        if node.type == "container_figure":
            return self.figure(node)
        raise self.fail(line, f"an article has no {node.type.replace('_', ' ')}")

    def list(self, node: SyntaxTreeNode, section: str, count: int) -> List:
        items = []
        for item in node.children:
            if [child.type for child in item.children] != ["paragraph"]:
                raise self.fail(_line(item), "a list item is one paragraph")
            items.append(self.sentences(item.children[0].children[0], section, count))
            count += len(items[-1])
        return List(tuple(items), node.type == "ordered_list")

    def figure(self, node: SyntaxTreeNode) -> Figure:
        line = _line(node)
        name = node.info.strip().removeprefix("figure").strip()
        if name not in FIGURES:
            raise self.fail(line, f"no figure {name!r}; there are {', '.join(FIGURES)}")
        if not "".join(self.lines[_end(node) : _end(node) + 1]).startswith(":::"):
            raise self.fail(line, f"figure {name} is not closed: it ends with :::")
        if node.children:
            raise self.fail(line, f"figure {name} holds nothing: its caption comes with it")
        self.once(f"figure {name}", line)
        return Figure(name, line)

    def notes(self, definitions: Sequence[SyntaxTreeNode]) -> tuple[Note, ...]:
        """The footnotes, in the order of their marks."""
        texts = {}
        for node in definitions:
            label, line = node.meta["label"], _line(node)
            self.once(f"footnote {label}", line)
            if [child.type for child in node.children] != ["paragraph"]:
                raise self.fail(
                    line, f"footnote {label} has {'more than a paragraph' if node.children else 'no text'}"
                )
            marked = self.seen.get(f"mark [^{label}]")
            if marked is None:
                raise self.fail(line, f"nothing refers to footnote {label}")
            texts[label] = self.sentences(node.children[0].children[0], f"note-{label}")
            if nested := [mark for sentence in texts[label] for mark in sentence.notes]:
                raise self.fail(line, f"footnote {label} refers to footnote {nested[0]}")
        marks = [(name[7:-1], line) for name, line in self.seen.items() if name.startswith("mark [^")]
        for label, line in marks:
            if label not in texts:
                raise self.fail(line, f"footnote {label} has no text")
        return tuple(Note(label, number, texts[label]) for number, (label, _) in enumerate(marks, 1))

    def sentences(self, inline: SyntaxTreeNode, section: str, count: int = 0) -> tuple[Sentence, ...]:
        """The sentences of a paragraph, one a line."""
        line = _line(inline)
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
            Sentence(f"{section}-{count + i + 1}", tuple(p for p in pieces if p.text), line + i)
            for i, pieces in enumerate(found)
        )

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


def _line(node: SyntaxTreeNode) -> int:
    """The line a node starts in, from 1."""
    return node.map[0] + 1 if node.map else 1


def _end(node: SyntaxTreeNode) -> int:
    """The last line of a node, from 1; for a container the one before the line that closes it."""
    return node.map[1] if node.map else 1
