"""Which rooms of the house a file reaches: by what it imports, and by the paths it names.

A path is followed as far as the text of the program says where it leads: through `Path(__file__).parents[n]`,
`ROOT / "name"` (also where `ROOT` comes from another module), `files("package")`, `package.__file__`, a
literal `"room/file"` and a literal `"room.module"` as `python -m` or `import_module` take it. In scripts and
styles it is what they import by a relative path.
"""

import ast
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

TOP = PurePosixPath("/")
"""The root of the repository; every path of a file in it begins here."""
ANYWHERE = "?"
"""Something in the root whose name only the running program knows: it may be in any room."""
LINK = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*|@import\s*|url\(\s*)['"]?(\.{1,2}/[^'")\s]+)""")


@dataclass(frozen=True)
class House:
    """A tree of rooms.

    Attributes:
        rooms: their folders, as paths from the root: "lab", "web/kit".
    """

    root: Path
    rooms: tuple[str, ...]
    _modules: dict[Path, "Module"] = field(default_factory=dict, compare=False)

    def module(self, path: Path) -> "Module":
        if path not in self._modules:
            self._modules[path] = Module(self, path)
        return self._modules[path]

    def room_of(self, path: PurePosixPath) -> str | None:
        """The room that a path from the root leads into, the innermost; None if it stays above some room."""
        place = f"{path}/"
        if any(f"/{room}/".startswith(place) and f"/{room}/" != place for room in self.rooms):
            return None
        inner = [room for room in self.rooms if place.startswith(f"/{room}/")]
        return max(inner, key=len, default=None)

    def files(self, room: str) -> list[Path]:
        """What is read for a room: its own scripts and styles, without those of rooms inside it."""
        found = [path for kind in ("py", "js", "css") for path in (self.root / room).rglob(f"*.{kind}")]
        return sorted(path for path in found if self.room_of(self.place(path)) == room)

    def place(self, path: Path) -> PurePosixPath:
        return TOP / path.relative_to(self.root).as_posix()

    def reached(self, path: Path) -> set[str]:
        """The other rooms that a file reaches."""
        here = self.room_of(self.place(path))
        found = {self.room_of(place) for place in self._places(path)} if path.suffix != ".py" else set()
        if path.suffix == ".py":
            places = self.module(path).places()
            found = {ANYWHERE if each == TOP / ANYWHERE else self.room_of(each) for each in places}
        return {room for room in found if room not in (None, here)}

    def edges(self) -> dict[str, dict[str, set[str]]]:
        """room -> other room -> the files that reach it."""
        found: dict[str, dict[str, set[str]]] = {room: {} for room in self.rooms}
        for room in self.rooms:
            for path in self.files(room):
                for other in self.reached(path):
                    found[room].setdefault(other, set()).add(str(path.relative_to(self.root)))
        return found

    def module_place(self, name: str) -> PurePosixPath | None:
        """Where a module lies; None if it is none of this tree."""
        place = PurePosixPath(*name.split("."))
        if (self.root / place).is_dir():
            return TOP / place
        return TOP / place.with_suffix(".py") if (self.root / place.with_suffix(".py")).is_file() else None

    def _places(self, path: Path) -> Iterator[PurePosixPath]:
        for link in LINK.findall(path.read_text("utf-8")):
            yield PurePosixPath(posixpath.normpath(self.place(path).parent / link))


def dotted(node: ast.expr) -> str:
    """`a.b.c` as it is written; of anything but names, nothing."""
    if isinstance(node, ast.Attribute):
        start = dotted(node.value)
        return f"{start}.{node.attr}" if start else ""
    return node.id if isinstance(node, ast.Name) else ""


