"""A room reaches only rooms below it, by import and by path, and the server's rooms never pull in torch."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.structure.reach import ANYWHERE, House

ROOT = Path(__file__).parents[2]

PAGES = tuple(
    f"web/{folder.name}"
    for folder in sorted((ROOT / "web").iterdir())
    if (folder / "__init__.py").exists() and folder.name not in ("frame", "kit")
)
"""The parts of each page, side by side."""

BASEMENT = {"lora_core", "lab"}
BESIDE_PAGES = {"jobs", "content", "widgets", "web/kit"}
MAY_REACH: dict[str, set[str]] = {
    "lora_core": set(),
    "lab": {"lora_core"},
    "workers": set(),
    "content": {"lab"},  # the numbers in the text are those of the records
    "narration": {"workers", "content"},
    "jobs": {"workers", *BASEMENT},
    "rooms": {"content"},
    "widgets": {"content", *BASEMENT},
    "web/kit": {"widgets", "content", "jobs", "rooms", *BASEMENT},
    **{page: {"rooms", *BESIDE_PAGES, *BASEMENT} for page in PAGES},
    "pages": {*PAGES, *BESIDE_PAGES, "rooms", *BASEMENT},
    "web/static": set(),
    "web/frame": {"pages", "web/static", "narration", "rooms", *BESIDE_PAGES},  # `pages` by path alone
    "web": {"web/frame", *BESIDE_PAGES},
}
"""Every room there is, and what it may reach."""

EXCEPTIONS: dict[tuple[str, str], str] = {}
"""A file and the room that it reaches upwards -> the reason why it must."""

OTHER_FOLDERS = {"tests", "benchmarks", "docs"}
STREAMLIT = {"pages", "widgets", "web", "web/kit", "web/frame", *PAGES}
TORCH = {"lora_core", "lab", "jobs"}

HOUSE = House(ROOT, tuple(room for room in MAY_REACH if (ROOT / room).is_dir()))


def upwards(house: House, may: dict[str, set[str]], exceptions: dict[tuple[str, str], str]) -> list[str]:
    """Each file that reaches a room it may not, as `file -> room`."""
    return [
        f"{file} -> {other}"
        for room, others in house.edges().items()
        for other, files in others.items()
        for file in sorted(files)
        if other not in may[room] and (file, other) not in exceptions
    ]


def test_every_folder_of_code_is_a_room() -> None:
    folders = {path.parent.name for path in ROOT.glob("[!.]*/*.py")}
    assert folders - OTHER_FOLDERS <= MAY_REACH.keys()


def test_what_a_room_may_reach_has_no_cycle() -> None:
    tuple(TopologicalSorter(MAY_REACH).static_order())


def test_arrows_point_down() -> None:
    assert len(HOUSE.files("web/kit")) > 10
    assert not upwards(HOUSE, MAY_REACH, EXCEPTIONS)


def test_no_rooms_reach_each_other_in_a_circle() -> None:
    tuple(
        TopologicalSorter(
            {room: set(others) - {ANYWHERE} for room, others in HOUSE.edges().items()}
        ).static_order()
    )


def test_no_exception_outlives_its_reason() -> None:
    edges = HOUSE.edges()
    for file, other in EXCEPTIONS:
        assert any(
            file in files for others in edges.values() for name, files in others.items() if name == other
        )


# ---- the checker itself, on a tree of three rooms: low, up/kit and up/page, in this order

SMALL = {"low": set(), "up/kit": {"low"}, "up/page": {"low", "up/kit"}}


@pytest.fixture
def small(tmp_path: Path) -> House:
    for room in SMALL:
        (tmp_path / room).mkdir(parents=True)
        (tmp_path / room / "__init__.py").touch()
    (tmp_path / "up" / "kit" / "places.py").write_text(
        "from pathlib import Path\nTOP = Path(__file__).parents[2]\nPAGE = TOP / 'low'\n"
    )
    return House(tmp_path, tuple(SMALL))


@pytest.mark.parametrize(
    "line",
    [
        "import up.page",
        "def later():\n    from up import page",
        "from up.page import thing",
        "from ..page import thing",
        "importlib.import_module('up.page')",
        "run([python, '-m', 'up.page'])",
        "Path(__file__).parents[1] / 'page' / 'x.json'",
        "Path(__file__).resolve().parent.parent / 'page'",
        "HERE = Path(__file__).parent\nDATA = HERE.parent / 'page'\nopen(DATA / 'x')",
        "HERE = Path(__file__).parent\nread(HERE / '../page/x')",
        "Path(__file__).parents[1].joinpath('page', 'x')",
        "from up.kit.places import TOP\nTOP / 'up' / 'page'",
        "import up.kit.places\nup.kit.places.__file__\nPath(up.kit.places.__file__).parents[1] / 'page'",
        "Path('up/page/x.json').read_text()",
        "open(f'up/page/{name}.json')",
        "files('up.page')",
        "os.path.join(os.path.dirname(__file__), '..', 'page')",
        "Path(__file__).parents[2] / name",
    ],
)
def test_an_arrow_upwards_is_found(small: House, line: str) -> None:
    path = small.root / "up" / "kit" / "wrong.py"
    path.write_text(line)
    found = upwards(small, SMALL, {})
    assert [each.partition(" ->")[0] for each in found] == ["up/kit/wrong.py"], found
    assert upwards(small, SMALL, {("up/kit/wrong.py", found[0].split(" -> ")[1]): "a reason"}) == []


@pytest.mark.parametrize(
    "line",
    [
        "from low import thing",
        '"""Of up/page, in words."""',
        "# up/page",
        "Path(__file__).parent / 'x.json'",
        "Path(__file__).parents[2] / 'low' / f'{name}.json'",
        "t('up.page_title')",
        "print('see up/page for more')",
        "run(cwd=Path(__file__).parents[2])",
    ],
)
def test_an_arrow_downwards_is_none(small: House, line: str) -> None:
    (small.root / "up" / "kit" / "right.py").write_text(line)
    assert upwards(small, SMALL, {}) == []


def test_scripts_and_styles_are_followed_too(small: House) -> None:
    (small.root / "low" / "a.js").write_text("import { x } from '../up/page/x.js'")
    (small.root / "low" / "b.css").write_text("@import '../up/kit/x.css'; i { background: url('./own.svg') }")
    assert upwards(small, SMALL, {}) == ["low/a.js -> up/page", "low/b.css -> up/kit"]


def test_a_circle_is_found(small: House) -> None:
    (small.root / "low" / "a.py").write_text("import up.page")
    (small.root / "up" / "page" / "b.py").write_text("import low")
    with pytest.raises(CycleError):
        tuple(TopologicalSorter(small.edges()).static_order())


# ---- heavy libraries


def imported(path: Path) -> set[str]:
    """The top-level names of the modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def python(room: str) -> list[Path]:
    return [path for path in HOUSE.files(room) if path.suffix == ".py"]


@pytest.mark.parametrize("room", HOUSE.rooms)
def test_only_the_upper_floor_knows_streamlit_and_only_the_lower_torch(room: str) -> None:
    for path in python(room):
        names = imported(path)
        assert room in STREAMLIT or "streamlit" not in names, path
        assert room in TORCH or "torch" not in names, path
    if room == "jobs":
        knowing = {path.name for path in python(room) if "torch" in imported(path)}
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
        "lora_core.methods",
        "lora_core.inspection",
        "lora_core.planning.cost",
        "lora_core.planning.method_cost",
        "lora_core.matrix.low_rank",
        "lora_core.formats.peft",
        "lora_core.formats.gguf_adapter",
        "lora_core.formats.mlx",
        "lora_core.language.home",
        "lora_core.formats.ollama",
        "lora_core.formats.model_card",
        "lab.bases.registry",
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
