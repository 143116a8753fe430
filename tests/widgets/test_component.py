"""How the scripts of the widgets come into a browser: as modules, from an address that changes with them."""

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from widgets.component import HERE, MODULES, ROUTES, VERSION, loader, needed

WIDGETS = sorted(path.parent.name for path in HERE.glob("*/widget.py"))
NAMED = re.compile(r"^import \{ ([^}]*) \} from '([^']+)'$", re.MULTILINE)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Starlette(routes=ROUTES))


@pytest.mark.parametrize("name", WIDGETS)
def test_all_that_a_widget_imports_is_served_and_exports_it(name: str, client: TestClient) -> None:
    modules = needed(f"{name}/widget.js")
    assert len(modules) == len(set(modules))
    for module in modules:
        answer = client.get(f"/widgets/{VERSION}/{module}")
        assert answer.status_code == 200, module
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "immutable" in answer.headers["cache-control"]
        imports = [line for line in answer.text.splitlines() if line.startswith("import ")]
        assert len(imports) == len(NAMED.findall(answer.text)), "an import that is not followed"
        for words, path in NAMED.findall(answer.text):
            other = ((HERE / module).parent / path).resolve().read_text("utf-8")
            for word in words.split(", "):
                assert re.search(rf"^export (async )?(const|function|class) {word}\b", other, re.MULTILINE), (
                    word
                )
    assert "export default function" in client.get(f"/widgets/{VERSION}/{modules[0]}").text


def test_every_script_is_some_widgets() -> None:
    assert {module for name in WIDGETS for module in needed(f"{name}/widget.js")} == set(MODULES)


def test_a_module_that_several_need_has_one_address() -> None:
    addresses = [set(re.findall(r'"([^"]+)"', loader(f"{name}/widget.js"))) for name in WIDGETS]
    assert all(path.startswith(f"widgets/{VERSION}/") for each in addresses for path in each)
    assert sum(f"widgets/{VERSION}/shared/words.js" in each for each in addresses) > 1
    assert "document.baseURI" in loader("figure/widget.js"), "the app may be served from under a path"


def test_nothing_but_modules_of_now_is_served(client: TestClient) -> None:
    for path in (
        f"{VERSION}/component.py",
        f"{VERSION}/../app.py",
        f"{VERSION}/figure/widget.css",
        "old/figure/widget.js",
    ):
        assert client.get(f"/widgets/{path}").status_code == 404, path


def test_a_module_that_is_missing_is_named() -> None:
    with pytest.raises(KeyError, match=r"nowhere/widget\.js"):
        needed("nowhere/widget.js")


@pytest.mark.parametrize("path", sorted(HERE.rglob("*.css")), ids=lambda path: path.parent.name)
def test_no_style_is_cut_short(path: Path) -> None:
    """An open rule takes all that follow with it, and no browser says so."""
    style = re.sub(r"/\*.*?\*/|\"[^\"]*\"", "", path.read_text("utf-8"), flags=re.DOTALL)
    assert style.count("{") == style.count("}") > 0
