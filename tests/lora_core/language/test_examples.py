"""Which tokens of an example count, read back as text and compared with what was written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from lora_core.language.chat import Chat, open_chat
from lora_core.language.examples import Encoded, Example, encode, encode_prompt
from lora_core.language.tokens import open_tokens

TALK = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is 2 + 2?"},
    {"role": "assistant", "content": "It is 4."},
    {"role": "user", "content": "And สาม?"},
    {"role": "assistant", "content": "สาม is 3."},
)
WHOLE = (
    "<|im_start|>system\nBe brief.<|im_end|>\n"
    "<|im_start|>user\nWhat is 2 + 2?<|im_end|>\n<|im_start|>assistant\n"
    "It is 4.<|im_end|>\n"
    "<|im_start|>user\nAnd สาม?<|im_end|>\n<|im_start|>assistant\n"
    "สาม is 3.<|im_end|>\n"
)


@pytest.fixture
def tokens(smollm2: Path) -> Tokenizer:
    return open_tokens(smollm2)


@pytest.fixture
def chat(smollm2: Path, tokens: Tokenizer) -> Chat:
    return open_chat(smollm2, tokens)


def read(tokens: Tokenizer, ids: list[int] | tuple[int, ...]) -> str:
    return str(tokens.decode(list(ids), skip_special_tokens=False))


def inked(tokens: Tokenizer, found: Encoded) -> list[str]:
    """The stretches that are trained on, as text."""
    runs: list[list[int]] = []
    before = False
    for token, counts in zip(*found, strict=True):
        if counts:
            runs = [*runs[:-1], [*runs[-1], token]] if before else [*runs, [token]]
        before = counts
    return [read(tokens, run) for run in runs]


def test_answers_and_what_ends_them_are_trained_on(tokens: Tokenizer, chat: Chat) -> None:
    found = encode(Example(TALK), tokens, chat, longest=500)
    assert read(tokens, found.ids) == WHOLE
    assert inked(tokens, found) == ["It is 4.<|im_end|>", "สาม is 3.<|im_end|>"]


def test_what_is_asked_is_the_same_tokens_as_in_training(tokens: Tokenizer, chat: Chat) -> None:
    found = encode(Example(TALK), tokens, chat, longest=500)
    asked = encode_prompt(TALK[:4], tokens, chat)
    assert found.ids[: len(asked)] == asked
    assert found.trained[len(asked)]
    assert not found.trained[len(asked) - 1]


def test_plain_text_is_trained_on_but_for_its_first_token(tokens: Tokenizer, chat: Chat) -> None:
    text = "A ring of gold,\nแหวนทอง."
    found = encode(Example(text=text), tokens, chat, longest=500)
    assert read(tokens, found.ids) == text
    assert found.trained == (False, *[True] * (len(found.ids) - 1))


def test_a_long_example_is_cut(tokens: Tokenizer, chat: Chat) -> None:
    whole = encode(Example(TALK), tokens, chat, longest=500)
    first = whole.trained.index(True)
    cut = encode(Example(TALK), tokens, chat, longest=first + 1)
    assert cut == (whole.ids[: first + 1], whole.trained[: first + 1])
    with pytest.raises(ValueError, match=f"first {first} "):
        encode(Example(TALK), tokens, chat, longest=first)


@pytest.mark.parametrize("example", [Example(), Example(text="A"), Example(TALK[:2])])
def test_an_example_that_trains_nothing_is_refused(example: Example, tokens: Tokenizer, chat: Chat) -> None:
    with pytest.raises(ValueError, match="no token"):
        encode(example, tokens, chat, longest=500)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", "ends an answer"),
        ("{{ messages | length }}{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}", "anew"),
    ],
)
def test_a_template_whose_answers_cannot_be_told_is_refused(
    template: str, reason: str, tokens: Tokenizer
) -> None:
    with pytest.raises(ValueError, match=reason):
        encode(Example(TALK), tokens, Chat(template, {}, [2], 2), longest=500)
