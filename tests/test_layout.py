"""The direction of imports, and what the installed package holds."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import structure

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("pipeline", "extractors", "aqa")


def imported_by(package: str) -> set[str]:
    """Top-level names that any file of the package imports, at its top or in a function."""
    names: set[str] = set()
    files = list((ROOT / package).rglob("*.py"))
    assert len(files) > 5
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("extractors", {"aqa", "pipeline", "ray", "typer", "rich", "tests"}),
        ("aqa", {"extractors", "pipeline", "ray", "typer", "rich", "tests"}),
        ("pipeline", {"tests"}),
    ],
)
def test_imports_point_one_way(package: str, forbidden: set[str]) -> None:
    names = imported_by(package)
    assert "numpy" in names and not names & forbidden


def test_folders_know_each_other_by_their_faces() -> None:
    """A module is seen by its siblings and by what lies below them; what stands directly in one of
    the three packages is seen by all."""
    seen = wrong = 0
    for module, path in structure.modules().items():
        for entry in structure.imports(module, path):
            home = entry.target.rpartition(".")[0]
            seen += 1
            if home not in ("", *PACKAGES) and not f"{module}.".startswith(f"{home}."):
                wrong += 1
                print(f"{path}:{entry.line}: {entry.target} is none of its business")
    assert seen > 400 and not wrong


@pytest.mark.parametrize("package", [name for name in structure.packages() if "." in name])
def test_a_face_says_what_others_may_use(package: str) -> None:
    face = import_module(package)
    assert face.__doc__ and sorted(set(face.__all__)) == sorted(face.__all__)
    for name in face.__all__:
        getattr(face, name)  # the lazy ones are there, too
    inside = {name for home, _, name in map(split, structure.modules()) if home == package}
    assert inside and not inside & set(face.__all__), "a module, or what is in it?"


def split(module: str) -> tuple[str, str, str]:
    return module.rpartition(".")


def test_others_use_what_a_face_names() -> None:
    for module, path in structure.modules().items():
        for entry in structure.imports(module, path):
            if entry.target in structure.packages() and entry.name.strip("_") == entry.name != "":
                assert entry.name in import_module(entry.target).__all__, f"{path}:{entry.line}"


def test_the_house_stays_small_and_without_circles() -> None:
    graph = structure.arrows()
    structure.longest_chain(graph)  # raises where imports go in a circle
    for package in PACKAGES:
        entries = [p for p in (ROOT / package).iterdir() if not p.name.startswith("__")]
        assert 5 < len(entries) <= 12, f"{package} holds {sorted(p.name for p in entries)}"
        structure.longest_chain(structure.between_entries(graph, package))


CHEAP = ("extractors", "extractors.readers", "aqa", "aqa.config", "aqa.data", "aqa.models")
CHEAP += ("pipeline.cli", "pipeline.cluster", "pipeline.extraction", "pipeline.scoring")


@pytest.mark.parametrize("package", CHEAP)
def test_importing_is_cheap(package: str) -> None:
    """Nothing heavy is loaded before something needs it: --help answers at once, and Ray's workers
    that only decode need no torch."""
    heavy = "{'torch', 'ray', 'cv2', 'av', 'matplotlib'}"
    code = f"import sys, {package}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_constraints_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras["dev"][1:]
    wanted += [entry for name in ("serve", "import", "onnx") for entry in extras[name]]
    assert extras["dev"][0] == "aqa-pipeline[import,onnx,serve]"
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    names = [entry.split(">")[0].split("[")[0].strip().lower() for entry in wanted]
    assert len(names) > 15 and not set(names) - pinned


def test_docker_image_copies_what_the_build_needs() -> None:
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    copied = {name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]}
    wanted = {*PACKAGES, "configs", "constraints.txt", "pyproject.toml", "README.md"}
    assert copied == wanted and all((ROOT / name).exists() for name in wanted)


def test_the_version_stands_in_one_place() -> None:
    from pipeline import __version__

    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {__version__} " in (ROOT / "CHANGELOG.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dynamic"] == ["version"] and project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()


def test_wheel_holds_the_packages_and_the_configs(tmp_path: Path) -> None:
    """Neither ``configs`` nor ``tests`` may be installed at the top level."""
    import zipfile

    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT],
        check=True,
        timeout=250,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert top == set(PACKAGES)
    configs = {path.name for path in (ROOT / "configs").glob("*.yaml")}
    inside = {name.split("/")[-1] for name in names if name.startswith("aqa/configs/")}
    assert len(configs) >= 9 and inside == configs
    page = (
        "templates/report.html",
        "assets/script/page.js",
        "assets/uplot.js",
        "assets/texts.json",
    )
    assert {f"pipeline/reports/{name}" for name in page} <= set(names)
    assert {"aqa/checkpoints/fisv.safetensors", "aqa/checkpoints/fisv.md"} <= set(names)
