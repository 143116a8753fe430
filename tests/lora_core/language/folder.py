"""A tiny random model as a folder in Hugging Face's layout, with tokens and a chat format as SmolLM2's."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel

from lora_core.language.config import ModelConfig
from lora_core.language.model import LanguageModel
from lora_core.language.tokens import tokenizer_of

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["h e", "l l", "he ll", "hell o", "Ġ t", "a n"]
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def tiny_folder(folder: Path, *, dtype: torch.dtype = torch.float32, **changes: object) -> Path:
    """Writes the model: three special tokens, the 256 bytes and six merges; two blocks of width 32."""
    vocabulary = [*SPECIAL, *sorted(ByteLevel.alphabet()), *(merge.replace(" ", "") for merge in MERGES)]
    shape: dict[str, object] = {
        "vocabulary": len(vocabulary),
        "width": 32,
        "mlp_width": 64,
        "blocks": 2,
        "heads": 4,
        "kv_heads": 2,
        "head_width": 8,
        "context": 128,
        "tied": True,
    }
    model = LanguageModel(ModelConfig(**{**shape, **changes}))  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(20250929)
    weights = {
        name: (torch.randn(W.shape, generator=generator) / 4 + (W.dim() == 1)).to(dtype)
        for name, W in model.state_dict().items()
    }
    if model.config.tied:
        del weights["lm_head.weight"]
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(model.config.to_json()))
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    tokenizer_of("gpt2", "smollm", vocabulary, MERGES, range(3)).save(str(folder / "tokenizer.json"))
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder
