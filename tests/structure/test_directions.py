"""A room imports only from floors below it, and the server's rooms never pull in torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("workers", "lora_core", "lab", "content", "narration", "jobs", "widgets", "web", "pages")
MAY_IMPORT = {
    room: set(FLOORS[:place])
    - ({"narration"} if room == "jobs" else {"workers"} if room in ("lora_core", "content") else set())
    for place, room in enumerate(FLOORS)
}
STREAMLIT = {"pages", "web", "widgets"}
TORCH = {"lora_core", "lab", "jobs"}


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The top-level names of the modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_arrows_point_down(room: str) -> None:
    assert files(room)
    wrong = {
        str(path.relative_to(ROOT)): sorted(upwards)
        for path in files(room)
        if (upwards := (imported(path) & MAY_IMPORT.keys()) - MAY_IMPORT[room] - {room})
    }
    assert not wrong


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_only_the_upper_floor_knows_streamlit_and_only_the_lower_torch(room: str) -> None:
    for path in files(room):
        names = imported(path)
        assert room in STREAMLIT or "streamlit" not in names, path
        assert room in TORCH or "torch" not in names, path
    if room == "jobs":
        knowing = {path.name for path in files(room) if "torch" in imported(path)}
        assert knowing <= {"worker.py", "kinds.py"}, "torch belongs to the worker alone"


@pytest.mark.parametrize(
    "module",
    [
        "app",
        "jobs",
        "content.catalog",
        "web.frame.server",
        "web.kit.i18n",
        "web.kit.figures",
        "lora_core",
        "lora_core.config",
        "lora_core.planning.cost",
        "lora_core.matrix.low_rank",
        "lora_core.formats.peft",
        "lab.bases.recipes",
        "lab.runs.serving_config",
        "lab.runs.serving_record",
        "lab.bases.tenants",
    ],
)
def test_the_server_starts_without_torch(module: str) -> None:
    code = f"import sys, {module}; print(sorted({{'torch', 'peft', 'onnxruntime'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_no_page_pulls_in_torch() -> None:
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; from web.frame.navigation import PAGES, ROOT\n"
        "for page in PAGES:\n"
        "    app = AppTest.from_file(str(ROOT / 'web' / 'main.py'), default_timeout=60).run()\n"
        "    app.switch_page(str(page.file)).run()\n"
        "    assert not app.exception, app.exception\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == "False"
