"""A Modelfile, of which Ollama makes a model: base, adapter, chat format, where to stop. No torch here.

    FROM smollm2:135m              an Ollama model's name or a GGUF file
    ADAPTER ./adapter.gguf
    TEMPLATE \"\"\"…\"\"\"           Go's text/template over .Messages
    SYSTEM \"\"\"…\"\"\"             what the model's own template says where nobody says it
    PARAMETER stop "<|im_end|>"

Ollama does not run the Jinja template that comes with a model. A format in which each message is wrapped in
two constant texts by its role (ChatML, Llama 3, Zephyr and others) is found here by rendering conversations
of known words, and held against the model's own template on others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

Render = Callable[[Sequence[Mapping[str, str]], bool], str]
"""Messages, and whether the text ends with what opens an answer -> text."""
ROLES = ("system", "user", "assistant")
_PROBES: tuple[tuple[str, ...], ...] = (
    ("user",),
    ("user", "assistant", "user"),
    ("system", "user"),
    ("system", "user", "assistant", "user", "assistant", "user"),
)


@dataclass(frozen=True)
class Wrapping:
    """What stands around each message.

    Attributes:
        opening, closing: role -> text before and after a message of it.
        start: before the first message; empty where the model's file asks for it.
        system: the system message where none is given; empty is none.
    """

    opening: Mapping[str, str]
    closing: Mapping[str, str]
    start: str
    system: str

    def text(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The conversation up to what opens an answer, as Ollama writes it."""
        if self.system and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": self.system}, *messages]
        parts = [f"{self.opening[m['role']]}{m['content']}{self.closing[m['role']]}" for m in messages]
        return "".join([self.start, *parts, self.opening["assistant"]])

    def template(self) -> str:
        """The same in Go's text/template."""
        alike = self._alike()
        if alike is not None:
            before, after, closing = alike
            each = f"{before}{{{{ .Role }}}}{after}{{{{ .Content }}}}{closing}"
        else:
            each = ""
            for role in ROLES:
                condition = "if" if role == ROLES[0] else "else if"
                each += f'{{{{ {condition} eq .Role "{role}" }}}}'
                each += f"{self.opening[role]}{{{{ .Content }}}}{self.closing[role]}"
            each += "{{ end }}"
        return f"{self.start}{{{{ range .Messages }}}}{each}{{{{ end }}}}{self.opening['assistant']}"

    def _alike(self) -> tuple[str, str, str] | None:
        """(before the role's name, after it, closing) where that is all in which roles differ."""
        found = {
            (*self.opening[role].partition(role)[::2], self.closing[role])
            for role in ROLES
            if role in self.opening[role]
        }
        return found.pop() if len(found) == 1 and all(role in self.opening[role] for role in ROLES) else None


def wrapping(render: Render, *, bos: str = "", adds_bos: bool = True) -> Wrapping:
    """The format that a model's own template writes.

    Args:
        render: the template.
        bos: the model's token at the start of a text, which the template may write; empty is none.
        adds_bos: the model's file asks for that token itself, so a text that began with it would have two.

    Raises:
        ValueError: messages are wrapped in another way.
    """
    reason = "its messages are not wrapped by role alone"
    for first in dict.fromkeys(("", bos)):
        try:
            found = _measured(render, first)
            probes = map(_conversation, _PROBES)
            same = all(render(probe, True) == first + found.text(probe) for probe in probes)
        except (ValueError, IndexError) as error:
            reason = str(error)
            continue
        if same:
            return found if adds_bos else replace(found, start=first)
    raise ValueError(f"the model's chat format has no counterpart in Ollama: {reason}")


def modelfile(
    base: str, *, adapter: str = "", format: Wrapping | None = None, stop: Sequence[str] = ()
) -> str:
    """The text of a Modelfile.

    Args:
        base: what Ollama is to build on, a name or a path.
        adapter: path of a GGUF adapter; empty is none.
        format: of conversations; None leaves the base's own.
        stop: texts that end an answer.

    Raises:
        ValueError: a text holds what ends a text in a Modelfile, or what begins an action in a template.
    """
    lines = [f"FROM {base}"]
    if adapter:
        lines.append(f"ADAPTER {adapter}")
    if format is not None:
        constant = "".join([format.start, *format.opening.values(), *format.closing.values()])
        if "{{" in constant or '"""' in constant + format.system:
            raise ValueError('the chat format holds {{ or """, which a Modelfile cannot')
        lines.append(f'TEMPLATE """{format.template()}"""')
        if format.system:
            lines.append(f'SYSTEM """{format.system}"""')
    lines += [f"PARAMETER stop {json.dumps(text, ensure_ascii=False)}" for text in stop]
    return "\n".join(lines) + "\n"


def _conversation(roles: Sequence[str]) -> list[dict[str, str]]:
    return [{"role": role, "content": f"word{place}of{role}"} for place, role in enumerate(roles)]


def _around(render: Render, roles: Sequence[str], *, answer: bool) -> list[str]:
    """What stands before, between and after the messages of a conversation."""
    messages, parts = _conversation(roles), []
    rest = render(messages, answer)
    for message in messages:
        before, found, rest = rest.partition(message["content"])
        if not found:
            raise ValueError("a message is not written as it is")
        parts.append(before)
    return [*parts, rest]


def _measured(render: Render, first: str) -> Wrapping:
    """What the template writes around each message, `first` being the start of every text."""
    head, end = _around(render, ("user",), answer=False)
    closing = {"user": end, "assistant": _around(render, ("user", "assistant"), answer=False)[2]}
    _, turn, back, _ = _around(render, ("user", "assistant", "user"), answer=False)
    before_system, between, _ = _around(render, ("system", "user"), answer=False)
    opening = {
        "assistant": _less(turn, start=closing["user"]),
        "user": _less(back, start=closing["assistant"]),
        "system": _less(before_system, start=first),
    }
    closing["system"] = _less(between, end=opening["user"])
    unasked = _less(head, start=first, end=opening["user"])  # the system message that nobody gave
    system = _less(unasked, start=opening["system"], end=closing["system"]) if unasked else ""
    return Wrapping(opening, closing, "", system)


def _less(text: str, *, start: str = "", end: str = "") -> str:
    if not (text.startswith(start) and text.endswith(end)):
        raise ValueError(f"a message is not always wrapped alike ({text!r})")
    return text[len(start) : len(text) - len(end)]
