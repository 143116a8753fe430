"""A reader's own text becomes examples, whatever its form, or is refused by line and field."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lora_core.language.data_files import (
    KINDS,
    MOST_BYTES,
    PASSAGE,
    DataError,
    examples_of,
    held_out,
    passages,
    read_data,
    summary,
)
from lora_core.language.examples import Example
from lora_core.language.records import SENTENCES


def pair(question: str, answer: str, *before: dict[str, str]) -> Example:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return Example((*before, *turns))


SKY, SEA = pair("Sky?", "Blue."), pair("Sea?", "Deep, and\ngreen.")
SYSTEM = {"role": "system", "content": "Be short."}


def lines(*records: object) -> str:
    return "\n".join(json.dumps(record, ensure_ascii=False) for record in records)


def turns(
    example: Example, role: str = "role", content: str = "content", **names: str
) -> list[dict[str, str]]:
    return [{role: names.get(m["role"], m["role"]), content: m["content"]} for m in example.messages]


TWO = ("Sky?", "Blue."), ("Sea?", "Deep, and\ngreen.")


@pytest.mark.parametrize(
    ("name", "text"),
    {
        "chat": ("a.jsonl", lines(*({"messages": turns(each)} for each in (SKY, SEA)))),
        "chat, by lists alone": ("a.jsonl", lines(turns(SKY), turns(SEA))),
        "ShareGPT": (
            "a.json",
            json.dumps([
                {"id": 1, "conversations": turns(each, "from", "value", user="human", assistant="gpt")}
                for each in (SKY, SEA)
            ]),
        ),
        "Alpaca": (
            "a.json",
            json.dumps([{"instruction": q, "input": "", "output": a} for q, a in TWO], indent=1),
        ),
        "prompts": ("a.jsonl", lines(*({"prompt": q, "completion": a} for q, a in TWO))),
        "prompts as messages": (
            "a.jsonl",
            lines(*({"prompt": turns(e)[:1], "completion": turns(e)[1:]} for e in (SKY, SEA))),
        ),
        "other names": ("a.ndjson", lines(*({"Question": q, "Answer": a, "id": 3} for q, a in TWO))),
        "values one after another": (
            "a.json", "\n".join(json.dumps({"q": q, "a": a}, indent=2) for q, a in TWO),
        ),
        "a list in a .jsonl": ("a.jsonl", json.dumps([{"q": q, "a": a} for q, a in TWO], indent=1)),
        "a table": ("a.csv", 'id,prompt,completion\n1,Sky?,Blue.\n2,Sea?,"Deep, and\ngreen."\n'),
        "a table by semicolons": ("A.CSV", 'คำถาม;คำตอบ\r\nSky?;Blue.\r\n\r\nSea?;"Deep, and\r\ngreen."'),
        "a table by tabs": ("a.tsv", 'input\toutput\nSky?\tBlue.\nSea?\t"Deep, and\ngreen."'),
        "pasted": ("", lines(*({"user": q, "assistant": a} for q, a in TWO))),
    }.values(),
)  # fmt: skip
def test_the_same_pairs_from_every_form(name: str, text: str) -> None:
    assert examples_of(text.encode(), name) == [SKY, SEA]


def test_arrows_part_question_and_answer() -> None:
    expected = [SKY, pair("Is 2 → 3?", "Yes."), pair("ฟ้าสีอะไร", "สีฟ้า")]
    text = "Sky? → Blue.\n\nIs 2 → 3? → Yes.\nฟ้าสีอะไร\tสีฟ้า\n"
    assert [each.messages[0]["content"] for each in examples_of(text.encode())] == ["Sky?", "Is 2", "ฟ้าสีอะไร"]
    text = text.replace("2 → 3", "2 -> 3")
    expected[1] = pair("Is 2 -> 3?", "Yes.")
    assert examples_of(text.encode(), "notes.txt") == examples_of(text.encode()) == expected


def test_what_stands_beside_the_question_is_read() -> None:
    records = [
        {"system": "Be short.", "instruction": "Name it.", "input": "The sky's colour", "output": "Blue."},
        {"messages": [SYSTEM, *turns(SKY)]},
        {"question": "Six by seven?", "answer": 42},
        "The tide\ncomes in.",
        {"text": "The tide goes out."},
    ]
    assert examples_of(lines(*records).encode(), "a.jsonl") == [
        pair("Name it.\n\nThe sky's colour", "Blue.", SYSTEM),
        pair("Sky?", "Blue.", SYSTEM),
        pair("Six by seven?", "42"),
        Example(text="The tide\ncomes in."),
        Example(text="The tide goes out."),
    ]


def test_marks_of_encodings_and_line_ends_are_no_text() -> None:
    text = 'prompt,completion\r\nSky?,Blue.\r\nSea?,"Deep, and\r\ngreen."'
    for encoding in ("utf-8-sig", "utf-16"):
        assert examples_of(text.encode(encoding), "a.csv") == [SKY, SEA]


def test_plain_text_becomes_passages_that_hold_all_of_it() -> None:
    text = "# Tides\n\n" + "\n\n".join(
        f"{n}. " + "The sea came to the wall and went. " * (n % 17) for n in range(60)
    )
    text += "\n\n" + "ทะเล" * 500
    found = passages(text)
    assert max(map(len, found)) <= PASSAGE
    assert "".join("".join(found).split()) == "".join(text.split())
    assert found[0].startswith("# Tides\n\n0.\n\n1. ")
    english = [each for each in found if "ทะเล" not in each]
    assert all(re.search(r"(?:[.]|\.\s*)$", each) for each in english)  # no sentence is torn
    assert sum(len(each) > PASSAGE // 2 for each in english) > len(english) * 0.7
    assert examples_of(text.encode(), "sea.md") == [Example(text=each) for each in found]


@pytest.mark.parametrize(
    ("name", "data", "key", "values"),
    [
        ("a.docx", b"PK", "kind", {"ending": ".docx", "expected": ", ".join(KINDS)}),
        ("notes", b"x", "kind", {"ending": "notes", "expected": ", ".join(KINDS)}),
        ("a.txt", b"a" * (MOST_BYTES + 1), "large", {"size": MOST_BYTES + 1, "most": MOST_BYTES}),
        ("a.txt", b"%PDF-1.7\n\0\0", "binary", {}),
        ("a.txt", b"\x89PNG\r\n\x1a\n\x08\x01\x02\x03\x04", "binary", {}),
        ("a.txt", b"\xff\xfea", "binary", {}),
        ("a.csv", "q,a\nfine,ok\nสี,ฟ้า".encode("cp874"), "encoding", {"line": 3}),
        ("a.txt", b" \n\n", "nothing", {}),
        ("a.csv", b"q,a\n", "nothing", {}),
        ("a.json", b"[]", "nothing", {}),
        ("a.jsonl", b'{"q": "1", "a": "1"}\n\n{"q": "2" "a"}', "json", {"line": 3}),
        ("a.jsonl", b'{"q": "1", "a": "1"} {"q"', "json", {"line": 1}),
        ("a.jsonl", b"words", "json", {"line": 1}),
        ("a.json", b'[\n{"q": "1", "a": "1"},\n{"q": 2,\n "a": }]', "json", {"line": 4}),
        ("a.json", b'[\n{"q": "1", "a": "1"}', "json", {"line": 2}),
        ("a.json", b'[{"q": "1", "a": "1"}]\n\nmore', "json", {"line": 1}),
        ("a.json", b"[" * 200_000, "json", {"line": 1}),
        ("a.json", b"[" + b"9" * 5000 + b"]", "json", {"line": 1}),
        ("a.csv", b'q,a\n1,1\n2,"open', "table", {"line": 3}),
        ("a.csv", b"q,a\n1,1\n1,2,3", "columns", {"line": 3, "found": 3, "expected": 2}),
        ("a.csv", b"q,a\n1,\"a\nb\"\nwhat,", "empty", {"line": 4, "field": "a"}),
        ("a.csv", b"q,a\n1,1\nwhat", "missing", {"line": 3, "field": "completion"}),
        ("a.csv", b"name,age\nNok,3", "fields", {"line": 2, "found": "name, age"}),
        ("a.json", b"[1, 2]", "object", {"line": 1}),
        ("a.jsonl", b'{"answer": "x"}', "missing", {"line": 1, "field": "prompt"}),
        ("a.jsonl", b'{"q": " ", "a": "x"}', "empty", {"line": 1, "field": "q"}),
        ("a.jsonl", b'{"q": "x", "a": null}', "not_text", {"line": 1, "field": "a"}),
        (
            "a.jsonl", b'{"instruction": "x", "input": [1], "output": "y"}',
            "not_text", {"line": 1, "field": "input"},
        ),
        ("a.jsonl", b'{"text": "\\ud800"}', "characters", {"line": 1, "field": "text"}),
        ("a.json", b'[\n\n{"messages": "hi"}]', "not_messages", {"line": 3, "field": "messages"}),
        ("a.json", b'[{"messages": ["hi"]}]', "not_message", {"line": 1, "field": "messages[1]"}),
        (
            "a.jsonl", lines({"messages": [turns(SKY)[0], {"role": "assistant", "content": ""}]}).encode(),
            "empty", {"line": 1, "field": "messages[2].content"},
        ),
        (
            "a.jsonl", lines({"messages": [{"role": "tool", "content": "x"}]}).encode(),
            "role", {"line": 1, "role": "tool"},
        ),
        ("a.jsonl", lines({"messages": [{"role": ["user"], "content": "x"}]}).encode(), "role", {"line": 1}),
        ("a.jsonl", lines({"messages": turns(SKY)[:1]}).encode(), "unanswered", {"line": 1}),
        ("a.txt", "a → 1\nb → 2\n\nc, 3".encode(), "arrow", {"line": 4}),
        ("a.txt", "a → 1\nb → \nc → 3".encode(), "empty", {"line": 2, "field": "completion"}),
        ("a.txt", b"One paragraph alone.", "single", {}),
        ("a.jsonl", b'{"q": "1", "a": "1"}', "single", {}),
    ],
)  # fmt: skip
def test_a_file_is_refused_by_line_and_field(
    name: str, data: bytes, key: str, values: dict[str, object]
) -> None:
    with pytest.raises(DataError) as caught:
        examples_of(data, name)
    assert caught.value.key == key
    assert caught.value.values.items() >= values.items()
    for value in values.values():
        assert str(value) in str(caught.value)


def test_every_refusal_has_been_seen() -> None:
    marks = test_a_file_is_refused_by_line_and_field.pytestmark
    assert {case[2] for case in marks[0].args[1]} == SENTENCES.keys()


def test_a_file_is_read_from_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "Notes.TXT"
    path.write_text("Sky? → Blue.\nSun? → Red.", "utf-8")
    assert read_data(path) == [SKY, pair("Sun?", "Red.")]
    path.write_bytes(b"a" * (MOST_BYTES + 5))
    with pytest.raises(DataError, match=str(MOST_BYTES + 5)):
        read_data(path)
    with pytest.raises(DataError, match=r"'\.exe'"):
        read_data(tmp_path / "missing.exe")
    with pytest.raises(FileNotFoundError):
        read_data(tmp_path / "missing.txt")


@pytest.mark.parametrize("count", [2, 9, 10, 57])
def test_a_tenth_is_held_out(count: int) -> None:
    examples = [Example(text=str(number)) for number in range(count)]
    kept, held = held_out(examples, torch.Generator().manual_seed(0))
    assert len(held) == max(1, count // 10)
    assert sorted([*kept, *held], key=lambda each: int(each.text)) == examples
    assert kept == sorted(kept, key=lambda each: int(each.text))
    assert (kept, held) == held_out(examples, torch.Generator().manual_seed(0))
    draws = {held_out(examples, torch.Generator().manual_seed(seed))[1][0] for seed in range(20)}
    assert len(draws) > 1
    with pytest.raises(DataError):
        held_out(examples[:1], torch.Generator())


class Characters:
    """A tokenizer for which a character is a token."""

    def encode(self, text: str, add_special_tokens: bool) -> object:
        assert not add_special_tokens

        return SimpleNamespace(ids=[ord(c) for c in text])


class Angles:
    """`<question>answer;`, where `;` ends an answer."""

    stop = (ord(";"),)
    padding = 0

    def text(self, messages: list[dict[str, str]], *, answer: bool = True) -> str:
        marks = {"user": "<{}>", "assistant": "{};"}
        return "".join(marks[each["role"]].format(each["content"]) for each in messages)


def test_a_summary_counts_tokens_and_cuts() -> None:
    examples = [pair("ab", "cdef"), Example(text="0123456789"), pair("a long question", "x")]
    found = summary(examples, Characters(), Angles(), longest=8)
    assert (found.examples, found.tokens, found.longest) == (3, 9 + 10 + 19, 19)
    assert (found.cut, found.cut_tokens, found.lost) == (3, 1 + 2 + 11, (2,))
    assert found.trained == 4 + 7
    whole = summary(examples, Characters(), Angles(), longest=19)
    assert (whole.cut, whole.cut_tokens, whole.lost, whole.trained) == (0, 0, (), 5 + 9 + 2)


def test_reading_takes_time_in_proportion_to_size() -> None:
    """Forty thousand items: half a second, and minutes if each is sought from the start."""
    text = "[\n" + ",\n".join('{"q": "Where is it, then?", "a": "In."}' for _ in range(40_000)) + "\n]"
    assert len(examples_of(text.encode(), "a.json")) == 40_000


def test_no_torch_is_needed_to_read() -> None:
    code = "import sys, lora_core.language.data_files; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
