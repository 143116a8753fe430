"""The library stands alone: its wheel, installed elsewhere beside nothing but what it depends on."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import lora_core

ROOT = Path(__file__).parents[2]
README = (ROOT / "lora_core" / "README.md").read_text("utf-8")
DEPENDENCIES = {"torch", "numpy", "scipy", "safetensors"}
EXTRAS = {"gguf", "jinja2", "platformdirs", "tokenizers", "tqdm"}  # of `[language]`
OTHER_ROOMS = ("app", "benchmarks", "content", "jobs", "lab", "narration", "pages", "tests", "web", "widgets")


class Installed:
    """The package in a folder of its own, and a Python that sees it and its four dependencies alone."""

    def __init__(self, folder: Path) -> None:
        self.target, self.seen, self.elsewhere = (folder / name for name in ("target", "seen", "elsewhere"))
        self.elsewhere.mkdir()
        self.seen.mkdir()
        link_distributions(DEPENDENCIES, self.seen)
        clone = folder / "clone"
        copy_of_the_repository(clone)
        command = ["install", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(self.target)]
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", "--quiet"]
        subprocess.run([*pip, *command, str(clone)], cwd=self.elsewhere, check=True)
        (self.metadata,) = metadata.distributions(path=[str(self.target)])

    def python(self, *arguments: str, also: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Without this environment's own packages (-S), in another working directory."""
        path = os.pathsep.join(str(each) for each in (self.target, self.seen, also) if each)
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, "-S", *arguments],
            cwd=self.elsewhere,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


def link_distributions(names: set[str], folder: Path) -> None:
    """Links what the distributions and what they themselves need, without extras, consist of."""
    waiting, linked = set(names), set()
    while waiting:
        name = waiting.pop()
        linked.add(name)
        distribution = metadata.distribution(name)
        for file in distribution.files or ():
            part = file.parts[0]
            if part not in ("..", "__pycache__") and not (folder / part).exists():
                (folder / part).symlink_to(distribution.locate_file(part))
        for text in distribution.requires or ():
            requirement = Requirement(text)
            if requirement.name not in linked and (not requirement.marker or requirement.marker.evaluate()):
                waiting.add(requirement.name)


