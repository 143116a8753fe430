"""The model card (README.md) of an adapter's folder, as the Hugging Face Hub reads it. No torch here.

Its head is YAML: what the Hub shows, and by which it finds the adapter under its base.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE = "README.md"


@dataclass(frozen=True)
class Card:
    """What the card says.

    Attributes:
        name: title.
        base: name of the base model on the Hub, or its path.
        on_hub: whether `base` is a name on the Hub.
        data: what it was trained on, in a sentence.
        settings: name -> value, as trained.
        measures: name -> value, as measured.
        license: of the adapter, as the Hub writes it ("apache-2.0"); empty is not stated.
        notes: further paragraphs.
    """

    name: str
    base: str
    data: str
    on_hub: bool = True
    settings: Mapping[str, str | int | float] = field(default_factory=dict)
    measures: Mapping[str, str | int | float] = field(default_factory=dict)
    license: str = ""
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """The file's content."""
        head: dict[str, str | list[str]] = {"library_name": "peft", "pipeline_tag": "text-generation"}
        tags = ["lora", "pradit"]
        if self.on_hub:
            head |= {"base_model": self.base, "base_model_relation": "adapter"}
            tags.insert(0, f"base_model:adapter:{self.base}")
        if self.license:
            head["license"] = self.license
        head["tags"] = tags
        # A JSON value is a YAML value, whatever stands in it.
        yaml = "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items())
        parts = [
            f"---\n{yaml}\n---",
            f"# {_line(self.name)}",
            f"A low-rank adapter of `{self.base}` in PEFT's format.",
            f"## Data\n\n{_line(self.data)}",
            *([f"## Settings\n\n{_table(self.settings)}"] if self.settings else []),
            *([f"## Measures\n\n{_table(self.measures)}"] if self.measures else []),
            *self.notes,
            f"## Use\n\n```python\n{self._code()}\n```",
        ]
        return "\n\n".join(parts) + "\n"

    def write(self, folder: Path) -> None:
        """Writes README.md into the adapter's folder."""
        (folder / FILE).write_text(self.text(), "utf-8", newline="")

    def _code(self) -> str:
        return (
            "from peft import PeftModel\n"
            "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            f"base = {json.dumps(self.base)}\n"
            "tokenizer = AutoTokenizer.from_pretrained(base)\n"
            'model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), "this-folder")\n'
            'messages = [{"role": "user", "content": "…"}]\n'
            "inputs = tokenizer.apply_chat_template(\n"
            '    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True\n)\n'
            "print(tokenizer.decode(model.generate(**inputs, max_new_tokens=100)[0]))"
        )


def _table(rows: Mapping[str, str | int | float]) -> str:
    lines = [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _cell(value: str | int | float) -> str:
    text = f"{value:,.4g}" if isinstance(value, float) else str(value)
    return _line(text).replace("|", "\\|")


def _line(text: str) -> str:
    return " ".join(text.split())
