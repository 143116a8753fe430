"""Every string in both languages, none unused, and no literal that a reader would see in code."""

import ast
import re
import string
from functools import cache
from pathlib import Path

import pytest

from content.catalog import LANGUAGES, catalog
from web.frame.navigation import PAGES

ROOT = Path(__file__).parents[2]
CODE = [p for room in ("pages", "web", "widgets", "jobs", "narration") for p in (ROOT / room).rglob("*.py")]
SPEAKING = [p for room in ("pages", "widgets") for p in (ROOT / room).rglob("*.py")] + [
    p for p in (ROOT / "web").rglob("*.py") if p.name != "server.py"
]
SCRIPTS = sorted((ROOT / "widgets").rglob("*.js"))


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def called(node: ast.AST, *names: str) -> str | None:
    """The first argument of a call of one of the functions, where it is a plain string."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names and node.args:
        first = node.args[0]
        return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
    return None


@cache
def asked() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Keys asked for by name, prefixes of keys made up at run time, and groups handed to a widget."""
    keys, prefixes, groups = set(), set(), set()
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if re.fullmatch(r"[a-z][a-z_]*(\.[a-z0-9_-]+)+", node.value):
                    keys.add(node.value)
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                if match := re.match(r"[a-z][a-z_]*(\.[a-z0-9_-]+)*\.?", str(node.values[0].value)):
                    prefixes.add(match[0])
            elif called(node, "group"):
                groups.add(f"{called(node, 'group')}.")
    return frozenset(keys), frozenset(p for p in prefixes if "." in p), frozenset(groups)


def test_every_key_is_in_both_languages_with_the_same_fields() -> None:
    english, thai = catalog("en"), catalog("th")
    assert english.keys() == thai.keys()
    for key, text in english.items():
        other = thai[key]
        assert isinstance(text, tuple) == isinstance(other, tuple), key
        for form in text if isinstance(text, tuple) else (text,):
            for foreign in other if isinstance(other, tuple) else (other,):
                assert fields(form) == fields(foreign), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_text_of_a_language_is_in_its_script(language: str) -> None:
    """A Thai text holds Thai letters, unless it is a name, a sign or a formula."""
    thai = re.compile(r"[\u0e00-\u0e7f]")
    for key, text in catalog(language).items():
        for form in text if isinstance(text, tuple) else (text,):
            if language == "en":
                assert not thai.search(form) or key in ("document.thai", "document.thai_name"), key
            else:
                words = re.findall(r"[A-Za-z]{3,}", re.sub(r"\{.*?\}|<.*?>|\$.*?\$", "", form))
                assert thai.search(form) or len(words) <= 3, f"{key} is not in Thai: {form}"


def test_no_key_is_unused() -> None:
    keys, prefixes, groups = asked()
    templates = sorted((ROOT / "widgets").rglob("*.html"))
    scripts = "\n".join(path.read_text("utf-8") for path in [*SCRIPTS, *templates])
    unused = []
    for key in catalog("en"):
        if key in keys or any(key.startswith(prefix) for prefix in prefixes):
            continue
        if any(key.startswith(prefix) for prefix in groups):
            last = key.rsplit(".", 1)[1]
            if re.search(rf"\b{re.escape(last)}\b", scripts):
                continue
        unused.append(key)
    assert not unused


def test_every_key_asked_for_exists() -> None:
    nodes = [node for path in CODE for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    keys = {key for node in nodes if (key := called(node, "t", "tn"))} | {
        f"page.{page.key}" for page in PAGES
    }
    assert len(keys) > len(PAGES)
    assert keys <= catalog("en").keys()


SHOWN = {
    "title", "header", "subheader", "write", "markdown", "caption", "text", "info", "warning", "error",
    "success", "button", "download_button", "selectbox", "slider", "select_slider", "segmented_control",
    "number_input", "text_input", "toggle", "checkbox", "radio", "expander", "tabs", "page_link", "html",
    "popover", "spinner", "toast", "metric",
}  # fmt: skip


def test_no_page_or_widget_holds_a_literal_a_reader_would_see() -> None:
    found = []
    for path in SPEAKING:
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in SHOWN:
                continue
            shown = node.args[:1] + [
                k.value for k in node.keywords if k.arg in ("label", "help", "placeholder")
            ]
            for value in shown:
                for part in ast.walk(value):
                    if isinstance(part, ast.Call):
                        break
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        words = re.sub(r"<[^>]*>|\{[^}]*\}|&\w+;|\$[^$]*\$", "", part.value)
                        if re.search(
                            r"[A-Za-z\u0e00-\u0e7f]{2,} [A-Za-z\u0e00-\u0e7f]|^[A-Z][a-z]{2,}$", words
                        ):
                            found.append(f"{path.relative_to(ROOT)}:{part.lineno}: {part.value!r}")
    assert not found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.parent.name)
def test_no_script_holds_a_literal_a_reader_would_see(path: Path) -> None:
    source = re.sub(
        r"/\*.*?\*/|^\s*//.*$|\s//\s.*$", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    assert not re.search(r"[\u0e00-\u0e7f]", source)
    for attribute in ("textContent", "innerText", "ariaLabel", "placeholder", "title"):
        for match in re.finditer(rf"\.{attribute}\s*=\s*(['\"`])(.*?)\1", source):
            words = re.sub(r"\$\{[^}]*\}", "", match[2])
            assert not re.search(r"[A-Za-z]{3,}", words), match[0]
    for match in re.finditer(r"aria-label['\"]?\s*[,=]\s*(['\"])([^'\"$]*)\1", source):
        assert not re.search(r"[A-Za-z]{3,}", match[2]), match[0]
