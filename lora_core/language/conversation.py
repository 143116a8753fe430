"""One conversation with a language model, its history kept."""

from __future__ import annotations

import math
from collections.abc import Generator

import torch
from tokenizers import Tokenizer

from lora_core.adapter import adapted_layers
from lora_core.language.chat import Chat, open_chat
from lora_core.language.examples import encode_prompt
from lora_core.language.model import LanguageModel
from lora_core.language.reader import folder_of, open_model
from lora_core.language.sampling import sample, written
from lora_core.language.speed import opened_device
from lora_core.language.tokens import open_tokens
from lora_core.saving import load_adapter


def open_conversation(
    base: str,
    adapter: str | None = None,
    *,
    strength: float = 1.0,
    system: str = "",
    temperature: float = 0.0,
    seed: int = 0,
    longest: int = 256,
    device: str = "",
    dtype: str = "float32",
) -> Conversation:
    """Opens what is talked to.

    Args:
        base: see `find_model`.
        adapter: a folder in PEFT's format, or None.
        strength: a factor on the adapter's γ.
        system: a system message; empty leaves the model's own.
        temperature: see `sample`.
        seed: of what is drawn.
        longest: tokens an answer has at most.
        device: torch's name; empty is a GPU if there is one.
        dtype: of the weights, torch's name.

    Raises:
        ValueError: something of it cannot be, the message says what would do.
    """
    if longest < 1 or temperature < 0 or not math.isfinite(strength):
        raise ValueError(
            f"--longest is {longest}, --temperature {temperature:g}, --strength {strength:g}; expected 1 or "
            "more, 0 or more, and a finite number"
        )
    if adapter is None and strength != 1:
        raise ValueError("--strength is a factor on an adapter's γ; give an --adapter")
    place = opened_device(device)
    folder = folder_of(base)
    tokenizer = open_tokens(folder)
    chat = open_chat(folder, tokenizer)
    model = open_model(base, getattr(torch, dtype)).to(place)
    if adapter is not None:
        for layer in adapted_layers(load_adapter(model, adapter)).values():
            layer.scale *= strength
    generator = torch.Generator(place).manual_seed(seed)
    return Conversation(
        model.eval(), tokenizer, chat, generator, system=system, temperature=temperature, longest=longest
    )


class Conversation:
    """Questions and answers so far.

    Attributes:
        messages: in order, the system message first if there is one of our own.
    """

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        chat: Chat,
        generator: torch.Generator,
        *,
        system: str = "",
        temperature: float = 0.0,
        longest: int = 256,
    ) -> None:
        self._model, self._tokenizer, self._chat, self._generator = model, tokenizer, chat, generator
        self._system, self._temperature, self._longest = system, temperature, longest
        self.messages: list[dict[str, str]] = []
        self.forget()

    def forget(self) -> None:
        """Begins a new conversation."""
        self.messages = [{"role": "system", "content": self._system}] if self._system else []

    def ask(self, question: str) -> Generator[str]:
        """Yields the answer part by part; what had come when it is closed is kept as the answer.

        Raises:
            ValueError: the question alone fills the model's context.
        """
        self.messages.append({"role": "user", "content": question})
        ids: list[int] = []
        shown = ""
        try:
            for (new,) in sample(
                self._model,
                [self._prompt()],
                stop=self._chat.stop,
                longest=self._longest,
                temperature=self._temperature,
                generator=self._generator,
            ):
                if new is not None:
                    ids.append(new)
                text = written(self._tokenizer, ids)
                yield text[len(shown) :]
                shown = text
        finally:
            self.messages.append({"role": "assistant", "content": shown})

    def _prompt(self) -> tuple[int, ...]:
        """The tokens that ask; the oldest question and its answer are left out while they do not fit."""
        while True:
            ids = encode_prompt(self.messages, self._tokenizer, self._chat)
            first = 1 if self._system else 0
            if len(ids) < self._model.config.context or len(self.messages) < first + 3:
                return ids
            del self.messages[first : first + 2]
