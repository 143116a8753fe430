"""An example from a record of a data file: an object of JSON, or a row of a table under its names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lora_core.language.examples import Example

FIELDS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "question", "instruction", "input", "query", "user", "q", "คำถาม"),
    "completion": (
        "completion",
        "answer",
        "response",
        "output",
        "assistant",
        "reply",
        "target",
        "a",
        "คำตอบ",
    ),
    "text": ("text", "content", "passage", "ข้อความ"),
}
"""What a field is for -> the names it may have, capitals or not, the first found counts."""
CONVERSATION = ("messages", "conversations", "conversation")
ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "assistant": "assistant",
    "gpt": "assistant", "model": "assistant", "bot": "assistant",
}  # fmt: skip


SENTENCES = {
    "kind": "the file's name ends in {ending!r}, expected one of {expected}",
    "large": "the file has {size} bytes, expected at most {most}",
    "binary": "the file is binary, expected text",
    "encoding": "line {line} is not UTF-8; save the file as UTF-8",
    "characters": "line {line}, field {field}: half of a surrogate pair, which no text holds",
    "nothing": "there is no text in the file",
    "json": "line {line} is no JSON: {reason}",
    "table": "the table breaks off at line {line}: {reason}",
    "columns": "line {line} has {found} columns, the first line names {expected}",
    "object": "line {line} holds no object with fields",
    "fields": "line {line} has the fields {found}; expected prompt and completion, messages, or text",
    "missing": "line {line} lacks the field {field}",
    "not_text": "line {line}, field {field}: expected text",
    "not_messages": "line {line}, field {field}: expected a list of messages",
    "not_message": "line {line}, field {field}: expected an object with role and content",
    "empty": "line {line}, field {field}: empty",
    "role": "line {line}: the role is {role!r}, expected system, user or assistant",
    "unanswered": "line {line}: nothing in the conversation is answered by the assistant",
    "arrow": "line {line} has no arrow (→) between question and answer, as other lines have",
    "single": "there is one example; expected two or more, as a part is held out to measure on",
}


class DataError(ValueError):
    """A file that cannot be trained on.

    `key`, one of SENTENCES, and `values` let a page say it in the reader's language.
    """

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(SENTENCES[key].format(**values))
        self.key = key
        self.values = values


def example_of(record: Any, line: int) -> Example:
    """An example from what one line, row or item holds."""
    if isinstance(record, str):
        return Example(text=_text({"text": record}, "text", line))
    if isinstance(record, list) and record and _is_turn(record[0]):
        record = {"messages": record}
    if not isinstance(record, dict):
        raise DataError("object", line=line)
    record = {str(key).strip().lower(): value for key, value in record.items() if key is not None}
    for field in CONVERSATION:
        if field in record:
            return _conversation(record[field], field, line)
    instructed = {"instruction", "input"} <= record.keys()  # Alpaca's: an input beside the instruction
    prompt = next((name for name in FIELDS["prompt"] if name in record), None)
    completion = next((name for name in FIELDS["completion"] if name in record), None)
    if prompt is None and completion is None:
        for name in FIELDS["text"]:
            if name in record:
                return Example(text=_text(record, name, line))
        raise DataError("fields", line=line, found=", ".join(record)[:80] or "none")
    if prompt is None or completion is None:
        raise DataError("missing", line=line, field="prompt" if prompt is None else "completion")
    if isinstance(record[prompt], list) and isinstance(record[completion], list):
        return _conversation([*record[prompt], *record[completion]], completion, line)
    if instructed:
        asked = _text(record, "instruction", line)
        beside = record["input"] or ""
        if not isinstance(beside, str):
            raise DataError("not_text", line=line, field="input")
        prompt, record = "instruction", record | {"instruction": f"{asked}\n\n{beside}".strip()}
    return pair(record, prompt, record[prompt], completion, record[completion], line)


def pair(
    record: Mapping[str, Any], asked: str, question: Any, answered: str, answer: Any, line: int
) -> Example:
    """A question and its answer from the fields `asked` and `answered`, and the record's system message."""
    texts = {asked: question, answered: answer}
    messages = [
        {"role": "user", "content": _text(texts, asked, line)},
        {"role": "assistant", "content": _text(texts, answered, line)},
    ]
    if record.get("system"):
        messages.insert(0, {"role": "system", "content": _text(record, "system", line)})
    return Example(tuple(messages))


def _conversation(turns: Any, field: str, line: int) -> Example:
    if not isinstance(turns, list) or not turns:
        raise DataError("not_messages", line=line, field=field)
    messages = []
    for number, turn in enumerate(turns, 1):
        place = f"{field}[{number}]"
        if not _is_turn(turn):
            raise DataError("not_message", line=line, field=place)
        role, content = ("role", "content") if {"role", "content"} <= turn.keys() else ("from", "value")
        if str(turn[role]) not in ROLES:
            raise DataError("role", line=line, role=str(turn[role])[:40])
        text = _text({f"{place}.{content}": turn[content]}, f"{place}.{content}", line)
        messages.append({"role": ROLES[turn[role]], "content": text})
    if all(message["role"] != "assistant" for message in messages):
        raise DataError("unanswered", line=line)
    return Example(tuple(messages))


def _text(record: Mapping[str, Any], field: str, line: int) -> str:
    """A field's text, without blanks around it."""
    value = record[field]
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise DataError("not_text", line=line, field=field)
    if not value.strip():
        raise DataError("empty", line=line, field=field)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError("characters", line=line, field=field) from None
    return value.strip()


def _is_turn(value: Any) -> bool:
    return isinstance(value, dict) and (
        {"role", "content"} <= value.keys() or {"from", "value"} <= value.keys()
    )
