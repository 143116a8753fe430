"""The head of a GGUF file for a model that comes as a folder: its shape, its tokens, its chat template.

llama.cpp knows ways of cutting text by name and a file must give the name: it is found by comparing
tokenizer.json with what is known of each (`lora_core.language.tokens`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gguf import GGUFValueType, Keys, TokenType

from lora_core.formats.gguf_model import Field
from lora_core.formats.gguf_names import architecture
from lora_core.language.chat import default_template
from lora_core.language.config import ModelConfig
from lora_core.language.reader import read_json
from lora_core.language.tokens import cut_of, open_tokens

_U32, _F32, _TEXT = GGUFValueType.UINT32, GGUFValueType.FLOAT32, GGUFValueType.STRING
_BOOL, _I32, _LIST = GGUFValueType.BOOL, GGUFValueType.INT32, GGUFValueType.ARRAY


def fields_of_folder(folder: Path, *, name: str = "") -> dict[str, Field]:
    """The head of the file.

    Args:
        folder: in Hugging Face's layout.
        name: what the model calls itself.

    Raises:
        ValueError: positions are stretched, or tokens are of a kind that llama.cpp has no name for here.
    """
    config = ModelConfig.from_json(read_json(folder / "config.json"))
    if config.rope_llama3:
        raise ValueError("the model stretches its positions, which a GGUF file made here does not hold")
    kind = architecture(config)
    numbers = {
        Keys.LLM.BLOCK_COUNT: config.blocks,
        Keys.LLM.CONTEXT_LENGTH: config.context,
        Keys.LLM.EMBEDDING_LENGTH: config.width,
        Keys.LLM.FEED_FORWARD_LENGTH: config.mlp_width,
        Keys.LLM.VOCAB_SIZE: config.vocabulary,
        Keys.Attention.HEAD_COUNT: config.heads,
        Keys.Attention.HEAD_COUNT_KV: config.kv_heads,
        Keys.Attention.KEY_LENGTH: config.head_width,
        Keys.Attention.VALUE_LENGTH: config.head_width,
        Keys.Rope.DIMENSION_COUNT: config.head_width,
    }
    found = {key.format(arch=kind): Field(value, (_U32,)) for key, value in numbers.items()}
    found[Keys.Attention.LAYERNORM_RMS_EPS.format(arch=kind)] = Field(config.norm_eps, (_F32,))
    found[Keys.Rope.FREQ_BASE.format(arch=kind)] = Field(config.rope_base, (_F32,))
    found[Keys.General.TYPE] = Field("model", (_TEXT,))
    if name:
        found[Keys.General.NAME] = Field(name, (_TEXT,))
    return found | _tokens(folder, config.vocabulary)


def _tokens(folder: Path, size: int) -> dict[str, Field]:
    tokenizer = open_tokens(folder)
    held = json.loads(tokenizer.to_str())
    texts = [f"[PAD{place}]" for place in range(size)]
    types = [int(TokenType.UNUSED)] * size
    known = {place: (text, TokenType.NORMAL) for text, place in held["model"].get("vocab", {}).items()}
    for added in held["added_tokens"]:
        special = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
        known[added["id"]] = added["content"], special
    for place, (text, type) in known.items():
        if place >= size:
            raise ValueError(f"token {text!r} is number {place}, but the model has {size}")
        texts[place], types[place] = text, int(type)
    merges = [each if isinstance(each, str) else " ".join(each) for each in held["model"].get("merges", [])]
    path = folder / "tokenizer_config.json"
    about: dict[str, Any] = read_json(path) if path.exists() else {}
    found = {
        Keys.Tokenizer.MODEL: Field("gpt2", (_TEXT,)),
        Keys.Tokenizer.PRE: Field(cut_of(tokenizer), (_TEXT,)),
        Keys.Tokenizer.LIST: Field(texts, (_LIST, _TEXT)),
        Keys.Tokenizer.TOKEN_TYPE: Field(types, (_LIST, _I32)),
        Keys.Tokenizer.MERGES: Field(merges, (_LIST, _TEXT)),
    }
    places = {}
    for key, ours in (
        (Keys.Tokenizer.BOS_ID, "bos"),
        (Keys.Tokenizer.EOS_ID, "eos"),
        (Keys.Tokenizer.UNK_ID, "unk"),
        (Keys.Tokenizer.PAD_ID, "pad"),
    ):
        token = about.get(f"{ours}_token")
        text = token.get("content") if isinstance(token, dict) else token
        places[ours] = tokenizer.token_to_id(text) if text else None
        if places[ours] is not None:
            found[key] = Field(places[ours], (_U32,))
    begins = places["bos"] is not None and tokenizer.encode("a").ids[:1] == [places["bos"]]
    found[Keys.Tokenizer.ADD_BOS] = Field(bool(about.get("add_bos_token", begins)), (_BOOL,))
    file = folder / "chat_template.jinja"
    template = file.read_text("utf-8") if file.exists() else about.get("chat_template")
    if template:
        found[Keys.Tokenizer.CHAT_TEMPLATE] = Field(default_template(template), (_TEXT,))
    return {key: field for key, field in found.items() if field.value != []}
