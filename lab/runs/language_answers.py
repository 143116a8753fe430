"""Asks a language model: several questions at once, each in a conversation of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from tokenizers import Tokenizer

from lora_core.language.chat import Chat
from lora_core.language.examples import encode_prompt
from lora_core.language.model import LanguageModel
from lora_core.language.sampling import sample, written


class Speaker(NamedTuple):
    """A model with what turns text into its tokens and back."""

    model: LanguageModel
    tokenizer: Tokenizer
    chat: Chat

    def prompt(self, question: str) -> tuple[int, ...]:
        """The tokens that ask a question."""
        return encode_prompt([{"role": "user", "content": question}], self.tokenizer, self.chat)

    def answer(self, questions: Sequence[str], most: int) -> list[str]:
        """The likeliest answers, cut at `most` tokens."""
        prompts = [self.prompt(each) for each in questions]
        return [written(self.tokenizer, ids) for ids in self.sample(prompts, most)]

    def sample(
        self, prompts: Sequence[Sequence[int]], most: int, generator: torch.Generator | None = None
    ) -> list[list[int]]:
        """A continuation of each prompt, at most `most` tokens; shorter where the model ended it.

        Args:
            prompts: tokens.
            most: tokens of a continuation.
            generator: draws from the model's own distribution; None takes the likeliest token.
        """
        found: list[list[int]] = [[] for _ in prompts]
        for new in sample(
            self.model,
            prompts,
            stop=self.chat.stop,
            longest=most,
            temperature=0.0 if generator is None else 1.0,
            generator=generator,
        ):
            for ids, token in zip(found, new, strict=True):
                if token is not None:
                    ids.append(token)
        return found
