"""Examples from a reader's own text: .txt, .md, .csv, .tsv, .json, .jsonl, or pasted. No torch.

What is read, by what is in it:

- a table or objects with two fields, prompt and completion, or names that mean the same (`records.FIELDS`)
- Alpaca's objects: instruction, input (may be empty), output
- conversations: `{"messages": [{"role", "content"}, …]}`, or ShareGPT's `conversations` of `from`, `value`
- lines of `question → answer` (or `=>`, or a tab between them)
- plain text: paragraphs, put together or cut to passages of about PASSAGE characters

Anything else is refused with a `DataError` that names the line and the field.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from lora_core.language.examples import Example, encode
from lora_core.language.records import DataError, example_of, pair

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

    from lora_core.language.chat import Chat

MOST_BYTES = 2_000_000
PASSAGE = 400
"""Characters of a passage of plain text: about a hundred tokens of English."""
KINDS = (".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".ndjson")
GAP, GAP_IN_LIST = re.compile(r"\s*"), re.compile(r"[\s,]*")
ARROW = re.compile(r"\s*(?:→|=>|\t)\s*")
WHOLE = 10**9  # tokens: longer than any file


def read_data(path: Path | str) -> list[Example]:
    """The examples of a file.

    Raises:
        DataError: (a ValueError) it cannot be trained on.
        OSError: it cannot be read.
    """
    path = Path(path)
    _check_kind(path.name)
    with path.open("rb") as file:
        return examples_of(file.read(MOST_BYTES + 1), path.name, size=path.stat().st_size)


def examples_of(data: bytes, name: str = "", *, size: int | None = None) -> list[Example]:
    """The examples in bytes.

    Args:
        data: what the file holds.
        name: the file's, whose ending says how to read it; empty for pasted text, which is looked at.
        size: of the file, where `data` is only its beginning.

    Raises:
        DataError: (a ValueError) it cannot be trained on.
    """
    kind = _check_kind(name)
    size = max(len(data), size or 0)
    if size > MOST_BYTES:
        raise DataError("large", size=size, most=MOST_BYTES)
    text = decoded(data)
    if not text.strip():
        raise DataError("nothing")
    if not kind:
        kind = ".jsonl" if text.lstrip()[0] in "{[" else ".txt"
    if kind in (".csv", ".tsv"):
        found = [example_of(record, line) for line, record in _rows(text, kind)]
    elif kind in (".txt", ".md"):
        pairs = _arrows(text)
        found = pairs if pairs is not None else [Example(text=passage) for passage in passages(text)]
    else:
        values = _lines(text) if kind in (".jsonl", ".ndjson") else _values(text)
        found = [example_of(record, line) for line, record in values]
    if not found:
        raise DataError("nothing")
    if len(found) == 1:
        raise DataError("single")
    return found


def held_out(examples: Sequence[Example], generator: torch.Generator) -> tuple[list[Example], list[Example]]:
    """What to train on and what to measure on: a tenth, at least one, drawn at random. Order is kept.

    Raises:
        DataError: (a ValueError) there are fewer than two.
    """
    from torch import randperm

    if len(examples) < 2:
        raise DataError("single")
    drawn = set(randperm(len(examples), generator=generator)[: max(1, len(examples) // 10)].tolist())
    kept = [each for place, each in enumerate(examples) if place not in drawn]
    return kept, [examples[place] for place in sorted(drawn)]


@dataclass(frozen=True)
class Summary:
    """What a set of examples comes to, in tokens.

    Attributes:
        examples: how many.
        tokens: in all of them, before cuts.
        trained: tokens that the loss counts, after cuts.
        longest: tokens of the longest, before cuts.
        cut: examples that are cut.
        cut_tokens: what is cut off them.
        lost: places of examples in which nothing is left to train on once they are cut; to be left out.
    """

    examples: int
    tokens: int
    trained: int
    longest: int
    cut: int
    cut_tokens: int
    lost: tuple[int, ...]


def summary(examples: Sequence[Example], tokenizer: Tokenizer, chat: Chat, *, longest: int) -> Summary:
    """Counts the tokens of examples that training cuts at `longest`.

    Raises:
        ValueError: the chat template refuses a conversation.
    """
    encoded = [encode(example, tokenizer, chat, longest=WHOLE) for example in examples]
    lengths = [len(each.ids) for each in encoded]
    trained = [sum(each.trained[:longest]) for each in encoded]
    return Summary(
        examples=len(encoded),
        tokens=sum(lengths),
        trained=sum(trained),
        longest=max(lengths, default=0),
        cut=sum(length > longest for length in lengths),
        cut_tokens=sum(max(0, length - longest) for length in lengths),
        lost=tuple(place for place, count in enumerate(trained) if not count),
    )


def passages(text: str) -> list[str]:
    """Plain text in passages of at most PASSAGE characters, paragraphs whole where they fit."""
    found: list[str] = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        for piece in _pieces(paragraph.strip()):
            if found and len(found[-1]) + len(piece) + 2 <= PASSAGE:
                found[-1] += f"\n\n{piece}"
            else:
                found.append(piece)
    return found


def _pieces(paragraph: str) -> Iterator[str]:
    """A paragraph in pieces of at most PASSAGE characters, cut behind a line, a sentence or else a word."""
    while len(paragraph) > PASSAGE:
        head = paragraph[: PASSAGE + 1]
        cuts = (head.rfind("\n"), max(m.end() for m in re.finditer(r"^|[.!?…]\s", head)), head.rfind(" "))
        end = next((cut for cut in cuts if cut > PASSAGE // 2), PASSAGE)
        yield paragraph[:end].rstrip()
        paragraph = paragraph[end:].lstrip()
    if paragraph:
        yield paragraph


def _check_kind(name: str) -> str:
    """The ending of a file's name; of no name, nothing."""
    kind = PurePath(name).suffix.lower()
    if name and kind not in KINDS:
        raise DataError("kind", ending=kind or name, expected=", ".join(KINDS))
    return kind


