"""The model card, read by the Hub's own client."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import ModelCard

from lora_core.formats.model_card import Card


def test_the_hub_reads_what_the_card_says(tmp_path: Path) -> None:
    card = Card(
        name="Answer in JSON",
        base="HuggingFaceTB/SmolLM2-135M-Instruct",
        data="88 questions about 22 countries",
        settings={"method": "lora", "rank": 8, "learning rate": 1e-3},
        measures={"loss after": 0.0123456, "form | fact": "16 of 16"},
        license="apache-2.0",
        notes=("The form was learned, the facts were not.",),
    )
    card.write(tmp_path)
    found = ModelCard.load(tmp_path / "README.md")
    assert found.data.to_dict() == {
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "base_model": "HuggingFaceTB/SmolLM2-135M-Instruct",
        "base_model_relation": "adapter",
        "license": "apache-2.0",
        "tags": ["base_model:adapter:HuggingFaceTB/SmolLM2-135M-Instruct", "lora", "pradit"],
    }
    for line in (
        "# Answer in JSON",
        "88 questions about 22 countries",
        "| learning rate | 0.001 |",
        "| loss after | 0.01235 |",
        "| form \\| fact | 16 of 16 |",
        "The form was learned, the facts were not.",
    ):
        assert line in found.content.splitlines()


def test_a_base_on_the_disk_is_no_name_on_the_hub(tmp_path: Path) -> None:
    name = '/models/my: "own"\n---'
    Card(name="A\n---\nB", base=name, on_hub=False, data="a\nb").write(tmp_path)
    found = ModelCard.load(tmp_path / "README.md")
    assert found.data.base_model is None
    assert found.data.tags == ["lora", "pradit"]
    assert "# A --- B" in found.content.splitlines()


def test_the_code_in_it_is_python() -> None:
    text = Card(name="a", base="b", data="c").text()
    compile(text.partition("```python\n")[2].partition("```")[0], "card", "exec")
