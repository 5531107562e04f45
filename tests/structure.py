"""How the packages hang together, read off their imports: ``python tests/structure.py``.

An import from a face (a package's ``__init__``) counts as one from the file that defines the name.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("extractors", "aqa", "pipeline")


@dataclass(frozen=True)
class Import:
    """``module`` imports ``name`` ("" for a module as a whole) from ``target``."""

    module: str
    target: str
    name: str
    line: int
    for_types_only: bool


@cache
def modules() -> dict[str, Path]:
    """Every module of the three packages by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def packages() -> list[str]:
    """The dotted names of all folders."""
    return [name for name, path in modules().items() if path.name == "__init__.py"]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(module: str, path: Path) -> Iterator[Import]:
    """What a module imports of the three packages, at its top or in a function."""
    known, tree = modules(), _tree(path)
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            pairs = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            pairs = [(node.module, alias.name) for alias in node.names]
        else:
            continue
        for target, name in pairs:
            if target.split(".")[0] not in PACKAGES:
                continue
            if f"{target}.{name}" in known:  # a module, imported from its package
                target, name = f"{target}.{name}", ""
            yield Import(module, target, name, node.lineno, id(node) in guarded)


@cache
def face(package: str) -> dict[str, str]:
    """Name -> module, for what a package's ``__init__`` hands on, eagerly or lazily."""
    handed: dict[str, str] = {}
    path = modules()[package]
    for entry in imports(package, path):
        if entry.name:
            handed[entry.name] = entry.target
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.keyword) and node.arg == "submod_attrs":
            for submodule, names in ast.literal_eval(node.value).items():
                handed |= {name: f"{package}.{submodule}" for name in names}
    return handed


def defining_module(target: str, name: str) -> str:
    """The file behind a name, through as many faces as hand it on."""
    while modules()[target].name == "__init__.py" and name in face(target):
        target = face(target)[name]
    return target


def arrows() -> dict[str, set[str]]:
    """Module -> the modules that it imports when it runs."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, path in modules().items():
        for entry in imports(module, path):
            target = defining_module(entry.target, entry.name)
            hands_on = path.name == "__init__.py" and target.startswith(f"{module}.")
            if target != module and not entry.for_types_only and not hands_on:
                found[module].add(target)
    return found


def between_entries(graph: dict[str, set[str]], package: str) -> dict[str, set[str]]:
    """The same between what stands directly in a package: its files and folders."""

    def entry(module: str) -> str:
        return ".".join(module.split(".")[:2])

    found: dict[str, set[str]] = defaultdict(set)
    for module, targets in graph.items():
        if module.startswith(f"{package}."):
            inside = {entry(t) for t in targets if t.startswith(f"{package}.")}
            found[entry(module)] |= inside - {entry(module)}
    return found


def longest_chain(graph: dict[str, set[str]]) -> list[str]:
    """The longest way along the arrows; ValueError where they go in a circle."""

    @cache
    def chain(module: str) -> tuple[str, ...]:
        if module in open_:
            raise ValueError(f"a circle of imports through {module}")
        open_.add(module)
        longest = max((chain(target) for target in graph.get(module, ())), key=len, default=())
        open_.discard(module)
        return (module, *longest)

    open_: set[str] = set()
    return list(max((chain(module) for module in graph), key=len))


def main() -> None:
    graph = arrows()
    files = [path for path in modules().values() if path.name != "__init__.py"]
    for package in PACKAGES:
        inside = {
            module: {target for target in targets if target.startswith(f"{package}.")}
            for module, targets in graph.items()
            if module.startswith(f"{package}.")
        }
        rooms = between_entries(graph, package)
        names = {room for room in rooms} | {room for targets in rooms.values() for room in targets}
        print(
            f"{package}: {len(names)} entries, {sum(map(len, rooms.values()))} imports between "
            f"them, longest chain {len(longest_chain(rooms))}; "
            f"{sum(map(len, inside.values()))} imports between its files, "
            f"longest chain {len(longest_chain(inside))}"
        )
    print(f"all: {len(files)} files, {sum(map(len, graph.values()))} imports between them")
    print(" -> ".join(longest_chain(graph)))


if __name__ == "__main__":
    main()
