"""Reads one article file: markdown-it-py parses, this module checks and gives it its shape.

Every complaint is a ContentError with the file and the line. The syntax is described in `README.md`.
"""

import re
import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

from markdown_it.tree import SyntaxTreeNode

from content.inline import Reading, line_of
from content.model import (
    Article,
    Block,
    Figure,
    Formula,
    List,
    Note,
    Paragraph,
    Piece,
    Section,
    Sentence,
)
from content.numbers import facts
from lab.claims import NAMES

FIGURES = {"figure": ("factor_view",), "claim": NAMES}
"""What a slot may name, by its kind: figures that `web/article` draws, and claims, which are experiments."""

SUMMARY = "tldr"
FIELDS = {"title": str, "subtitle": str, "lead": str, "credit": str, "date": date, "source_date": date}


def parse(path: Path, language: str) -> Article:
    """Read an article.

    Raises:
        ContentError: whatever is malformed, with its line.
    """
    return _Reader(path, path.read_text("utf-8"), language).article(language)


class _Reader(Reading):
    """Reads sections and blocks."""

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
        notes = self.notes(definitions)
        for line, keys in self.numbers.items():  # what no sentence has taken
            if cited := [key for key in keys if key in facts()]:
                raise self.fail(line, f"{cited[0]} is a cited number, which stands in a sentence")
        return Article(language, **fields, tldr=chapters[0], sections=chapters[1:], notes=notes)

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
            raise self.fail(line_of(nodes[0]), "text before the first heading")
        return tuple(
            self.section(nodes[start], nodes[start + 1 : end])
            for start, end in zip(starts, [*starts[1:], len(nodes)], strict=True)
        )

    def section(self, heading: SyntaxTreeNode, nodes: Sequence[SyntaxTreeNode]) -> Section:
        line = line_of(heading)
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
        line = line_of(node)
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
            return Formula(
                Sentence(f"{section}-{count + 1}", (piece,), line), node.info, self.equations[node.info]
            )
        if node.type == "math_block":
            raise self.fail(line, "a display formula needs a label after its closing $$: $$ (name)")
        if node.type.startswith("container_"):
            return self.figure(node, "claim" if node.type == "container_claim" else "figure")
        raise self.fail(line, f"an article has no {node.type.replace('_', ' ')}")

    def list(self, node: SyntaxTreeNode, section: str, count: int) -> List:
        items = []
        for item in node.children:
            if [child.type for child in item.children] != ["paragraph"]:
                raise self.fail(line_of(item), "a list item is one paragraph")
            items.append(self.sentences(item.children[0].children[0], section, count))
            count += len(items[-1])
        return List(tuple(items), node.type == "ordered_list")

    def figure(self, node: SyntaxTreeNode, kind: Literal["figure", "claim"]) -> Figure:
        line = line_of(node)
        name = node.info.strip().removeprefix(kind).strip()
        if name not in FIGURES[kind]:
            raise self.fail(line, f"no {kind} {name!r}; there are {', '.join(FIGURES[kind])}")
        if not "".join(self.lines[_end(node) : _end(node) + 1]).startswith(":::"):
            raise self.fail(line, f"{kind} {name} is not closed: it ends with :::")
        if node.children:
            raise self.fail(line, f"{kind} {name} holds nothing: its words come with it")
        self.once(f"{kind} {name}", line)
        return Figure(name, line, kind)

    def notes(self, definitions: Sequence[SyntaxTreeNode]) -> tuple[Note, ...]:
        """The footnotes, in the order of their marks."""
        texts = {}
        for node in definitions:
            label, line = node.meta["label"], line_of(node)
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


def _end(node: SyntaxTreeNode) -> int:
    """The last line of a node, from 1; for a container the one before the line that closes it."""
    return node.map[1] if node.map else 1
