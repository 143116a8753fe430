"""`pradit chat`: what is asked reaches the model in its own format, what it says is printed as it comes."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lora_core import AdapterConfig, attach, cli, save_adapter
from lora_core.adapter import adapted_layers
from lora_core.language import conversation
from lora_core.language.reader import open_model
from lora_core.language.tokens import open_tokens
from tests.lora_core.language.folder import tiny_folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_folder(tmp_path / "base")


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(20250929)
    model = attach(open_model(str(base)), AdapterConfig(rank=2), generator=generator)
    with torch.no_grad():
        for layer in adapted_layers(model).values():
            layer.B.copy_(torch.randn(layer.B.shape, generator=generator))
    save_adapter(model, tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the model was asked with, as text."""
    found: list[str] = []
    real = conversation.encode_prompt

    def watched(messages: Any, tokenizer: Any, chat: Any) -> Any:
        ids = real(messages, tokenizer, chat)
        found.append(tokenizer.decode(list(ids), skip_special_tokens=False))
        return ids

    monkeypatch.setattr(conversation, "encode_prompt", watched)
    return found


def chat(lines: str, monkeypatch: pytest.MonkeyPatch, *arguments: str | Path, terminal: bool = False) -> int:
    source = io.StringIO(lines)
    monkeypatch.setattr(source, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stdin", source)
    return cli.main(["chat", "--dtype", "float32", "--longest", "9", *map(str, arguments)])


def greedy(model: Any, base: Path, question: str, count: int = 9) -> str:
    """The likeliest tokens one after the other, by the whole model each time."""
    tokenizer = open_tokens(base)
    ids = tokenizer.encode(f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n").ids
    start = len(ids)
    with torch.no_grad():
        while len(ids) < start + count and ids[-1] != 2:
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    text: str = tokenizer.decode([token for token in ids[start:] if token != 2])
    return text.rstrip("\ufffd")


def test_a_pipe_gets_the_answers_alone(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chat("hello\n", monkeypatch, "--base", base) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (greedy(open_model(str(base)), base, "hello") + "\n", "")
    assert len(out) > 2


def test_the_adapter_speaks_at_its_strength(
    base: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {}
    for strength in ("0", "1", "0.5"):
        model = open_model(str(base))
        chat("hello\n", monkeypatch, "--base", base, "--adapter", adapter, "--strength", strength)
        answers[strength] = capsys.readouterr().out
        conversation.load_adapter(model, adapter)
        for layer in adapted_layers(model).values():
            layer.scale *= float(strength)
        assert answers[strength] == greedy(model, base, "hello") + "\n"
    assert len(set(answers.values())) == 3


def test_the_conversation_is_kept_and_forgotten(
    base: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chat("hello\n\nan ant\n/new\ntell\n", monkeypatch, "--base", base, "--system", "hat", terminal=True)
    out, err = capsys.readouterr()
    first, second, third = asked
    assert first == (
        "<|im_start|>system\nhat<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    )
    assert second.startswith(first)
    assert second.endswith("<|im_end|>\n<|im_start|>user\nan ant<|im_end|>\n<|im_start|>assistant\n")
    assert out.startswith(second[len(first) :].partition("<|im_end|>")[0] + "\n")
    assert third == first.replace("hello", "tell")
    assert err == "> > > > > > "


def test_old_questions_leave_when_the_context_is_full(
    base: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(f"question {place} with some letters\n" for place in range(6))
    assert chat(lines, monkeypatch, "--base", base, "--system", "hat") == 0
    last = asked[-1]
    assert len(open_tokens(base).encode(last).ids) < 128
    assert "hat" in last
    assert "question 5" in last
    assert "question 0" not in last


def test_ctrl_c_ends_an_answer_and_not_the_command(
    base: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, count = conversation.written, 0

    def pressed(*arguments: Any) -> str:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(conversation, "written", pressed)
    assert chat("hello\ntell\n", monkeypatch, "--base", base) == 0
    lines = capsys.readouterr().out.splitlines()
    kept = asked[1].partition("<|im_start|>assistant\n")[2].partition("<|im_end|>")[0]
    assert kept == greedy(open_model(str(base)), base, "hello", 2)
    assert lines[0] == kept


def test_what_is_drawn_is_its_seeds(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for seed in ("1", "1", "2"):
        chat("hello\n", monkeypatch, "--base", base, "--temperature", "1", "--seed", seed)
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--base", "nowhere"], "no model at nowhere"),
        (["--adapter", "nowhere"], "no adapter_config.json in"),
        (["--strength", "2"], "give an --adapter"),
        (["--longest", "0"], "--longest is 0"),
        (["--temperature", "-1"], "--temperature -1"),
        (["--device", "toaster"], "the device 'toaster' cannot be used here"),
    ],
)
def test_refusals_are_one_line(
    arguments: list[str],
    reason: str,
    base: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert chat("hello\n", monkeypatch, "--base", base, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert reason in err
    assert err.count("\n") == 1


def test_a_missing_package_is_named(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "lora_core.language.conversation", None)
    assert chat("", monkeypatch, "--base", base) == 2
    assert "get it with: pip install gguf tokenizers jinja2 platformdirs tqdm" in capsys.readouterr().err
