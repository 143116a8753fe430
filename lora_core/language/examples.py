"""What a model is trained on: conversations or plain texts, as tokens that say which of them count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from lora_core.language.chat import Chat, Message


@dataclass(frozen=True)
class Example:
    """A conversation whose assistant turns are trained on, or a plain text, all of it trained on.

    Attributes:
        messages: in order; empty where `text` is given.
        text: as it stands, without the chat format.
    """

    messages: tuple[Message, ...] = ()
    text: str = ""


class Encoded(NamedTuple):
    """An example as tokens.

    Attributes:
        ids: of the tokens.
        trained: of each, whether the loss counts its prediction. The first is predicted by nothing.
    """

    ids: tuple[int, ...]
    trained: tuple[bool, ...]


def encode(example: Example, tokenizer: Tokenizer, chat: Chat, *, longest: int) -> Encoded:
    """The tokens of an example, cut at `longest`.

    Each answer becomes tokens by itself, behind what the model is asked with: these are the tokens it would
    write. What trains is the answer and the token that ends it.

    Raises:
        ValueError: nothing trains within `longest` tokens, the chat template refuses the messages, or it
            writes them so that answers cannot be told from the rest.
    """
    pieces = _pieces(example.messages, chat) if example.messages else ["", example.text]
    ids: list[int] = []
    trained: list[bool] = []
    for number, piece in enumerate(pieces):
        found = tokenizer.encode(piece, add_special_tokens=False).ids
        counted = 0 if number == 0 else len(found)
        if number and example.messages:
            counted = 1 + next((place for place, token in enumerate(found) if token in chat.stop), -1)
            if not counted:
                raise ValueError("the chat template ends an answer with no token that the model stops at")
        ids += found
        trained += [place < counted for place in range(len(found))]
    trained[:1] = [False] * len(trained[:1])
    kept = Encoded(tuple(ids[:longest]), tuple(trained[:longest]))
    if not any(kept.trained):
        raise ValueError(
            f"no token of the example's first {longest} trains, expected an answer or two tokens of text"
        )
    return kept


def encode_prompt(messages: Sequence[Message], tokenizer: Tokenizer, chat: Chat) -> tuple[int, ...]:
    """The tokens that ask for the next answer of a conversation.

    Raises:
        ValueError: the chat template refuses the messages.
    """
    return tuple(tokenizer.encode(chat.text(messages), add_special_tokens=False).ids)


def _pieces(messages: Sequence[Message], chat: Chat) -> list[str]:
    """The conversation's text, cut before each answer."""
    whole = chat.text(messages, answer=False)
    starts = []
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            asked = chat.text(messages[:place])
            if not whole.startswith(asked):
                raise ValueError("the chat template writes earlier messages anew when an answer follows")
            starts.append(len(asked))
    return [whole[a:b] for a, b in zip([0, *starts], [*starts, len(whole)], strict=True)]