def copy_of_the_repository(folder: Path) -> None:
    """All that git has or would add, and a build folder that an earlier build left behind."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        # Of what is large a sign is enough.
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if name.endswith((".py", ".toml", ".md", ".typed")) or "/" not in name:
                shutil.copy(ROOT / name, folder / name)
            else:
                (folder / name).touch()
    for name in ("build/lib/lora_core/stale.py", "build/lib/web/__init__.py", "pradit.egg-info/SOURCES.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("package"))


def test_the_package_is_the_library_alone(installed: Installed) -> None:
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "lora_core").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "lora_core/py.typed" in ours
    found = {
        path.relative_to(installed.target).as_posix()
        for path in installed.target.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".dist-info" not in str(path)
    }
    assert found == ours | {"bin/pradit"}


def test_what_the_package_says_of_itself(installed: Installed) -> None:
    about = installed.metadata.metadata
    assert (about["Name"], about["Version"]) == ("pradit", lora_core.__version__)
    assert about.get_payload() == README
    assert about["License-Expression"] == "MIT"


def test_the_dependencies_are_ranges_around_what_is_tested_here(installed: Installed) -> None:
    requirements = [Requirement(text) for text in installed.metadata.requires or ()]
    plain = {requirement.name: requirement for requirement in requirements if not requirement.marker}
    assert plain.keys() == DEPENDENCIES
    for requirement in plain.values():
        assert {bound.operator for bound in requirement.specifier} == {">=", "<"}
        assert requirement.specifier.contains(metadata.version(requirement.name))
    extras = {r.name for r in requirements if r.marker and r.marker.evaluate({"extra": "language"})}
    assert extras == EXTRAS


def test_nothing_of_the_app_is_there(installed: Installed) -> None:
    code = f"import importlib.util; print([n for n in {OTHER_ROOMS} if importlib.util.find_spec(n)])"
    assert installed.python("-c", code).stdout == "[]\n"
    where = installed.python("-c", "import lora_core, numpy; print(lora_core.__file__); import peft")
    assert where.stdout.strip() == str(installed.target / "lora_core" / "__init__.py")
    assert "No module named 'peft'" in where.stderr


def test_the_ten_lines_of_its_readme_run(installed: Installed) -> None:
    code = re.search(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert code
    assert len(code[1].split("\n\n")[2].splitlines()) == 10
    check = "assert torch.allclose(model(x), merged, atol=1e-5) and not torch.equal(detach(model)(x), merged)"
    done = installed.python("-c", code[1] + check)
    assert (done.returncode, done.stderr) == (0, "")
    assert (installed.elsewhere / "my-adapter" / "adapter_model.safetensors").is_file()


def test_the_command_and_the_module_are_the_same(installed: Installed) -> None:
    command = installed.python(str(installed.target / "bin" / "pradit"), "--help")
    module = installed.python("-m", "lora_core", "--help")
    assert command.returncode == 0
    assert command.stdout.startswith("usage: pradit ")
    assert (command.stdout, command.stderr) == (module.stdout, "")
    version = installed.python("-m", "lora_core", "--version")
    assert version.stdout == f"pradit {lora_core.__version__}\n"


def test_a_language_model_is_trained_by_the_package_alone(installed: Installed, tmp_path: Path) -> None:
    from tests.lora_core.language.folder import tiny_folder

    base = tiny_folder(tmp_path / "base")
    (tmp_path / "data.csv").write_text("prompt,completion\nhello,hell\nan ant,the ant\n")
    arguments = ["--base", str(base), "--data", str(tmp_path / "data.csv"), "--out", str(tmp_path / "out")]
    more = ["--steps", "2", "--rank", "1", "--format", "peft,gguf,mlx", "--json"]
    without = installed.python("-m", "lora_core", "train", *arguments, *more)
    assert without.returncode == 2
    missing, _, remedy = without.stderr.removesuffix("\n").partition(" is missing; get it with: pip install ")
    assert missing.removeprefix("pradit: ") in EXTRAS
    assert set(remedy.split()) == EXTRAS
    assert without.stderr.count("\n") == 1
    (tmp_path / "extras").mkdir()
    link_distributions(EXTRAS, tmp_path / "extras")
    done = installed.python("-m", "lora_core", "train", *arguments, *more, also=tmp_path / "extras")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == 2
    assert {"adapter.gguf", "Modelfile", "mlx"} < {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize(
    "code",
    [
        "import lora_core",
        "from lora_core import AdapterConfig",
        "import lora_core.config, lora_core.matrix, lora_core.formats, lora_core.planning",
        "import lora_core.inspection; from lora_core import inspect",
        "from lora_core.cli import main; import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()): main(['methods'])",
    ],
)
def test_no_torch_is_imported(installed: Installed, code: str) -> None:
    done = installed.python("-c", f"{code}\nimport sys; print('torch' in sys.modules)")
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_every_module_is_importable(installed: Installed) -> None:
    code = (
        "import importlib, pkgutil, lora_core\n"
        "names = [m.name for m in pkgutil.walk_packages(lora_core.__path__, 'lora_core.')]\n"
        "for name in names:\n"
        "    try: name.endswith('__main__') or importlib.import_module(name)\n"
        "    except ModuleNotFoundError as error:\n"
        f"        assert name.startswith('lora_core.language.') and error.name in {EXTRAS}, (name, error)\n"
        "print(len(names))"
    )
    done = installed.python("-c", code)
    assert done.stderr == ""
    assert int(done.stdout) > 20


# The readme


def test_the_readme_names_everything_that_is_public() -> None:
    table = README.partition("## What there is")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(.*?)`", cell)}
    assert {name for name in named if "." not in name} == set(lora_core.__all__)
    for name in named:
        assert importlib.util.find_spec(name) if "." in name else getattr(lora_core, name) is not None, name


def test_the_readme_names_every_method_and_command() -> None:
    from lora_core.config import METHODS

    listed = README.partition("`method` is one of ")[2].partition(". ")[0]
    assert tuple(re.findall(r"`(.*?)`", listed)) == METHODS
    commands = {p.stem for p in (ROOT / "lora_core" / "commands").glob("*.py")} - {"__init__"}
    assert set(re.findall(r"^pradit (\w+)", README, re.MULTILINE)) == commands