def decoded(data: bytes) -> str:
    """UTF-8, or UTF-16 where the file opens with its mark, as spreadsheets save it; line ends as one sign.

    Raises:
        DataError: (a ValueError) it is no text, or in another encoding.
    """
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if not wide and b"\0" in data:
        raise DataError("binary")
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        bad = data[error.start :]
        unprintable = sum(byte < 32 and byte not in b"\t\n\r\f" for byte in data[:4096])
        if wide or unprintable > len(data[:4096]) // 20:
            raise DataError("binary") from None
        raise DataError("encoding", line=data[: len(data) - len(bad)].count(b"\n") + 1) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _arrows(text: str) -> list[Example] | None:
    """Lines of `question → answer`; None if most lines are none."""
    lines = [(line, each) for line, each in enumerate(text.split("\n"), 1) if each.strip()]
    if 2 * sum(bool(ARROW.search(each.strip())) for _, each in lines) <= len(lines):
        return None
    return [_arrow(each, line) for line, each in lines]


def _arrow(text: str, line: int) -> Example:
    parts = ARROW.split(text.strip(" "), maxsplit=1)
    if len(parts) == 1:
        raise DataError("arrow", line=line)
    return pair({}, "prompt", parts[0], "completion", parts[1], line)


def _rows(text: str, kind: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table under its first line's names, and the line on which each begins."""
    first = text.lstrip("\n").split("\n", 1)[0]
    sign = "\t" if kind == ".tsv" else max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
    names: list[str] = []
    start = 1
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DataError("table", line=start, reason=error) from None
        if row is None:
            return
        if any(cell.strip() for cell in row):
            if not names:
                names = [cell.strip() for cell in row]
            elif len(row) > len(names):
                raise DataError("columns", line=start, found=len(row), expected=len(names))
            else:
                yield start, dict(zip(names, row, strict=False))
        start = reader.line_num + 1


def _lines(text: str) -> Iterator[tuple[int, Any]]:
    """A JSON value a line; a file that is one list all the same is read as such."""
    if text.lstrip().startswith("[") and not _is_json(text.lstrip().split("\n", 1)[0]):
        yield from _values(text)
        return
    for line, each in enumerate(text.split("\n"), 1):
        if each.strip():
            value, end = _value(each, len(each) - len(each.lstrip()), line)
            if each[end:].strip():
                raise DataError("json", line=line, reason="more follows behind the value")
            yield line, value


def _values(text: str) -> Iterator[tuple[int, Any]]:
    """The items of a JSON list, or values one after another, and the line on which each begins."""
    listed = text.lstrip().startswith("[")
    gap = GAP_IN_LIST if listed else GAP
    place, line = (text.index("[") + 1 if listed else 0), 1
    line += text.count("\n", 0, place)
    while True:
        start, place = place, _behind(gap, text, place)
        line += text.count("\n", start, place)
        if text[place : place + 1] == "]" and listed:
            if text[place + 1 :].strip():
                raise DataError("json", line=line, reason="more follows behind the list")
            return
        if place == len(text):
            if listed:
                raise DataError("json", line=line, reason="the list does not end")
            return
        value, end = _value(text, place, line)
        yield line, value
        line += text.count("\n", place, end)
        place = end


def _behind(gap: re.Pattern[str], text: str, place: int) -> int:
    found = gap.match(text, place)
    return found.end() if found else place


def _value(text: str, place: int, line: int) -> tuple[Any, int]:
    """One JSON value and where it ends."""
    try:
        return json.JSONDecoder().raw_decode(text, place)
    except json.JSONDecodeError as error:
        line += text.count("\n", place, error.pos)
        raise DataError("json", line=line, reason=error.msg) from None
    except (RecursionError, ValueError):
        raise DataError("json", line=line, reason="nested too deep, or a number too long") from None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
