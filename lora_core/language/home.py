"""An adapter's folder made ready for other programs: model card, GGUF with Modelfile, mlx-lm. No torch.

folder/adapter_config.json, adapter_model.safetensors, README.md    transformers + PEFT
folder/adapter.gguf, Modelfile                                      llama.cpp, Ollama
folder/mlx/                                                         mlx-lm
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lora_core.formats import gguf_adapter, mlx, ollama, peft
from lora_core.formats.folded import folded
from lora_core.formats.model_card import Card
from lora_core.language.config import ModelConfig

if TYPE_CHECKING:
    from lora_core.language.chat import Chat

FORMATS = ("peft", "gguf", "mlx")
GGUF_FILE, MODELFILE, MLX_FOLDER = "adapter.gguf", "Modelfile", "mlx"


def take_home(
    folder: Path,
    formats: Sequence[str],
    *,
    config: ModelConfig,
    card: Card,
    base: str,
    chat: Chat | None,
    stop: Sequence[str] = (),
) -> Mapping[str, str]:
    """Adds to a folder that `save_adapter` wrote what other programs want.

    Args:
        folder: in PEFT's format.
        formats: of FORMATS.
        config: of the base.
        card: what the model card says.
        base: what Ollama and mlx-lm are to build on, a path or a name.
        chat: the model's chat format; None is none.
        stop: texts that end an answer.

    Returns:
        Of each format a command that runs it; the model is called `model` there.

    Raises:
        ValueError: a format has no place for this adapter; the others are written.
    """
    card.write(folder)
    commands = {"peft": f'peft.PeftModel.from_pretrained(base, "{folder}")'}
    if set(formats) == {"peft"}:
        return commands
    factors = folded(peft.read(folder))
    if "gguf" in formats:
        gguf_adapter.write(folder / GGUF_FILE, factors, config, name=card.name)
        text = ollama.modelfile(
            base, adapter=f"./{GGUF_FILE}", format=None if chat is None else wrapping_of(chat), stop=stop
        )
        (folder / MODELFILE).write_text(text, "utf-8", newline="")
        commands["llama.cpp"] = f"llama-cli -m {base} --lora {folder / GGUF_FILE}"
        commands["ollama"] = f"ollama create my-model -f {folder / MODELFILE} && ollama run my-model"
    if "mlx" in formats:
        mlx.write(folder / MLX_FOLDER, factors, blocks=config.blocks)
        commands["mlx"] = f"mlx_lm.chat --model {card.base} --adapter-path {folder / MLX_FOLDER}"
    return commands


def wrapping_of(chat: Chat) -> ollama.Wrapping | None:
    """The chat format as Ollama's template; None where it has no counterpart: Ollama then guesses."""
    try:
        return ollama.wrapping(
            lambda messages, answer: chat.text(messages, answer=answer), bos=chat.names.get("bos_token", "")
        )
    except ValueError:
        return None
