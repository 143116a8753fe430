"""The documentation is tested: what it names exists, and its example runs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "THIRD_PARTY.md"])
def test_what_a_document_links_to_exists(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_the_layout_names_every_room() -> None:
    layout = re.search(r"How it is laid out\s+```\n(.*?)```", README, flags=re.DOTALL)
    assert layout
    for name in re.findall(r"^(\S+)", layout[1], flags=re.MULTILINE):
        assert (ROOT / name).exists(), name


def test_every_command_named_is_a_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for document in (README, (ROOT / "CONTRIBUTING.md").read_text("utf-8")):
        for target in re.findall(r"\bmake ([a-z-]+)", document):
            assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_every_setting_named_is_read_and_every_one_read_is_named() -> None:
    named = set(re.findall(r"`(PRADIT_[A-Z_]+)`", README + (ROOT / "narration/README.md").read_text("utf-8")))
    code = [
        path for room in ("jobs", "narration", "web", "lora_core") for path in (ROOT / room).rglob("*.py")
    ]
    read = {name for path in code for name in re.findall(r"\"(PRADIT_[A-Z_]+)", path.read_text("utf-8"))}

    def same(name: str, key: str) -> bool:
        return name == key or (key.endswith("_") and name.startswith(key))  # one setting a language

    assert not [name for name in named if not any(same(name, key) for key in read)]
    assert not [key for key in read if not any(same(name, key) for name in named)]


def test_the_readers_script_runs_and_peft_reads_what_it_saves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert code
    _, ten = code[1].split("\n\n", 2)[1:]
    assert len(ten.splitlines()) == 10
    scope: dict[str, object] = {}
    exec(compile(code[1], "README.md", "exec"), scope)
    model, theirs, x, merged = (scope[name] for name in ("model", "theirs", "x", "merged"))
    assert isinstance(model, torch.nn.Module)
    assert isinstance(theirs, torch.nn.Module)
    torch.testing.assert_close(theirs(x), merged, atol=1e-5, rtol=1e-5)
    theirs.base_model.disable_adapter_layers()
    assert not torch.allclose(theirs(x), merged, atol=1e-3), "training changed nothing"
