"""Tokens against the families' own tokenizers, chat text against transformers', greedy text with a cache."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, GPT2Tokenizer, Qwen2Tokenizer

from lora_core.language.chat import Chat, open_chat
from lora_core.language.model import Cache
from lora_core.language.reader import open_model
from lora_core.language.tokens import open_tokens, tokenizer_of

TEXT = (
    "def f(x, n=1024):\n    return x ** 3.14  # it's O(n)\n\n\tWe'LL see:  café, naïve, Ωmega… 北京 🙂\r\n"
    'ประเทศไทยมีประชากร 66 ล้านคน ๑๒๓\n   \n{"a": [1, 22, 333]}'
)
TALK = [{"role": "user", "content": " What is 2 + 2? "}, {"role": "assistant", "content": "4"}]


@pytest.fixture(scope="session")
def words(smollm2: Path) -> dict[str, Any]:
    """The installed model's vocabulary and merges, to build other families' tokenizers of."""
    model = json.loads((smollm2 / "tokenizer.json").read_text("utf-8"))["model"]
    vocabulary: dict[str, int] = model["vocab"]
    return {"vocab": vocabulary, "merges": [tuple(pair) for pair in model["merges"]]}


def built(cut: str, words: dict[str, Any]) -> Any:
    merges = [" ".join(pair) for pair in words["merges"]]
    return tokenizer_of("gpt2", cut, sorted(words["vocab"], key=words["vocab"].get), merges, [])


@pytest.mark.parametrize(("cut", "theirs"), [("gpt-2", GPT2Tokenizer), ("qwen2", Qwen2Tokenizer)])
def test_tokens_are_those_of_the_family(cut: str, theirs: Any, words: dict[str, Any]) -> None:
    expected = theirs(**words)(TEXT, add_special_tokens=False).input_ids
    assert built(cut, words).encode(TEXT).ids == expected


def test_smollm_is_gpt2_with_every_digit_alone(smollm2: Path, words: dict[str, Any]) -> None:
    gpt2 = GPT2Tokenizer(**words)
    pieces = [piece for piece in re.split(r"(\d)", TEXT) if piece]
    expected = [i for piece in pieces for i in gpt2(piece, add_special_tokens=False).input_ids]
    tokens = open_tokens(smollm2)
    assert tokens.encode(TEXT).ids == expected
    assert tokens.decode(expected) == TEXT


def test_special_tokens_are_one_token_each(smollm2: Path) -> None:
    tokens = open_tokens(smollm2)
    assert tokens.encode("<|im_start|>user\n<|im_end|>").ids[::3] == [1, 2]
    assert tokens.decode([1, 4093, 2]) == tokens.decode([4093])


def test_chat_text_is_that_of_transformers(smollm2: Path) -> None:
    theirs = AutoTokenizer.from_pretrained(smollm2)
    chat = open_chat(smollm2, open_tokens(smollm2))
    assert chat.stop == (2,)
    for answer in (True, False):
        for talk in (TALK, TALK[:1], [{"role": "system", "content": "Be brief."}, *TALK]):
            expected = theirs.apply_chat_template(talk, tokenize=False, add_generation_prompt=answer)
            assert chat.text(talk, answer=answer) == expected


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('no system message') }}",
        "{{ ''.__class__.__mro__ }}",
        "{% for i in range(10 ** 9) %}{% endfor %}",
        "{{ messages.append(1) }}",
    ],
)
def test_a_template_reaches_nothing_and_its_refusal_is_told(template: str) -> None:
    with pytest.raises(ValueError, match="the chat template refuses the messages"):
        Chat(template, {}, [0], 0).text(TALK)


def test_a_template_that_is_none_is_refused(tmp_path: Path, smollm2: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        Chat("{% for %}", {}, [0], 0)
    with pytest.raises(ValueError, match="no chat template"):
        open_chat(tmp_path, open_tokens(smollm2))
    (tmp_path / "chat_template.jinja").write_text("{{ bos_token }}")
    with pytest.raises(ValueError, match="which token ends an answer"):
        open_chat(tmp_path, open_tokens(smollm2))


def test_other_tokens_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of kind 'llama'"):
        tokenizer_of("llama", "default", ["a"], [], [])
    with pytest.raises(ValueError, match=r"no tokenizer\.json"):
        open_tokens(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match=r"tokenizer\.json cannot be read"):
        open_tokens(tmp_path)


@torch.inference_mode()
def test_greedy_text_is_the_same_with_and_without_a_cache(smollm2: Path) -> None:
    model, tokens = open_model(str(smollm2), torch.float32), open_tokens(smollm2)
    chat = open_chat(smollm2, tokens)
    talk = [{"role": "user", "content": "What is the capital of France?"}]
    ids = torch.tensor([tokens.encode(chat.text(talk)).ids])
    cache = Cache(model.config, 1, ids.shape[1] + 8, model.lm_head.weight)
    whole, new = ids, ids
    for _ in range(8):
        new = model(new, cache=cache)[:, -1:].argmax(-1)
        assert torch.equal(new, model(whole)[:, -1:].argmax(-1))
        if int(new) in chat.stop:
            break
        whole = torch.cat((whole, new), 1)
    assert tokens.decode(whole[0, ids.shape[1] :].tolist()) == "The capital of France is Paris."
