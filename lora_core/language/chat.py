"""A conversation as the text that a model was trained on, by the template it brings itself.

The template is a program of whoever made the model: jinja2's sandbox runs it, which reaches no attribute,
file or module of Python's. Whitespace is handled as transformers does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from lora_core.language.reader import read_json

Message = Mapping[str, str]
"""`{"role": "system" | "user" | "assistant", "content": text}`."""


class Chat:
    """The format of conversations with one model.

    Attributes:
        stop: ids of tokens that end an answer.
        padding: id of a token to fill batches with.
        names: special tokens by the name that the template has for them, such as "bos_token".
    """

    def __init__(self, template: str, names: Mapping[str, str], stop: Sequence[int], padding: int) -> None:
        self.stop, self.padding = tuple(stop), padding
        self.names = dict(names)
        extensions: list[type[Extension]] = [loopcontrols]
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=extensions
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
        try:
            self._template = environment.from_string(template)
        except TemplateError as error:
            raise ValueError(f"the chat template cannot be read: {error}") from None

    def text(self, messages: Sequence[Message], *, answer: bool = True) -> str:
        """The conversation as text.

        Args:
            messages: in order.
            answer: end with what opens an answer of the model.

        Raises:
            ValueError: the template refuses the messages.
        """
        try:
            return self._template.render(
                messages=[dict(message) for message in messages], add_generation_prompt=answer, **self.names
            )
        except (TemplateError, TypeError, OverflowError) as error:
            raise ValueError(f"the chat template refuses the messages: {error}") from None


def open_chat(folder: Path, tokenizer: Tokenizer) -> Chat:
    """The chat format of a folder.

    Raises:
        ValueError: the model brings no template, so it was not trained to converse; or no token to stop at.
    """
    optional = {
        name: read_json(folder / name) if (folder / name).exists() else {}
        for name in ("tokenizer_config.json", "generation_config.json", "config.json")
    }
    about = optional["tokenizer_config.json"]
    file = folder / "chat_template.jinja"
    template = file.read_text("utf-8") if file.exists() else default_template(about.get("chat_template"))
    names = {key: _token(about[key]) for key in about if key.endswith("_token") and about[key] is not None}
    names = {key: token for key, token in names.items() if token}
    ends = [tokenizer.token_to_id(names.get("eos_token", ""))]
    for fields in optional.values():
        found = fields.get("eos_token_id")
        ends += found if isinstance(found, list) else [found]
    stop = {end for end in ends if end is not None}
    if not stop:
        raise ValueError(f"nothing in {folder} says which token ends an answer")
    padding = tokenizer.token_to_id(names.get("pad_token", ""))
    return Chat(template, names, sorted(stop), min(stop) if padding is None else padding)


def default_template(found: Any) -> str:
    """One template, or of a list of named ones that named "default"."""
    if isinstance(found, list):
        found = next((entry.get("template") for entry in found if entry.get("name") == "default"), None)
    if not isinstance(found, str):
        raise ValueError("the model has no chat template; expected one trained to converse")
    return found


def _token(found: Any) -> str:
    """A special token's text; older files hold it in an object."""
    return (
        str(found.get("content", "")) if isinstance(found, dict) else found if isinstance(found, str) else ""
    )


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **others: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **others)


def _refuse(reason: str) -> NoReturn:
    raise TemplateError(reason)
