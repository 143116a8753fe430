"""The JavaScript that computes, tested by node's own test runner: `node --test tests/js/*.test.mjs`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OLDEST = 18
"""The first node whose test runner knows what the tests ask for."""


def find_node() -> str | None:
    """The node on the PATH, if it is recent enough."""
    path = shutil.which("node")
    if path is None:
        return None
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    found = re.match(r"v(\d+)\.", said)
    return path if found and int(found[1]) >= OLDEST else None


@pytest.mark.parametrize("file", sorted(HERE.glob("*.test.mjs")), ids=lambda path: path.name.split(".")[0])
def test_what_the_browser_computes(file: Path) -> None:
    node = find_node()
    if node is None:
        pytest.skip(f"no node {OLDEST} or later on the PATH: the JavaScript is not tested by itself")
    done = subprocess.run([node, "--test", file], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"# pass (\d+)", done.stdout)[1]) > 0


def test_every_module_has_the_syntax_of_one() -> None:
    node = find_node()
    if node is None:
        pytest.skip(f"no node {OLDEST} or later on the PATH")
    for module in sorted((HERE.parents[1] / "widgets").glob("*/*.js")):
        done = subprocess.run(
            [node, "--check", module], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