class Module:
    """One Python file: the places in the tree that it names."""

    def __init__(self, house: House, path: Path) -> None:
        self.house, self.path = house, path
        self.nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))

    def places(self) -> Iterator[PurePosixPath]:
        """Of every import, every path and every literal."""
        docstrings = {
            id(node.value)
            for node in self.nodes
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in self.nodes:
            for name in self._imports(node):
                if place := self.house.module_place(name):
                    yield place
            if isinstance(node, ast.expr) and id(node) not in docstrings and (place := self.value(node)):
                yield place

    def _imports(self, node: ast.AST) -> Iterable[str]:
        if isinstance(node, ast.Import):
            return [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            start = self._absolute(node)
            return [start, *(f"{start}.{alias.name}" for alias in node.names)]
        return []

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        folder = self.path.relative_to(self.house.root).parent.parts
        start = folder[: len(folder) - node.level + 1]
        return ".".join([*start, *([node.module] if node.module else [])])

    @cached_property
    def names(self) -> dict[str, PurePosixPath]:
        """The paths that stand under a name, the file's own or imported, and the modules."""
        found: dict[str, PurePosixPath] = {}
        self.__dict__["names"] = found  # an assignment may use those before it
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if place := self.house.module_place(alias.name):
                        found[alias.asname or alias.name] = place
            elif isinstance(node, ast.ImportFrom):
                start = self._absolute(node)
                for alias in node.names:
                    place = self.house.module_place(f"{start}.{alias.name}") or self._of_module(
                        start, alias.name
                    )
                    if place:
                        found[alias.asname or alias.name] = place
        for node in self.nodes:
            if (
                isinstance(node, ast.Assign | ast.AnnAssign)
                and node.value
                and (place := self.value(node.value))
            ):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        found[target.id] = place
        return found

    def _of_module(self, module: str, name: str) -> PurePosixPath | None:
        """A path that another module of the tree holds under a name."""
        place = self.house.module_place(module)
        if place is None:
            return None
        path = self.house.root / place.relative_to(TOP)
        path = path / "__init__.py" if path.is_dir() else path
        return self.house.module(path).names.get(name) if path.is_file() and path != self.path else None

    def value(self, node: ast.expr) -> PurePosixPath | None:
        """The place that an expression leads to, or begins with; None if it is no path of the tree."""
        match node:
            case ast.Name(id="__file__"):
                return self.house.place(self.path)
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.Constant(value=str(text)):
                return self._literal(text)
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
                return self._literal(text)
            case ast.Attribute(value=inner, attr="__file__"):
                place = self.names.get(dotted(inner))
                return place / "__init__.py" if place and not place.suffix else place
            case ast.Attribute(value=inner, attr="parent"):
                place = self.value(inner)
                return place.parent if place else None
            case ast.Attribute():
                return self.names.get(dotted(node))
            case ast.Subscript(
                value=ast.Attribute(value=inner, attr="parents"), slice=ast.Constant(value=int(n))
            ):
                place = self.value(inner)
                return [*place.parents, TOP, TOP][n] if place and n <= len(place.parents) else None
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._joined(self.value(left), right)
            case ast.Call():
                return self._called(node)
        return None

    def _literal(self, text: str) -> PurePosixPath | None:
        """`"lab/data/x.txt"`, or a module's name of the tree; other words are none."""
        if re.fullmatch(r"[\w.\-]+(/[^\s]*)", text):
            place = PurePosixPath(posixpath.normpath(TOP / text))
            return place if self.house.room_of(place) else None
        return self.house.module_place(text) if re.fullmatch(r"\w+(\.\w+)+", text) else None

    def _joined(self, place: PurePosixPath | None, part: ast.expr) -> PurePosixPath | None:
        if place is None:
            return None
        match part:
            case ast.Constant(value=str(text)):
                return PurePosixPath(posixpath.normpath(place / text))
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if "/" in text:
                return PurePosixPath(posixpath.normpath(place / text.rpartition("/")[0]))
        return TOP / ANYWHERE if place == TOP else place

    def _called(self, node: ast.Call) -> PurePosixPath | None:
        name = dotted(node.func)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("resolve", "absolute", "joinpath"):
            place = self.value(node.func.value)
            for part in node.args if node.func.attr == "joinpath" else []:
                place = self._joined(place, part)
            return place
        if not node.args:
            return None
        first = node.args[0]
        if name.endswith("files") and isinstance(first, ast.Constant) and isinstance(first.value, str):
            return self.house.module_place(first.value)
        if name in ("Path", "PurePath", "str", "open", "os.path.abspath"):
            text = first.value if isinstance(first, ast.Constant) else None
            if isinstance(text, str) and self.house.room_of(TOP / text):
                return TOP / text  # from the working directory, which is the root
            return self.value(first)
        if name == "os.path.dirname":
            place = self.value(first)
            return place.parent if place else None
        if name == "os.path.join":
            place = self.value(first)
            for part in node.args[1:]:
                place = self._joined(place, part)
            return place
        return None
