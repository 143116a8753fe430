"""Modelfiles: what Ollama's template writes is what the model's own writes."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lora_core.formats.ollama import Render, modelfile, wrapping

SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are helpful<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CHATML = SMOLLM2.replace("loop.first and messages[0]['role'] != 'system'", "false")
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + "
    "'<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
BY_ROLE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ 'Q: ' + message['content'] + '\n' }}"
    "{% elif message['role'] == 'system' %}{{ '[' + message['content'] + ']\n' }}"
    "{% else %}{{ 'A: ' + message['content'] + '</s>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'A: ' }}{% endif %}"
)
CONVERSATIONS = [
    [("user", "What is 2 < 3?")],
    [("system", "Be brief."), ("user", "สวัสดี"), ("assistant", "Hello\nthere"), ("user", "{{ .Role }}")],
    [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")],
]


def jinja(template: str, bos: str = "") -> Render:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    compiled = environment.from_string(template)
    return lambda messages, answer: compiled.render(
        messages=list(messages), add_generation_prompt=answer, bos_token=bos
    )


def go(template: str, messages: Sequence[dict[str, str]]) -> str:
    """Go's text/template, as far as it is used here: one range over .Messages, if eq .Role, two fields."""
    found = re.fullmatch(r"(.*?)\{\{ range \.Messages \}\}(.*)\{\{ end \}\}(.*)", template, re.DOTALL)
    assert found
    before, each, after = found.groups()
    text = before
    for message in messages:
        part = each
        if cases := re.findall(
            r'\{\{ (?:else )?if eq \.Role "(\w+)" \}\}(.*?)(?=\{\{ else if|\{\{ end)', each, re.DOTALL
        ):
            part = dict(cases)[message["role"]]
        fields = {"{{ .Role }}": message["role"], "{{ .Content }}": message["content"]}
        text += re.sub(r"\{\{ \.\w+ \}\}", lambda field: fields[field[0]], part)  # noqa: B023
    assert "{{" not in after
    return text + after


def ollama(text: str, messages: Sequence[dict[str, str]]) -> str:
    """What Ollama sends of a conversation: its SYSTEM first where there is no system message."""
    template = re.search(r'TEMPLATE """(.*?)"""', text, re.DOTALL)
    system = re.search(r'SYSTEM """(.*?)"""', text, re.DOTALL)
    assert template
    if system and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": system[1]}, *messages]
    return go(template[1], messages)


@pytest.mark.parametrize("turns", CONVERSATIONS)
@pytest.mark.parametrize(
    ("template", "bos"),
    [(SMOLLM2, "<|im_start|>"), (CHATML, ""), (LLAMA3, "<|begin_of_text|>"), (BY_ROLE, "<s>")],
)
def test_ollama_writes_what_the_model_was_trained_on(
    template: str, bos: str, turns: list[tuple[str, str]]
) -> None:
    render = jinja(template, bos)
    messages = [{"role": role, "content": text} for role, text in turns]
    for adds in (True, False):
        text = modelfile("base", format=wrapping(render, bos=bos, adds_bos=adds))
        expected = render(messages, True)
        if adds and template is LLAMA3:
            expected = expected.removeprefix(bos)
        assert ollama(text, messages) == expected


def test_the_whole_file() -> None:
    format = wrapping(jinja(SMOLLM2), bos="<|im_start|>")
    assert modelfile("./base.gguf", adapter="./a.gguf", format=format, stop=["<|im_end|>"]) == (
        "FROM ./base.gguf\n"
        "ADAPTER ./a.gguf\n"
        'TEMPLATE """{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n'
        '{{ end }}<|im_start|>assistant\n"""\n'
        'SYSTEM """You are helpful"""\n'
        'PARAMETER stop "<|im_end|>"\n'
    )
    assert modelfile("smollm2:135m") == "FROM smollm2:135m\n"


@pytest.mark.parametrize(
    "template",
    [
        "{% for message in messages %}{{ loop.index ~ message['content'] ~ '\n' }}{% endfor %}",
        "{{ messages[0]['content'] }}",
        BY_ROLE.replace("'Q: '", "'first: ' if loop.first else 'Q: '"),
        BY_ROLE.replace("message['content'] + '</s>\n'", "message['content'][:3] + '</s>\n'"),
    ],
)
def test_a_format_of_another_kind_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="has no counterpart in Ollama"):
        wrapping(jinja(template))


def test_what_a_modelfile_cannot_hold_is_refused() -> None:
    for bad in ('"""', "{{ '{{' }}"):
        format = wrapping(jinja(CHATML.replace("<|im_end|>", "END" + bad.replace("{{ '{{' }}", "{{"))))
        with pytest.raises(ValueError, match="which a Modelfile cannot"):
            modelfile("base", format=format)
