"""The documentation is tested: what it names exists, and its example runs."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    name: (ROOT / name).read_text("utf-8")
    for name in (
        "README.md",
        "CONTRIBUTING.md",
        "THIRD_PARTY.md",
        "lora_core/README.md",
        "narration/README.md",
    )
}
README, CONTRIBUTING = DOCUMENTS["README.md"], DOCUMENTS["CONTRIBUTING.md"]


def folders(room: str = ".") -> set[str]:
    """The folders in a room that hold Python, by name."""
    return {path.parent.name for path in (ROOT / room).glob("*/*.py") if path.parent.name[0] not in ".~"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_links_to_exists(document: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", DOCUMENTS[document]):
        assert ((ROOT / document).parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_and_module_a_document_names_exists(document: str) -> None:
    text = DOCUMENTS[document]
    for path in re.findall(r"`([\w.-]+(?:/[\w.*-]+)*/?)`", text):
        if "/" in path:
            places = [ROOT, (ROOT / document).parent, ROOT / "lab", ROOT / "lora_core"]
            assert any(list(place.glob(path)) for place in places), path
    for module in re.findall(r"python -m ([\w.]+)", text):
        assert find_spec(module), module


def test_the_layout_names_every_room() -> None:
    layout = re.search(r"How it is laid out\s+```\n(.*?)```", README, flags=re.DOTALL)
    assert layout
    named = re.findall(r"^(\S+)", layout[1], flags=re.MULTILINE)
    assert {name.rstrip("/") for name in named} == folders() | {"app.py", "docs"}


def test_the_house_names_every_room() -> None:
    house = CONTRIBUTING.partition("## The house")[2].partition("\n## ")[0]
    rows = [re.findall(r"`([\w/<>]+)/`", row) for row in house.splitlines() if row.startswith("| `")]
    rooms = {row[0]: set(row[1:]) for row in rows}
    pages = folders("web") - {"frame", "kit"}
    assert pages >= {"article", "serving"}
    expected = folders() - {"tests", "benchmarks", "web"} | {"web/frame", "web/<page>", "web/kit"}
    assert rooms.keys() == expected
    for room in ("lab", "lora_core"):
        assert rooms[room] == folders(room), room


def test_every_command_named_is_a_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for document in DOCUMENTS.values():
        for target in re.findall(r"\bmake ([a-z-]+)", document):
            assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_every_setting_named_is_read_and_every_one_read_is_named() -> None:
    named = set(re.findall(r"`(PRADIT_[A-Z_]+)`", README + DOCUMENTS["narration/README.md"]))
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
